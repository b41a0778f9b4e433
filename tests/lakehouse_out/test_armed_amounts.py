"""What send lines say of the armed amount is summed by venue and day, over restarts; what is not known is said to be so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lakehouse.counted import DAY_NS
from lakehouse.rebuild import LogFold
from orders.errors import RecordCorrupt
from tests.lakehouse_out.conftest import START_NS, Lines, folded

DAY = START_NS // DAY_NS


def sent(lines: Lines, *sends: dict[str, Any]) -> LogFold:
    return folded(lines.start(), *(lines.send(f"{number:032}", **given) for number, given in enumerate(sends)))


def test_amounts_of_a_day_are_summed_exactly_and_cancels_are_none(lines: Lines) -> None:
    fold = sent(
        lines,
        {"armed_base": "0.1", "armed_day": DAY}, {"armed_base": "0.2", "armed_day": DAY}, {"action": "cancel"},
        {"armed_base": "7", "armed_day": DAY, "venue": "IBKR"},
    )  # fmt: skip
    assert fold.counted.sent == {"BINANCE": (DAY, Decimal("0.3")), "IBKR": (DAY, Decimal(7))}


def test_a_new_day_begins_anew_and_an_amount_of_the_day_before_joins_it(lines: Lines) -> None:
    """A clock that was set back gives no day back."""
    fold = sent(
        lines,
        {"armed_base": "5", "armed_day": DAY}, {"armed_base": "2", "armed_day": DAY + 1}, {"armed_base": "1", "armed_day": DAY},
    )  # fmt: skip
    assert fold.counted.sent == {"BINANCE": (DAY + 1, Decimal(3))}


def test_the_day_is_the_one_on_which_the_order_passed_the_gate(lines: Lines) -> None:
    fold = sent(lines, {"armed_base": "5", "armed_day": DAY, "ts_ns": (DAY + 1) * DAY_NS})
    assert fold.counted.sent == {"BINANCE": (DAY, Decimal(5))}


def test_one_amount_that_is_not_known_makes_the_day_unknown_and_not_the_next(lines: Lines) -> None:
    unknown = sent(lines, {"armed_base": "5", "armed_day": DAY}, {}, {"armed_base": "5", "armed_day": DAY})
    assert unknown.counted.sent == {"BINANCE": (DAY, None)}
    later = sent(lines, {}, {"armed_base": "5", "armed_day": DAY + 1})
    assert later.counted.sent == {"BINANCE": (DAY + 1, Decimal(5))}


@pytest.mark.parametrize("text", ["-1", "0", "NaN", "much"])
def test_an_amount_that_is_none_is_refused(lines: Lines, text: str) -> None:
    with pytest.raises(RecordCorrupt):
        sent(lines, {"armed_base": text, "armed_day": DAY})
