"""What a plan comes to, in words a portfolio manager reads at a glance."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from commands.plan_sums import nearest, sums
from commands.plan_view import print_plan, winners_of
from orders.plan import Flips, Judgement, Outcome, Plan, Verdict
from orders.values import AccountKind
from tests.planner.world import D, inputs, planned, policy
from tests.sentinel.cases import judged, made_plan

A, B = "NYSE:AAA", "NYSE:BBB"
TENS = {A: ("10", "10"), B: ("10", "10")}
SHARES = {A: {"custom/barbell": D("0.5"), "riskfolio/hrp": D("-0.1")}, B: {"riskfolio/hrp": D("0.2")}}


def shown(plan: Plan, capsys: pytest.CaptureFixture[str], judgement: Judgement | None = None) -> str:
    print_plan(plan, judgement or judged(), grade="VERIFIED", manifest_age_ns=0, plan_sha256="5be1", drift={}, notes=())
    return capsys.readouterr().out


def test_of_several_winners_each_line_says_what_each_wants_and_the_sums_what_was_crossed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = planned(inputs({A: "0.4", B: "0.2"}, prices=TENS, shares=SHARES))
    text = shown(plan, capsys)
    assert "winners" in text.splitlines()[1]
    assert "custom/barbell 50.00 %, riskfolio/hrp -10.00 %" in text
    assert "10.00 % of equity crossed between winners" in text


def test_one_winner_needs_no_column() -> None:
    assert winners_of(planned(inputs({A: "0.4"}, prices=TENS, shares={A: {"custom/barbell": D("0.4")}}))) == {}


def test_a_flips_lines_say_how_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(
        inputs({A: "-0.5"}, prices=TENS, held={A: "20"}, account=AccountKind.MARGIN, policy=policy(flips=Flips.SAME_PLAN))
    )
    text = shown(plan, capsys)
    assert "SELL 20 @ market, reduce-only" in text
    assert "@ market, after line 1" in text


def test_factors_and_what_is_held_back_are_said_only_where_there_are_any() -> None:
    plain = planned(inputs({A: "0.4"}, prices=TENS))
    assert len(sums(plain)) == 3
    capped = planned(inputs({A: "0.4", B: "0.4"}, prices=TENS, policy=policy(turnover_cycle_max=D("0.2"))))
    assert any("scaled to the turnover cap by 0.25" in line for line in sums(capped))
    stopped = planned(inputs({A: "0.4"}, prices=TENS, policy=policy(turnover_cycle_max=D("0"))))
    assert "held back 1 (TURNOVER_CAP 1)" in sums(stopped)[0]


def test_open_orders_that_go_first_are_counted() -> None:
    assert "2 open orders cancelled first" in sums(replace(planned(inputs({A: "0.4"}, prices=TENS)), cancels=("a", "b")))[-1]


def test_the_nearest_limit_is_the_one_most_used() -> None:
    verdicts = [
        ("MAX_LEVERAGE", "gross 0.6 of equity", "1 of equity"), ("MAX_ASSET_EXPOSURE", "0.4 of equity (NYSE:X)", "0.5 of equity"),
        ("PRICE_AGE", "59 ns (NYSE:X)", "60 ns"),
    ]  # fmt: skip
    made = tuple(Verdict(control=c, outcome=Outcome.ALLOW, observed=o, limit=m) for c, o, m in verdicts)
    found = nearest(replace(judged(), verdicts=made))
    assert found is not None
    assert (found.control, found.observed) == ("MAX_ASSET_EXPOSURE", "0.4 of equity (NYSE:X)")
    assert nearest(replace(judged(), verdicts=())) is None


def test_a_plan_that_passes_names_its_nearest_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert "controls pass; nearest limit " in shown(made_plan(), capsys)
    assert Decimal("0.6") == made_plan().gross_after
