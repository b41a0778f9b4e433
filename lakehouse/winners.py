"""The winners of a research portfolio, and how a v3 manifest names them. What contradicts itself refuses its winner."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from lakehouse.manifest_rows import (
    ASK,
    Asset,
    is_integer,
    is_name,
    is_number,
    read_assets,
    refusal,
    rows_of,
    text_or_none,
)
from lakehouse.provenance import RUN_ID
from lakehouse.upstream_time import stamp_ns
from orders.errors import InputError
from orders.values import Record

WINNERS_MAX: Final = 100
NO_RUN: Final = "(no run)"  # the source run of a file that names none and lies in none; no run id can look like it


class Winner(Record, frozen=True, kw_only=True):
    """One portfolio of a document. `rank` None: its shape has no ranks. `regime_score` None: absent or NaN.
    `generated_ns` None: absent.
    """

    rank: int | None
    profile: str
    engine: str
    regime_name: str | None
    regime_score: Decimal | None
    quadrant: str | None
    source_run: str
    generated_ns: int | None
    returns_hash: str | None
    assets: tuple[Asset, ...]

    @property
    def key(self) -> str:
        """`engine/profile`: stable where ranks move."""
        return f"{self.engine}/{self.profile}"


class RefusedWinner(Record, frozen=True, kw_only=True):
    """A winner whose rows contradict themselves, and the first contradiction. `generated_ns` None: absent or unreadable."""

    rank: int | None
    profile: str
    engine: str
    code: str
    message: str
    generated_ns: int | None = None

    @property
    def key(self) -> str:
        """`engine/profile`."""
        return f"{self.engine}/{self.profile}"


class Reading(Record, frozen=True, kw_only=True):
    """How a document is read: the zone of its naive stamps, the largest weight, and the run whose directory it lies in
    (`NO_RUN` where in none), which is the source run of a shape that names none.
    """

    zone: ZoneInfo
    weight_abs_max: Decimal
    source_run: str = NO_RUN


Regime = tuple[str | None, Decimal | None, str | None]
"""Name, score and quadrant, each None where it is not there; a score that is NaN is not there."""


def regime_of(value: object) -> Regime:
    """Return what a document says of the regime; anything but an object says nothing."""
    named = value if isinstance(value, dict) else {}
    score = named.get("score")
    known = Decimal(score) if is_number(score) and Decimal(score).is_finite() else None
    return text_or_none(named.get("name")), known, text_or_none(named.get("quadrant"))


def generated_of(metadata: dict[str, Any], *, zone: ZoneInfo) -> int | None:
    """Return `generated_at` in ns UTC; None where it is absent. Raises `InputError` STAMP_MALFORMED, STAMP_IMPOSSIBLE."""
    generated = metadata.get("generated_at")
    if generated is not None and not isinstance(generated, str):
        raise refusal("STAMP_MALFORMED", "generated_at as text", f"{generated!r:.60}")
    return None if generated is None else stamp_ns(generated, zone=zone)


def v3_winners(rows: list[Any], *, reading: Reading) -> tuple[Winner | RefusedWinner, ...]:
    """Return the winners of a v3 document in file order.

    Raises `InputError`: SHAPE_UNKNOWN (too many), WINNER_UNREADABLE and WINNER_DUPLICATE (whose capital it is cannot be told).
    """
    if len(rows) > WINNERS_MAX:
        raise InputError("SHAPE_UNKNOWN", expected=f"at most {WINNERS_MAX} winners", found=str(len(rows)), action=ASK)
    winners = tuple(_winner(row, reading=reading) for row in rows)
    for names in ([winner.key for winner in winners], [f"rank {winner.rank}" for winner in winners]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError("WINNER_DUPLICATE", expected="every winner once", found=f"{', '.join(twice)} again", action=ASK)
    return winners


def _winner(row: Any, *, reading: Reading) -> Winner | RefusedWinner:
    rank, profile, engine = (row.get(name) for name in ("rank", "profile", "engine")) if isinstance(row, dict) else (None,) * 3
    if not (is_integer(rank) and 0 < rank < 10**9 and is_name(profile) and is_name(engine)):
        found = f"rank {rank!r:.40}, profile {profile!r:.60}, engine {engine!r:.60}"
        raise InputError("WINNER_UNREADABLE", expected="winners with rank, profile and engine", found=found, action=ASK)
    metadata = row.get("metadata")
    generated_ns = None
    try:
        if not isinstance(metadata, dict):
            raise refusal("MANIFEST_MALFORMED", "metadata as an object", "something else")
        generated_ns = generated_of(metadata, zone=reading.zone)
        return _sound_winner(
            row, metadata=metadata, rank=rank, profile=profile, engine=engine, generated_ns=generated_ns, reading=reading
        )
    except InputError as error:
        return refused_winner(error, rank=rank, profile=profile, engine=engine, generated_ns=generated_ns)


def refused_winner(error: InputError, *, rank: int | None, profile: str, engine: str, generated_ns: int | None) -> RefusedWinner:
    """Return the winner that `error` spoilt."""
    message = f"{error.found}; {error.expected} was expected"
    return RefusedWinner(rank=rank, profile=profile, engine=engine, code=error.code, message=message, generated_ns=generated_ns)


def _sound_winner(
    row: dict[str, Any],
    *,
    metadata: dict[str, Any],
    rank: int,
    profile: str,
    engine: str,
    generated_ns: int | None,
    reading: Reading,
) -> Winner:
    source_run = metadata.get("source_run_id")
    if not isinstance(source_run, str) or not RUN_ID.fullmatch(source_run):
        raise refusal("SOURCE_RUN_MALFORMED", f"a source_run_id of {RUN_ID.pattern}", f"{source_run!r:.60}")
    labels = {"Rank": rank, "Profile": profile, "Engine": engine, "Source_Run": source_run}
    rows = rows_of(row.get("assets"), what="assets")
    name, score, quadrant = regime_of(row.get("regime"))
    return Winner(
        rank=rank,
        profile=profile,
        engine=engine,
        regime_name=name,
        regime_score=score,
        quadrant=quadrant,
        source_run=source_run,
        generated_ns=generated_ns,
        returns_hash=text_or_none(metadata.get("source_returns_hash")),
        assets=read_assets(rows, labels=labels, source_run=source_run, weight_abs_max=reading.weight_abs_max),
    )
