"""What is armed, at the gate of a real kernel: an order, a list, an exception inside; a simulated run asks for nothing of it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model.events import OrderDenied

from sentinel.armed import Armed, Permit
from tests.gate.script import another_state, approval_of, arm, order_from
from tests.gate.test_failures import APPROVAL, KERNELS, reached, run_steps, send_approved, stack
from tests.gate.world import ETH, Ran, World, quote, run_shadow
from tests.sentinel.cases import limits

WORTH = "4000.02"  # one unit of ETH at the ask
NEVER = 2**63 - 1
MINUTE_NS = 60_000_000_000


class BrokenPermit(Permit, frozen=True, kw_only=True):
    """Whose amount nobody can read."""

    @property
    def amount(self) -> str:
        raise RuntimeError("this permit is broken")


def armed(most: str, *, kind: type[Permit] = Permit, **change: Any) -> Armed:
    facts: dict[str, Any] = {"venue": "BINANCE", "not_before_ns": 0, "expires_ns": NEVER} | change
    return Armed([kind(day_notional_max_base=Decimal(most), **facts)], limits=limits(price_age_max_ns=MINUTE_NS))


def run(kernel: str, root: Any, known: Armed, steps: list[Any]) -> tuple[Ran, list[Any], list[Any]]:
    """Run steps behind a gate with this arming; return the run, the answers, and the verdicts that gate gave."""
    given: list[Any] = []

    def prepare(made: Any, assembly: Any) -> None:
        state = another_state(assembly, armed=known)
        stack({"state": state, "record": lambda order, verdict: given.append(verdict)})(made, assembly)

    ran, answers = run_steps(kernel, root, steps, prepare=prepare)
    return ran, answers, given


def reasons(answers: list[Any]) -> list[str]:
    return [answer.reason for answer in answers if isinstance(answer, OrderDenied)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_order_worth_what_is_armed_passes_and_fills(kernel: str, tmp_path: Any) -> None:
    ran, answers, (verdict,) = run(kernel, tmp_path, armed(WORTH), [send_approved])
    assert [type(answer).__name__ for answer in reached(answers)][-1] == "OrderFilled"
    assert {"ARMED_NOTIONAL", "ARMING_EXPIRED"} <= {each.control for each in verdict.verdicts}
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_order_a_cent_above_what_is_armed_never_leaves(kernel: str, tmp_path: Any) -> None:
    ran, answers, (verdict,) = run(kernel, tmp_path, armed("4000.01"), [send_approved])
    assert (reached(answers), reasons(answers)) == ([], ["SENTINEL ARMED_NOTIONAL"])
    (denial,) = [each for each in verdict.verdicts if each.outcome == "DENY"]
    assert (denial.observed, denial.limit) == ("4000.02, with 0 sent today", "4000.01 base currency a UTC day at BINANCE")
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_order_after_the_arming_expired_never_leaves(kernel: str, tmp_path: Any) -> None:
    _, answers, _ = run(kernel, tmp_path, armed(WORTH, expires_ns=1), [send_approved])
    assert (reached(answers), reasons(answers)) == ([], ["SENTINEL ARMING_EXPIRED"])


def test_the_second_lock_keeps_back_an_order_that_passed_before_the_arming_expired(tmp_path: Any) -> None:
    gates: list[Any] = []
    seen: list[str] = []
    later = 0

    def prepare(made: Any, assembly: Any) -> None:
        clock = SimpleNamespace(timestamp_ns=lambda: made.clock.timestamp_ns() + later)
        gates.append(stack({"state": another_state(assembly, armed=armed(WORTH)), "clock": clock})(made, assembly))

    def waits(script: Any, assembly: Any) -> None:
        nonlocal later
        arm(assembly, APPROVAL)
        order = order_from(assembly, APPROVAL)
        assembly.strategy.submit_order(order)
        seen.append(gates[0].refusal(order))
        later = NEVER
        seen.append(gates[0].refusal(order))

    run_steps("backtest", tmp_path, [waits], prepare=prepare)
    assert seen == ["", "ARMING_EXPIRED"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_exception_inside_denies_and_halts(kernel: str, tmp_path: Any) -> None:
    ran, answers, _ = run(kernel, tmp_path, armed(WORTH, kind=BrokenPermit), [send_approved])
    assert (reached(answers), reasons(answers)) == ([], ["SENTINEL CONTROL_FAILED"])
    assert ran.of("halt")[0]["reason"].startswith("CONTROL_FAILED: RuntimeError")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_list_beyond_what_is_armed_goes_back_whole_and_takes_nothing(kernel: str, tmp_path: Any) -> None:
    """Two orders of one unit against 1.5: the list is refused; one alone passes after it."""
    second = approval_of(ETH, order_id="d" * 32, quantity="1", limit=None)

    def both(script: Any, assembly: Any) -> None:
        for each in (APPROVAL, second):
            arm(assembly, each)
        gates[0].approve([second])
        orders = [order_from(assembly, each) for each in (APPROVAL, second)]
        assembly.strategy.submit_order_list(assembly.strategy.order_factory.create_list(orders))

    def alone(script: Any, assembly: Any) -> None:
        third = approval_of(ETH, order_id="e" * 32, quantity="1", limit=None)
        arm(assembly, third)
        gates[0].approve([third])
        assembly.strategy.submit_order(order_from(assembly, third))

    gates: list[Any] = []
    known = armed("6000")

    def prepare(made: Any, assembly: Any) -> None:
        state = another_state(assembly, armed=known)
        gates.append(stack({"state": state})(made, assembly))

    ran, answers = run_steps(kernel, tmp_path, [both, alone], prepare=prepare)
    assert sorted(answer.client_order_id.value[0] for answer in answers if isinstance(answer, OrderDenied)) == ["c", "d"]
    assert {answer.client_order_id.value[0] for answer in reached(answers)} == {"e"}
    assert ran.of("halt") == []


def test_a_simulated_run_is_asked_for_no_arming(tmp_path: Any) -> None:
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * number) for number in range(4)]
    ran = run_shadow(world.write())
    assert ran.assembly.sentinel.armed is None
