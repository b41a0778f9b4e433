"""Profiles of a v2 document: flattened ones hold physical symbols, with gross and net apart; raw ones are in `lakehouse.atoms`.

A profile becomes the winner `flattened/<profile>` (raw: `v2/<profile>`). The document's stamp and regime are those of all its
profiles; it names no run, so the run is the directory it lies in.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from lakehouse.manifest_rows import (
    Asset,
    bounded,
    check_once,
    check_symbol,
    differ,
    is_name,
    refusal,
    rows_of,
    sign_of,
    weight_of,
)
from lakehouse.winners import WINNERS_MAX, Reading, RefusedWinner, Winner, generated_of, refused_winner, regime_of
from orders.errors import InputError

ENGINE: Final = "flattened"

_OF_THE_DOCUMENT: Final = frozenset({"SYMBOL_IS_ATOM", "SYMBOL_WITHOUT_EXCHANGE"})  # the flattener failed: nothing of it is good

type ReadRows = Callable[[list[Any], Reading], tuple[Asset, ...]]


def flattened_winners(document: dict[str, Any], *, reading: Reading) -> tuple[Winner | RefusedWinner, ...]:
    """Return the profiles of a flattened document in file order.

    Raises `InputError` for the whole document: SYMBOL_IS_ATOM and SYMBOL_WITHOUT_EXCHANGE in any profile (the platform leaves
    atoms it does not know unflattened, with the wrong side), and what `profile_winners` raises.
    """
    return profile_winners(document, engine=ENGINE, reading=reading, read_rows=flattened_assets, fatal=_OF_THE_DOCUMENT)


def profile_winners(
    document: dict[str, Any], *, engine: str, reading: Reading, read_rows: ReadRows, fatal: frozenset[str] = frozenset()
) -> tuple[Winner | RefusedWinner, ...]:
    """Return one winner for each profile; a profile without rows (skipped, or its engine failed) is refused by itself.

    Raises `InputError`: the codes in `fatal`, MANIFEST_MALFORMED, WINNER_UNREADABLE, STAMP_MALFORMED, STAMP_IMPOSSIBLE.
    """
    profiles, metadata, optimization = (document.get(name) for name in ("profiles", "metadata", "optimization"))
    if not isinstance(profiles, dict) or len(profiles) > WINNERS_MAX:
        raise refusal("MANIFEST_MALFORMED", f"profiles as an object of at most {WINNERS_MAX}", "something else")
    if not isinstance(metadata, dict):
        raise refusal("MANIFEST_MALFORMED", "metadata as an object", "something else")
    generated_ns = generated_of(metadata, zone=reading.zone)
    name, score, quadrant = regime_of(optimization.get("regime") if isinstance(optimization, dict) else None)
    winners: list[Winner | RefusedWinner] = []
    for profile, value in profiles.items():
        if not is_name(profile):
            raise refusal("WINNER_UNREADABLE", "profiles with a plain name", f"{profile!r:.60}")
        try:
            if not isinstance(value, dict):
                raise refusal("MANIFEST_MALFORMED", "a profile as an object", "something else")
            assets = read_rows(rows_of(value.get("assets"), what="assets"), reading)
        except InputError as error:
            if error.code in fatal:
                raise InputError(
                    error.code, expected=error.expected, found=f"{error.found} in profile {profile}", action=error.action
                ) from error
            winners.append(refused_winner(error, rank=None, profile=profile, engine=engine, generated_ns=generated_ns))
            continue
        winners.append(
            Winner(
                rank=None,
                profile=profile,
                engine=engine,
                regime_name=name,
                regime_score=score,
                quadrant=quadrant,
                source_run=reading.source_run,
                generated_ns=generated_ns,
                returns_hash=None,
                assets=assets,
            )
        )
    return tuple(winners)


def flattened_assets(rows: list[Any], reading: Reading) -> tuple[Asset, ...]:
    """Return the physical rows of a flattened profile. All are looked at for a leaked atom or sleeve before any weight."""
    symbols = [check_symbol(row.get("Symbol") if isinstance(row, dict) else None) for row in rows]
    check_once(symbols)
    return tuple(
        Asset(
            symbol=symbol,
            net_weight=bounded(_flattened_net(row, symbol=symbol), symbol=symbol, weight_abs_max=reading.weight_abs_max),
            source_run=own_run(row, symbol=symbol, reading=reading),
        )
        for symbol, row in zip(symbols, rows, strict=True)
    )


def own_run(row: dict[str, Any], *, symbol: str, reading: Reading) -> str:
    """Return the run the document lies in; a row that names another contradicts it."""
    named = row.get("Source_Run", reading.source_run)
    if named != reading.source_run:
        found = f"{symbol}: Source_Run {named!r:.60}"
        raise refusal("MANIFEST_CONTRADICTION", f"Source_Run {reading.source_run!r}, whose directory it lies in", found)
    return reading.source_run


def _flattened_net(row: dict[str, Any], *, symbol: str) -> Decimal:
    """Return Net_Weight. Weight is gross here: at least the size of the net, and equal to Gross_Weight; FLAT is 0."""
    net, gross, again = (weight_of(row, name, symbol=symbol) for name in ("Net_Weight", "Weight", "Gross_Weight"))
    sign, direction = sign_of(row, symbol=symbol), row.get("Direction")
    if net is None:
        raise refusal("WEIGHT_MISSING", "Net_Weight; the Weight of a flattened row is gross", f"{symbol}: none")
    for name, value in (("Weight", gross), ("Gross_Weight", again)):
        if value is None:
            continue
        if value < 0:
            raise refusal("MANIFEST_CONTRADICTION", f"{name} without a sign", f"{symbol}: {name} {value}")
        if net.copy_abs() > value and differ(net.copy_abs(), value):
            found = f"{symbol}: Net_Weight {net} but {name} {value}"
            raise refusal("MANIFEST_CONTRADICTION", f"Net_Weight at most as large as {name}", found)
    if gross is not None and again is not None and gross != again and differ(gross, again):
        found = f"{symbol}: Weight {gross} but Gross_Weight {again}"
        raise refusal("MANIFEST_CONTRADICTION", "Weight equal to Gross_Weight", found)
    if sign is not None and (net > 0) - (net < 0) != sign and (net or gross or again):
        found = f"{symbol}: Net_Weight {net} but Direction {direction}"
        raise refusal("MANIFEST_CONTRADICTION", "the sign of Direction", found)
    return net
