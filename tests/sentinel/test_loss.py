"""Loss of the day and drawdown along scripted paths of equity."""

from __future__ import annotations

import pytest

from orders.plan import Outcome
from sentinel.loss import DAY_NS, Baseline, LossMode, loss_verdicts, observe, with_capital
from sentinel.running_state import RunningState
from tests.planner.world import D
from tests.sentinel.cases import limits

HOUR_NS = 3_600 * 1_000_000_000
DAY = 19_000 * DAY_NS

# hour, equity, mode, equity the day began with, peak; limits: 10 % a day, 20 % from the peak
PATH = [
    (0, "1000", "OPEN", "1000", "1000"),
    (5, "1100", "OPEN", "1000", "1100"),
    (6, "900", "OPEN", "1000", "1100"),
    (7, "899.99", "CLOSE_ONLY", "1000", "1100"),
    (8, "900", "OPEN", "1000", "1100"),
    (23, "905", "OPEN", "1000", "1100"),
    (24, "890", "OPEN", "905", "1100"),
    (30, "880", "OPEN", "905", "1100"),
    (31, "879.99", "CLOSE_ONLY", "905", "1100"),
    (48, "879.98", "CLOSE_ONLY", "879.99", "1100"),
    (72, "900", "OPEN", "879.98", "1100"),
    (96, "700", "CLOSE_ONLY", "900", "1100"),
    (120, "1500", "OPEN", "700", "1500"),
]


def test_the_mode_follows_the_path_and_a_night_belongs_to_the_day_after_it() -> None:
    known: Baseline | None = None
    for hour, equity, mode, start, peak in PATH:
        known = observe(known, equity_base=D(equity), market_ns=DAY + hour * HOUR_NS)
        assert (known.day_start_base, known.peak_base) == (D(start), D(peak)), hour
        assert loss_verdicts(known, limits=limits())[0].value == mode, hour


def test_market_time_that_runs_back_stays_on_its_day() -> None:
    known = observe(None, equity_base=D("1000"), market_ns=DAY + 30 * HOUR_NS)
    known = observe(known, equity_base=D("950"), market_ns=DAY + 10 * HOUR_NS)
    assert (known.day, known.day_start_base) == (DAY // DAY_NS + 1, D("1000"))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "0", "-5"])
@pytest.mark.parametrize("field", ["day_start_base", "peak_base", "equity_base"])
def test_a_figure_that_is_none_lets_nothing_trade(field: str, value: str) -> None:
    sound = {"day_start_base": D("1"), "peak_base": D("1"), "equity_base": D("1")}
    mode, verdicts = loss_verdicts(Baseline(day=1, **(sound | {field: D(value)})), limits=limits())
    assert mode is LossMode.UNKNOWN
    assert {verdict.outcome for verdict in verdicts} == {Outcome.DENY}


def test_the_state_says_when_its_mode_changes_and_why() -> None:
    state = RunningState(limits(), positions={})
    changes = []
    for hour, equity, *_ in PATH[:5]:
        changed = state.observe(equity_base=D(equity), positions={}, values={}, now_ns=hour, market_ns=DAY + hour * HOUR_NS)
        changes.append((changed, state.mode.value))
    assert changes == [(True, "OPEN"), (False, "OPEN"), (False, "OPEN"), (True, "CLOSE_ONLY"), (True, "OPEN")]
    state.observe(equity_base=D("899"), positions={}, values={}, now_ns=9, market_ns=DAY + 9 * HOUR_NS)
    assert state.loss_words == ("loss of the day 0.101", "loss of the day 0.1 of its start")


@pytest.mark.parametrize("amount", ["250.5", "-400"])
def test_capital_that_comes_or_goes_moves_start_peak_and_equity_alike(amount: str) -> None:
    known = Baseline(day=7, day_start_base=D("1000"), peak_base=D("1200"), equity_base=D("900"))
    found = with_capital(known, D(amount))
    assert (found.day, found.day_start_base, found.peak_base, found.equity_base) == (
        7, D("1000") + D(amount), D("1200") + D(amount), D("900") + D(amount)
    )  # fmt: skip


def test_a_gain_is_no_loss_and_half_a_unit_of_equity_is_judged() -> None:
    known = Baseline(day=1, day_start_base=D("0.5"), peak_base=D("0.6"), equity_base=D("0.6"))
    mode, (day, peak) = loss_verdicts(known, limits=limits())
    assert mode is LossMode.OPEN
    assert (day.observed, peak.observed) == ("loss of the day 0", "drawdown 0")
    assert (day.control, day.limit, peak.limit) == ("LOSS_LIMIT", "loss of the day 0.1 of its start", "drawdown 0.2 of the peak")


@pytest.mark.parametrize(
    ("start", "peak", "expected"),
    [("1000", "1000", "OPEN"), ("1000.01", "1000", "CLOSE_ONLY"), ("1000", "1125", "OPEN"), ("1000", "1125.01", "CLOSE_ONLY")],
    ids=["at both", "the day alone", "at the drawdown", "the drawdown alone"],
)
def test_either_loss_alone_closes(start: str, peak: str, expected: str) -> None:
    known = Baseline(day=1, day_start_base=D(start), peak_base=D(peak), equity_base=D("900"))
    assert loss_verdicts(known, limits=limits())[0].value == expected


def test_what_is_missing_is_told_apart_from_what_is_not_above_zero() -> None:
    assert {one.observed for one in loss_verdicts(None, limits=limits())[1]} == {"missing equity"}
    none = Baseline(day=1, day_start_base=D("1"), peak_base=D("1"), equity_base=D("0"))
    assert {one.observed for one in loss_verdicts(none, limits=limits())[1]} == {"equity, start or peak not above 0"}
