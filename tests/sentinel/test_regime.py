"""Regime parity: the table of regimes against changes of gross and net, with its band."""

from __future__ import annotations

import pytest

from orders.plan import Outcome
from sentinel.regime import Exposure, Regime, judge_regime, read_regime, worse
from tests.planner.world import D

ALLOW, OVERRIDE = Outcome.ALLOW, Outcome.NEEDS_OVERRIDE


@pytest.mark.parametrize(
    ("regime", "before", "after", "outcome"),
    [
        ("QUIET", ("0", "0"), ("2", "2"), ALLOW),
        ("NORMAL", ("0", "0"), ("2", "-2"), ALLOW),
        ("TURBULENT", ("0.2", "0.2"), ("0.5", "0.5"), ALLOW),
        ("TURBULENT", ("0.2", "0.2"), ("0.500001", "0.500001"), OVERRIDE),
        ("TURBULENT", ("0.2", "-0.2"), ("0.6", "-0.6"), OVERRIDE),
        ("TURBULENT", ("0.9", "0.9"), ("0.7", "0.7"), ALLOW),
        ("TURBULENT", ("0.5", "0.5"), ("0.500001", "0.5"), OVERRIDE),
        ("TURBULENT", ("0.9", "0.9"), ("0.9", "0.9"), ALLOW),
        ("TURBULENT", ("0.9", "0.9"), ("0.9", "0.900001"), OVERRIDE),
        ("TURBULENT", ("0.9", "-0.9"), ("0.9", "0"), ALLOW),
        ("TURBULENT", ("0.4", "0.4"), ("0.5", "0.4"), ALLOW),
        ("CRISIS", ("0.2", "0.2"), ("0.21", "0.21"), ALLOW),
        ("CRISIS", ("0.2", "0.2"), ("0.210001", "0.210001"), OVERRIDE),
        ("CRISIS", ("0.2", "-0.2"), ("0.3", "-0.3"), OVERRIDE),
        ("CRISIS", ("0.8", "0.8"), ("0.6", "0.6"), ALLOW),
        ("CRISIS", ("0.8", "0.8"), ("0.8", "0.8"), ALLOW),
        ("CRISIS", ("0.8", "0.8"), ("0.801", "0.801"), OVERRIDE),
        ("CRISIS", ("0.5", "-0.5"), ("0", "0"), ALLOW),
        ("CRISIS", ("1", "0"), ("0.5", "0.5"), OVERRIDE),
        ("CRISIS", ("0.5", "0"), ("1", "0"), OVERRIDE),
    ],
    ids=[
        "quiet allows longs",
        "normal allows shorts",
        "turbulent up to its gross",
        "turbulent one unit above its gross",
        "turbulent short above its gross",
        "turbulent shrinks above its gross",
        "turbulent creeps above its gross",
        "turbulent flat above its gross",
        "turbulent net creeps long above its gross",
        "turbulent covers a short above its gross",
        "turbulent grows up to its gross",
        "crisis at the band",
        "crisis one unit beyond the band",
        "crisis grows short",
        "crisis shrinks",
        "crisis flat above the net limit",
        "crisis creeps above the net limit",
        "crisis covers a short",
        "crisis net grows long while gross shrinks",
        "crisis grows on both sides",
    ],
)
def test_the_table(regime: str, before: tuple[str, str], after: tuple[str, str], outcome: Outcome) -> None:
    answer = judge_regime(
        Regime(regime),
        before=Exposure(gross=D(before[0]), net=D(before[1])),
        after=Exposure(gross=D(after[0]), net=D(after[1])),
        turbulent_gross_max=D("0.5"),
        crisis_net_long_max=D("0.5"),
    )
    assert answer is outcome


@pytest.mark.parametrize(
    ("name", "quadrant", "regime"),
    [
        ("QUIET", None, "QUIET"),
        ("TURBULENT", "EXPANSION", "TURBULENT"),
        (None, None, "CRISIS"),
        ("crisis", None, "CRISIS"),
        ("EXPANSION", None, "CRISIS"),
        ("QUIET", "INFLATIONARY_TREND", "QUIET"),
        ("NORMAL", "STAGNATION", "NORMAL"),
        ("TURBULENT", "NORMAL", "TURBULENT"),
        ("QUIET", "expansion", "CRISIS"),
        ("QUIET", "CRISIS", "CRISIS"),
        ("QUIET", "UNKNOWN", "CRISIS"),
    ],
)
def test_reading_a_regime(name: str | None, quadrant: str | None, regime: str) -> None:
    assert read_regime(name, quadrant) is Regime(regime)


def test_the_worse_of_two_counts() -> None:
    assert worse(Regime.TURBULENT, Regime.NORMAL) is Regime.TURBULENT
    assert worse(Regime.QUIET, Regime.CRISIS) is Regime.CRISIS
