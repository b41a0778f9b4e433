"""What a unit of each held symbol is believed to be worth: a value that has jumped is believed when a newer price says it again.

Equity decides how much of everything is bought, and its peak what counts as a drawdown; one wrong print of one held symbol would
move both. Market data sanity (control 17) judges the line of the symbol itself; this judges the whole valuation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from orders.canonical import decimal_text

MARK_JUMPED: Final = "MARK_JUMPED"


class BelievedValues:
    """One per run. `jump_max` > 0, a fraction of the value before; `stamp_of(symbol)`: when its newest price was true, in ns, on
    one clock with `confirm_ns` >= 0, for how long newer prices must have said the same.

    Values are base currency for one unit. Nothing is doubted before the first `believe`.
    """

    def __init__(self, *, jump_max: Decimal, stamp_of: Callable[[str], int | None], confirm_ns: int = 0) -> None:
        self._confirm_ns = confirm_ns
        self._jump_max = jump_max
        self._stamp_of = stamp_of
        self._believed: dict[str, Decimal] = {}
        self._doubted: dict[str, tuple[Decimal, int | None]] = {}

    def doubt(self, held: Iterable[str], values: Mapping[str, Decimal]) -> str:
        """Return in words the first of `held` whose value has jumped and was not seen there by an older price; "" for none."""
        doubted: dict[str, tuple[Decimal, int | None]] = {}
        words = ""
        for symbol in sorted(held):
            value, known = values.get(symbol), self._believed.get(symbol)
            if value is None or known is None or self._near(value, known):
                continue
            stamp, before = self._stamp_of(symbol), self._doubted.get(symbol)
            if before is not None and self._stood(stamp, before[1]) and self._near(value, before[0]):
                doubted[symbol] = before  # it stays confirmed while others are waited for
                continue
            doubted[symbol] = (value, stamp) if before is None or not self._near(value, before[0]) else before
            words = words or (
                f"a unit of {symbol}, which is held, went from {decimal_text(known)} to {decimal_text(value)} in base currency; "
                f"limit {decimal_text(self._jump_max)} of the value before, until newer prices say the same{self._how_long}"
            )
        self._doubted = doubted
        return words

    def believe(self, values: Mapping[str, Decimal]) -> None:
        """The book was valued at these."""
        self._believed.update(values)
        self._doubted = {}

    @property
    def _how_long(self) -> str:
        return f" for {self._confirm_ns} ns" if self._confirm_ns else ""

    def _stood(self, stamp: int | None, first: int | None) -> bool:
        """Whether the newest price is another one than the first that said so, and as much later as it must be."""
        if not self._confirm_ns:
            return stamp != first
        return stamp is not None and first is not None and stamp - first >= self._confirm_ns

    def _near(self, value: Decimal, known: Decimal) -> bool:
        return abs(value - known) <= self._jump_max * known
