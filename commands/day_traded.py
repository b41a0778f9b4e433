"""What a run has traded today, for a plan that is made without it: from the fills of its log."""

from __future__ import annotations

from decimal import Decimal

from engine.day_turnover import DayTurnover
from engine.run_config import RunConfig
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from lakehouse.segments import has_file
from orders.plan import Held, PlanInputs
from orders.valuation import Marks, value_book


def turnover_today(config: RunConfig, inputs: PlanInputs) -> Decimal | None:
    """Return the notional traded on the UTC day of `inputs.now_ns` over equity; None where that cannot be valued.

    Reads the whole log. Raises `RecordCorrupt` for one that does not hold together, `StorageError`.
    """
    layout = Layout(config.lakehouse.directory)
    fold = examine(layout).fold if has_file(layout.log) else LogFold()
    marks = Marks.of_inputs(inputs)
    valued = value_book(inputs.book, marks=marks)
    if isinstance(valued, Held):
        return None
    return DayTurnover(fold).fraction_of(valued.equity_base, market_ns=inputs.now_ns, rate_of=marks.rate)
