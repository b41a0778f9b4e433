"""Profit, turnover and cost by winner, from a log: a book of its own for each, whose sums are the run's, to the digit.

A plan says what part of each symbol's target is whose. Then (1) what is held is split anew in those parts, at the plan's mid:
what changes hands inside costs nothing; (2) a fill goes to the winners in the parts its line names, and where it names none (a
close of what several held) in the parts they hold; (3) of a fill only what really traded pays: winners on its side carry its
fee, spread and slippage in proportion, the others are crossed at the arrival mid. Fills that nobody's target is behind, and
financing, are unattributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from orders.attribution import split_amount
from orders.exact import exact_arithmetic
from orders.values import Record

ZERO: Final = Decimal(0)
NOBODY: Final = ""  # the key of what is unattributed; no winner is called so


class WinnerResult(Record, frozen=True, kw_only=True):
    """Money in base currency. `winner`: engine/profile; empty for what is unattributed.

    `pnl` is after costs. `traded`: its part of the notional that went to a venue; `crossed`: notional that changed hands with
    another winner inside. `fees`, `spread`, `slippage`: as in `run_summary.RunSummary`. `financing_base` above 0 was credited.
    `fills`: executions it took part in, so that their sum may be more than the run's.
    """

    winner: str
    pnl: Decimal
    traded: Decimal
    crossed: Decimal
    fees: Decimal
    spread: Decimal
    slippage: Decimal
    financing_base: Decimal
    fills: int


class Execution(Record, frozen=True, kw_only=True):
    """One fill as the books need it. `sign` +1 for a buy; `unit_base`: base currency of one unit at a price of 1.

    `fee_units` of the symbol itself, where the venue takes it so; `fee`, `spread`, `slippage` in base currency, costs above 0.
    `parts`: winner -> its units, which sum to `quantity`; empty where the log names nobody.
    """

    symbol: str
    sign: int
    quantity: Decimal
    mid: Decimal
    unit_base: Decimal
    fee: Decimal
    fee_units: Decimal
    spread: Decimal
    slippage: Decimal
    parts: Mapping[str, Decimal]


class _Account:
    """One winner's running book: `cash` in base currency, signed units by symbol."""

    def __init__(self) -> None:
        self.cash = self.traded = self.crossed = self.fees = self.spread = self.slippage = self.financing_base = ZERO
        self.units: dict[str, Decimal] = {}
        self.fills = 0

    def move(self, symbol: str, units: Decimal, *, value: Decimal) -> None:
        """Take signed `units` for `value` in base currency."""
        self.units[symbol] = self.units.get(symbol, ZERO) + units
        self.cash -= value


class WinnerBooks:
    """Folds plans, fills and financing in the log's order; `results` values what is held then."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {NOBODY: _Account()}
        self._unit_base: dict[str, Decimal] = {}

    def account(self, winner: str) -> _Account:
        """Return the book of a winner, an empty one at first."""
        return self._accounts.setdefault(winner, _Account())

    def plan(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Split what is held in the parts of an approved plan's targets, at its mids."""
        with exact_arithmetic():
            for line in lines:
                shares = {winner: Decimal(text) for winner, text in line.get("attribution", {}).items()}
                if sum(shares.values(), ZERO) and line["bid"] is not None and line["ask"] is not None:
                    self._split_anew(line["symbol"], shares, mid=(Decimal(line["bid"]) + Decimal(line["ask"])) / 2)

    def _split_anew(self, symbol: str, shares: Mapping[str, Decimal], *, mid: Decimal) -> None:
        held = {winner: account.units[symbol] for winner, account in self._accounts.items() if account.units.get(symbol)}
        total = sum(held.values(), ZERO)
        if not total:
            return
        wanted = split_amount(total, shares)
        for winner in held.keys() | wanted.keys():
            units = wanted.get(winner, ZERO) - held.get(winner, ZERO)
            if units:
                value = units * mid * self._unit_base[symbol]
                self.account(winner).move(symbol, units, value=value)
                self.account(winner).crossed += abs(value)

    def fill(self, done: Execution) -> None:
        """Book one execution: see the module."""
        with exact_arithmetic():
            self._unit_base[done.symbol] = done.unit_base
            parts = dict(done.parts) or self._parts_held(done)
            paying = {winner: units for winner, units in parts.items() if units > 0}
            amounts = {
                name: split_amount(getattr(done, name), paying) for name in ("quantity", "fee", "fee_units", "spread", "slippage")
            }
            for winner, units in parts.items():
                account = self.account(winner)
                at_mid = units * done.mid * done.unit_base
                account.move(done.symbol, done.sign * units, value=done.sign * at_mid)
                account.fills += 1
                went = amounts["quantity"].get(winner, ZERO) * done.mid * done.unit_base
                account.traded += went
                account.crossed += abs(at_mid - went)
                if winner not in paying:
                    continue
                fee, fee_units = amounts["fee"][winner], amounts["fee_units"][winner]
                account.cash -= (ZERO if done.fee_units else fee) + amounts["spread"][winner] + amounts["slippage"][winner]
                account.units[done.symbol] -= fee_units
                account.fees += fee
                account.spread += amounts["spread"][winner]
                account.slippage += amounts["slippage"][winner]

    def _parts_held(self, done: Execution) -> dict[str, Decimal]:
        held = {w: account.units.get(done.symbol, ZERO) for w, account in self._accounts.items()}
        shares = {winner: units for winner, units in held.items() if units}
        if not sum(shares.values(), ZERO) * done.sign < 0:  # it does not reduce what is held: nobody is known to want it
            return {NOBODY: done.quantity}
        return split_amount(done.quantity, shares)

    def financing(self, amount: Decimal) -> None:
        """Book what holding cost (below 0) or earned, in base currency: unattributed."""
        with exact_arithmetic():
            self._accounts[NOBODY].cash += amount
            self._accounts[NOBODY].financing_base += amount

    def results(self, prices: Mapping[str, Decimal]) -> tuple[WinnerResult, ...]:
        """Return every winner by name, the unattributed last; `prices`: newest mids of all that is held."""
        with exact_arithmetic():
            return tuple(self._result(winner, prices) for winner in [*sorted(w for w in self._accounts if w), NOBODY])

    def _result(self, winner: str, prices: Mapping[str, Decimal]) -> WinnerResult:
        account = self._accounts[winner]
        held = (units * prices[symbol] * self._unit_base[symbol] for symbol, units in account.units.items() if units)
        return WinnerResult(
            winner=winner,
            pnl=account.cash + sum(held, ZERO),
            traded=account.traded,
            crossed=account.crossed,
            fees=account.fees,
            spread=account.spread,
            slippage=account.slippage,
            financing_base=account.financing_base,
            fills=account.fills,
        )
