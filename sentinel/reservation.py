"""Reservation (control 5, RTS 6 15(2)): exposure is taken when an order is approved and given back when it is terminal.

Every approved line holds units of its symbol. An order draws on its own line's; what has passed the gate counts at its worst
case, as if all of it filled and nothing on the other side did; what fills becomes position. So at every instant

    filled + open <= limit         for each symbol and for the gross of the whole book, over all venues
    filled + open + reserved <= limit      for each symbol

as far as the book was inside before: an order that does not raise its symbol's worst case always passes. Units are valued at the
mids of the last valuation, so prices alone move no total between two of them. Everything here is one look-up an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text
from orders.exact import EXACT, exact_arithmetic
from orders.plan import Approval, OpenOrder, Verdict
from orders.values import Side
from sentinel.limits import SentinelLimits
from sentinel.verdicts import allow, deny

RESERVATION: Final = "RESERVATION"
MAX_LEVERAGE: Final = "MAX_LEVERAGE"
MAX_ASSET_EXPOSURE: Final = "MAX_ASSET_EXPOSURE"
ZERO: Final = Decimal(0)


class _Symbol:
    """Units of one symbol; `value`: base currency for one unit, None until it was valued."""

    __slots__ = ("buys", "gross", "position", "reserved_buys", "reserved_sells", "sells", "value")

    def __init__(self) -> None:
        self.position = self.buys = self.sells = self.reserved_buys = self.reserved_sells = self.gross = ZERO
        self.value: Decimal | None = None

    def worst(self) -> Decimal:
        """Units of the far end of what is filled and open can reach, long or short."""
        return max(self.position + self.buys, self.sells - self.position)


class _Line:
    __slots__ = ("approval", "left", "symbol")

    def __init__(self, approval: Approval, symbol: _Symbol) -> None:
        self.approval = approval
        self.symbol = symbol
        self.left = approval.quantity


class _Open:
    __slots__ = ("buy", "left", "line_id", "symbol")

    def __init__(self, symbol: _Symbol, *, buy: bool, left: Decimal, line_id: str) -> None:
        self.symbol = symbol
        self.buy = buy
        self.left = left
        self.line_id = line_id


class Reservations:
    """One per gate. Its methods are to be called inside `exact_operators`, but for `mark` and `restore_open`."""

    def __init__(self, limits: SentinelLimits) -> None:
        self._symbols: dict[str, _Symbol] = {}
        self._lines: dict[str, _Line] = {}
        self._open: dict[str, _Open] = {}
        self._gross = ZERO  # base currency, filled + open at its worst, over all symbols but as they were when last counted
        self._unvalued: set[_Symbol] = set()  # of no known value: what is held or open of them is in no sum
        self._moved: set[_Symbol] = set()  # since `_gross` was counted: it is asked for half as often as something moves
        self._equity_ns: int | None = None
        self._equity = ZERO
        self.hold_to(limits)

    def hold_to(self, limits: SentinelLimits) -> None:
        """From now on these limits hold, of the equity that was seen last."""
        self._limits = limits
        self._take_limits()
        age = f"equity at most {limits.equity_age_max_ns} ns old"
        self._asset_words = f"{decimal_text(limits.max_asset_exposure)} of equity"
        self._gross_words = f"gross {decimal_text(limits.max_leverage)} of equity, {age}"
        self.passed = (
            allow(RESERVATION, "reserved", "what its line has left"),
            allow(MAX_ASSET_EXPOSURE, "within", self._asset_words),
            allow(MAX_LEVERAGE, "within", self._gross_words),
        )

    def mark(
        self, *, positions: Mapping[str, Decimal], values: Mapping[str, Decimal], equity_base: Decimal, equity_ns: int
    ) -> None:
        """Take a valuation: signed units held, base currency for one unit by symbol (at mid), equity and when it was true.

        A value that is zero, negative or not finite is none: what needs it denies.
        """
        assert equity_base.is_finite()
        with exact_arithmetic():
            for name in positions.keys() | values.keys():
                self._symbol(name)
            self._gross = ZERO
            self._moved.clear()
            self._unvalued.clear()
            for name, symbol in self._symbols.items():
                symbol.position = positions.get(name, ZERO)
                value = values.get(name, symbol.value)
                symbol.value = value if value is not None and value.is_finite() and value > ZERO else None
                if symbol.value is None:
                    self._unvalued.add(symbol)
                symbol.gross = symbol.worst() * (symbol.value or ZERO)
                self._gross += symbol.gross
        self._equity = equity_base
        self._take_limits()
        self._equity_ns = equity_ns

    def reserve(self, approvals: Iterable[Approval]) -> None:
        """Take what approved lines may draw. An id that is known already changes nothing."""
        for approval in approvals:
            if approval.client_order_id in self._lines:
                continue
            symbol = self._symbol(approval.symbol)
            self._lines[approval.client_order_id] = _Line(approval, symbol)
            self._reserved(symbol, approval.side, approval.quantity)

    def restore_held(self, positions: Mapping[str, Decimal]) -> None:
        """After a restart: signed units held, not valued yet."""
        for name, units in positions.items():
            self._symbol(name).position = units

    def moved(self, symbol: str, units: Decimal) -> None:
        """Signed units of a symbol came (above 0) or went by no order of ours."""
        entry = self._symbol(symbol)
        entry.position += units
        self._moved.add(entry)

    def restore_open(self, order_id: str, *, symbol: str, side: Side, left: Decimal) -> None:
        """After a restart: this order is at its venue and may still fill `left` units; its line is gone."""
        with exact_arithmetic():
            entry = self._symbol(symbol)
            self._open[order_id] = _Open(entry, buy=side is Side.BUY, left=left, line_id="")
            self._opened(entry, side is Side.BUY, left)

    def ask(self, line_id: str, quantity: Decimal, now_ns: int) -> tuple[Verdict, Verdict, Verdict]:
        """Return the verdicts RESERVATION, MAX_ASSET_EXPOSURE and MAX_LEVERAGE on an order of that line; nothing is drawn yet."""
        line = self._lines.get(line_id)
        if line is None:
            return self._denied(RESERVATION, "nothing reserved", "what its line has left")
        if quantity > line.left:
            return self._denied(RESERVATION, f"{quantity} units", f"{line.left} units its line has left")
        symbol, value = line.symbol, line.symbol.value
        long, short = symbol.position + symbol.buys, symbol.sells - symbol.position
        units = max(long + quantity, short) if line.approval.side is Side.BUY else max(long, short + quantity)
        if units <= max(long, short):
            return self.passed  # whatever the book is worth: it can always be reduced
        if self._equity_ns is None or value is None or not 0 <= now_ns - self._equity_ns <= self._limits.equity_age_max_ns:
            seen = "equity missing" if self._equity_ns is None else f"stale equity, {now_ns - self._equity_ns} ns old"
            return self._denied(MAX_LEVERAGE, seen if value is not None else "value of the symbol missing", self._gross_words)
        after = units * value
        if after > self._asset_max:
            return self._denied(MAX_ASSET_EXPOSURE, f"{decimal_text(after)} base currency at worst", self._asset_words)
        if self._unvalued and any(other.worst() for other in self._unvalued):
            return self._denied(MAX_LEVERAGE, "value of another symbol missing", self._gross_words)
        self._count_gross()
        gross = self._gross - symbol.gross + after
        if gross > self._gross_max:
            return self._denied(MAX_LEVERAGE, f"gross {decimal_text(gross)} base currency at worst", self._gross_words)
        return self.passed

    def draw(self, line_id: str, order_id: str, quantity: Decimal) -> None:
        """The gate let an order of this line pass: reserved becomes open."""
        line = self._lines[line_id]
        line.left -= quantity
        assert line.left >= ZERO
        side = line.approval.side
        self._open[order_id] = _Open(line.symbol, buy=side is Side.BUY, left=quantity, line_id=line_id)
        self._reserved(line.symbol, side, -quantity)
        self._opened(line.symbol, side is Side.BUY, quantity)

    def undo(self, order_id: str) -> None:
        """An order that was just drawn is not sent after all: its line has it back."""
        known = self._open.pop(order_id)
        line = self._lines[known.line_id]
        line.left += known.left
        self._reserved(line.symbol, line.approval.side, known.left)
        self._opened(known.symbol, known.buy, -known.left)

    def fill(self, order_id: str, *, symbol: str, side: Side, quantity: Decimal) -> None:
        """Open becomes position. More than was open, or of an order that is not counted here, is position all the same."""
        entry = self._symbol(symbol)
        entry.position += quantity if side is Side.BUY else -quantity
        self._moved.add(entry)
        known = self._open.get(order_id)
        if known is None:
            return
        closed = quantity if quantity <= known.left else known.left
        known.left -= closed
        if not known.left:
            self._ended(order_id, known)
        self._opened(entry, side is Side.BUY, -closed)

    def end(self, order_id: str) -> None:
        """An order is terminal: what of it is open is given back, to its line if it was a child; what a line has left lapses."""
        known = self._open.get(order_id)
        if known is None:
            self.release(order_id)
            return
        self._ended(order_id, known)
        self._opened(known.symbol, known.buy, -known.left)
        line = self._lines.get(known.line_id)
        if line is not None:
            line.left += known.left
            self._reserved(line.symbol, line.approval.side, known.left)

    def release(self, line_id: str) -> None:
        """A line may send no more: what it has left is given back. Nothing for an id that has no line."""
        line = self._lines.pop(line_id, None)
        if line is not None and line.left:
            self._reserved(line.symbol, line.approval.side, -line.left)

    def unsent(self) -> tuple[OpenOrder, ...]:
        """Return what approved lines have not sent yet, as orders that may still fill."""
        return tuple(
            OpenOrder(client_order_id=line_id, symbol=line.approval.symbol, side=line.approval.side, leaves_quantity=line.left)
            for line_id, line in self._lines.items()
            if line.left > 0
        )

    def reducing_units(self) -> dict[str, Decimal]:
        """Return by symbol what open and reserved orders take off its position; only symbols that have such."""
        found = {}
        for name, symbol in self._symbols.items():
            units = symbol.sells + symbol.reserved_sells if symbol.position > 0 else symbol.buys + symbol.reserved_buys
            if units and symbol.position:
                found[name] = units
        return found

    def open_reducing(self, symbol: str, side: Side) -> Decimal:
        """Return the units of a symbol that are open on one side."""
        entry = self._symbols.get(symbol)
        return ZERO if entry is None else entry.buys if side is Side.BUY else entry.sells

    def exposure(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the worst case of a symbol in units: of what is filled and open, and with what is reserved too."""
        entry = self._symbols[symbol]
        buys, sells = entry.buys + entry.reserved_buys, entry.sells + entry.reserved_sells
        return entry.worst(), max(entry.position + buys, sells - entry.position)

    @property
    def at_work(self) -> bool:
        """Whether anything is reserved or open."""
        return bool(self._lines or self._open)

    @property
    def gross_base(self) -> Decimal:
        """What is filled and open at its worst, over all symbols and venues, in base currency."""
        with exact_arithmetic():
            self._count_gross()
        return self._gross

    def _symbol(self, name: str) -> _Symbol:
        known = self._symbols.get(name)
        if known is None:
            known = self._symbols[name] = _Symbol()
            self._unvalued.add(known)
        return known

    def _take_limits(self) -> None:
        self._asset_max = EXACT.multiply(self._limits.max_asset_exposure, self._equity)
        self._gross_max = EXACT.multiply(self._limits.max_leverage, self._equity)

    def _count_gross(self) -> None:
        for symbol in self._moved:
            if symbol.value is not None:
                gross = symbol.worst() * symbol.value
                self._gross += gross - symbol.gross
                symbol.gross = gross
        self._moved.clear()

    def _ended(self, order_id: str, known: _Open) -> None:
        del self._open[order_id]
        if known.line_id == order_id:  # its line serves one order: what it did not ask for lapses
            self.release(order_id)

    def _reserved(self, symbol: _Symbol, side: Side, quantity: Decimal) -> None:
        if side is Side.BUY:
            symbol.reserved_buys += quantity
        else:
            symbol.reserved_sells += quantity

    def _opened(self, symbol: _Symbol, buy: bool, quantity: Decimal) -> None:
        if buy:
            symbol.buys += quantity
        else:
            symbol.sells += quantity
        self._moved.add(symbol)

    def _denied(self, control: str, observed: str, limit: str) -> tuple[Verdict, Verdict, Verdict]:
        no = deny(control, observed, limit)
        first, second, third = (no if verdict.control == control else verdict for verdict in self.passed)
        return first, second, third
