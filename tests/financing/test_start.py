"""Where a start goes on booking: after what the log has, once more at its last instant, never before the terms existed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.accruals import start_of
from lakehouse.rebuild import LogFold
from orders.canonical import plain
from orders.financing import DayCount, FinancingTerms, InterestTerms
from tests.lakehouse_out.conftest import START_NS, Lines
from tests.lakehouse_out.test_financing_lines import DAY_NS, financing

TERMS = FinancingTerms(
    day_count=DayCount.ACT_365,
    accrue_at="17:00",
    zone="UTC",
    borrow={"BINANCE": Decimal("0.1")},
    interest={"USDT": InterestTerms(credit_fraction=Decimal("0.02"), debit_fraction=Decimal("0.02"))},
    funding={},
)
OTHER = FinancingTerms(**{**{name: getattr(TERMS, name) for name in TERMS.__struct_fields__}, "accrue_at": "16:00"})
DAY = START_NS // DAY_NS
EPOCH = START_NS + 7
FILL = {"client_order_id": "unexplained"}


def fold_of(*made: Any) -> LogFold:
    fold = LogFold()
    for number, line in enumerate(made, start=1):
        fold.apply(line, seq=number)
    return fold


def begun(terms: FinancingTerms | None = TERMS, **given: Any) -> Any:
    assumptions = {} if terms is None else {"financing": plain(terms)}
    return Lines().start(assumptions=assumptions, market_epoch_ns=EPOCH, **given)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ((), None),
        ((begun(None), Lines().fill()), None),
        ((begun(),), EPOCH),
        ((begun(), financing(DAY)), (DAY + 1) * DAY_NS - 1),
        ((begun(), financing(DAY), Lines().fill(market_ns=(DAY + 1) * DAY_NS + 9)), (DAY + 1) * DAY_NS + 9),
        ((begun(), Lines().fill(market_ns=EPOCH + 3)), EPOCH + 3),
        ((begun(None), Lines().fill(), begun(starting_cash=None, market_ns=EPOCH + 1)), EPOCH + 1),
        ((begun(OTHER), financing(DAY, market_ns=(DAY + 2) * DAY_NS)), (DAY + 2) * DAY_NS),
    ],
    ids=[
        "a new log begins with its first price", "an old log too", "nothing booked yet: where market time began",
        "the last instant is looked at once more", "a fill says that all before it was booked", "a fill before any booking",
        "an old log goes on under terms: from that run on", "changed terms: from the end of the log",
    ],
)  # fmt: skip
def test_a_start_books_from_here_on(made: tuple[Any, ...], expected: int | None) -> None:
    assert start_of(fold_of(*made), TERMS) == expected
