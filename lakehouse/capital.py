"""How the winners of a manifest share the capital: the split, their common origin, and the targets netted over them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

from lakehouse.manifest_rows import ASK, EXACT
from lakehouse.shapes import Manifest
from lakehouse.winners import RefusedWinner, Winner
from orders.canonical import decimal_text
from orders.errors import InputError


def split_capital(manifest: Manifest, capital: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return engine/profile -> fraction. A share whose winner is missing or refused is never given to another.

    Raises `InputError`: WINNER_MISSING, CAPITAL_AMBIGUOUS, and the code of a refused winner that has capital.
    """
    by_name = {w.key: w for w in manifest.winners} | {f"rank:{w.rank}": w for w in manifest.winners if w.rank is not None}
    fractions: dict[str, Decimal] = {}
    for name, fraction in capital.items():
        winner = by_name.get(name)
        if winner is None:
            found = ", ".join(w.key if w.rank is None else f"rank:{w.rank} {w.key}" for w in manifest.winners)[:200]
            raise InputError(
                "WINNER_MISSING", expected=f"winner {name}", found=found, action="Mend the manifest or the capital split."
            )
        if isinstance(winner, RefusedWinner):
            raise InputError(winner.code, expected=f"a sound winner {winner.key}", found=winner.message, action=ASK)
        if winner.key in fractions:
            found = f"{name} for {winner.key}, which has a share already"
            raise InputError("CAPITAL_AMBIGUOUS", expected="one share a winner", found=found, action="Mend the capital split.")
        fractions[winner.key] = fraction
    return fractions


def common_origin(used: tuple[Winner, ...]) -> tuple[str, int]:
    """Return the one source run of the winners used and their oldest stamp. Raises `InputError` SOURCE_RUNS_DIFFER,
    MANIFEST_UNDATED.
    """
    runs = sorted({winner.source_run for winner in used})
    if len(runs) != 1:
        raise InputError("SOURCE_RUNS_DIFFER", expected="one source run", found=", ".join(runs), action=ASK)
    stamps = [winner.generated_ns for winner in used if winner.generated_ns is not None]
    if len(stamps) != len(used):
        undated = ", ".join(winner.key for winner in used if winner.generated_ns is None)
        raise InputError("MANIFEST_UNDATED", expected="generated_at", found=f"none in {undated}", action=ASK)
    return runs[0], min(stamps)


def net_targets(used: tuple[Winner, ...], fractions: Mapping[str, Decimal]) -> tuple[dict[str, Decimal], list[str]]:
    """Return symbol -> Σ fraction * net_weight in symbol order, and a note for every symbol the winners disagree on."""
    with localcontext(EXACT):
        if len(used) == 1:
            fraction = fractions[used[0].key]
            weights = {asset.symbol: asset.net_weight for asset in used[0].assets}
            return {symbol: fraction * weights[symbol] or Decimal(0) for symbol in sorted(weights)}, []
        shares: dict[str, list[Decimal]] = {}
        for winner in used:
            for asset in winner.assets:
                shares.setdefault(asset.symbol, []).append(fractions[winner.key] * asset.net_weight)
        targets = {symbol: sum(shares[symbol], Decimal(0)) or Decimal(0) for symbol in sorted(shares)}
    notes = [
        f"{symbol}: winners disagree ({' and '.join(map(decimal_text, parts))}), netted"
        for symbol, parts in sorted(shares.items())
        if min(parts) < 0 < max(parts)
    ]
    return targets, notes
