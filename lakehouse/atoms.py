"""Raw v2 profiles: strategy atoms in synthetic-long space, whose side is in the symbol's suffix, netted per physical symbol.

`BINANCE:ETHUSDT_momentum_SHORT_1d` with weight 0.25 is a short of a quarter in `BINANCE:ETHUSDT`. The optimiser writes every
atom as LONG with a positive weight; one that is anything else has been flipped by somebody already and is refused. The
exchange may contain underscores, so the suffix is looked for behind the colon only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any, Final

from lakehouse.flattened import own_run, profile_winners
from lakehouse.manifest_rows import EXACT, Asset, bounded, check_once, check_symbol, net_weight, refusal
from lakehouse.winners import Reading, RefusedWinner, Winner
from orders.errors import InputError

ENGINE: Final = "v2"

_ATOM: Final = re.compile(r"(?P<ticker>[^_]+)_(?P<logic>.+?)_(?P<side>LONG|SHORT)(?:_(?P<timescale>[0-9]+[mhdwM]))?")


def raw_winners(document: dict[str, Any], *, reading: Reading) -> tuple[Winner | RefusedWinner, ...]:
    """Return the profiles of a raw v2 document, netted to physical symbols, as `v2/<profile>`; see `profile_winners`."""
    return profile_winners(document, engine=ENGINE, reading=reading, read_rows=raw_assets)


def split_atom(symbol: str) -> tuple[str, int] | None:
    """Return (physical symbol, 1 or -1) of an atom, None for a symbol that is none.

    Raises `InputError` of `check_symbol` when what is left is no physical symbol, as in `BINANCE:BTCUSDT_LONG`.
    """
    exchange, _, ticker = symbol.partition(":")
    match = _ATOM.fullmatch(ticker)
    if match is None:
        check_symbol(symbol)
        return None
    return check_symbol(f"{exchange}:{match['ticker']}"), -1 if match["side"] == "SHORT" else 1


def raw_assets(rows: list[Any], reading: Reading) -> tuple[Asset, ...]:
    """Return the rows netted per physical symbol, in the order of their first appearance. A sum of 0 is kept: hold none."""
    check_once(row.get("Symbol") for row in rows if isinstance(row, dict) and isinstance(row.get("Symbol"), str))
    nets: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for row in rows:
            name = row.get("Symbol") if isinstance(row, dict) else None
            if not isinstance(name, str):
                raise refusal("SYMBOL_MALFORMED", "a Symbol in every row", f"{name!r:.60}")
            atom = split_atom(name)
            symbol, sign = (name, 1) if atom is None else atom
            own_run(row, symbol=name, reading=reading)
            weight = net_weight(row, symbol=name) if atom is None else _atom_weight(row, symbol=name)
            weight = bounded(weight, symbol=name, weight_abs_max=reading.weight_abs_max)
            nets[symbol] = nets.get(symbol, Decimal(0)) + (weight if sign > 0 else weight.copy_negate())
    return tuple(
        Asset(
            symbol=symbol,
            net_weight=bounded(net or Decimal(0), symbol=symbol, weight_abs_max=reading.weight_abs_max),
            source_run=reading.source_run,
        )
        for symbol, net in nets.items()
    )


def _atom_weight(row: Mapping[str, Any], *, symbol: str) -> Decimal:
    """Return an atom's weight, 0 or more: synthetic-long, so LONG where a Direction is given."""
    try:
        weight = net_weight({"Direction": "LONG", **row}, symbol=symbol)
    except InputError as error:
        if error.code == "MANIFEST_CONTRADICTION":
            raise _not_normalised(error.found) from error
        raise
    if weight < 0 or row.get("Direction", "LONG") != "LONG":
        raise _not_normalised(f"{symbol}: Direction {row.get('Direction')!r:.40}, weight {weight}")
    return weight


def _not_normalised(found: str) -> InputError:
    return refusal("ATOM_NOT_NORMALISED", "an atom as LONG with a positive weight; its side is in the suffix", found)
