"""Gate and client never raise: what fails inside them denies, halts, and the process lives."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model.events import OrderAccepted, OrderDenied, OrderFilled, OrderRejected

from engine.gate import Gate
from lakehouse.permission import FilePermission, MemoryPermission
from tests.gate.script import Script, another_state, approval_of, arm, order_from, submit_of, valued
from tests.gate.world import ETH, Ran, World, listen, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}
APPROVAL = approval_of(ETH, order_id="c" * 32, quantity="1", limit=None)


class BrokenPartError(Exception):
    """What a broken part raises."""


def broken(*args: Any, **kwargs: Any) -> Any:
    raise BrokenPartError("this part is broken")


def run_steps(kernel: str, root: Any, steps: list[Callable[[Any, Any], None]], *, prepare: Any = None) -> tuple[Ran, list[Any]]:
    """Run steps at prices of ETH; a step gets the script and the assembly."""
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * i) for i in range(len(steps) + 4)]
    world.write()
    answers: list[list[Any]] = []
    scripts: list[Script] = []

    def ready(made: Any, assembly: Any) -> None:
        if prepare is not None:
            prepare(made, assembly)
        answers.append(listen(made))
        bound = [lambda script, step=step: step(script, assembly) for step in steps]
        scripts.append(Script(ETH.instrument_id, [lambda script: None, *bound]))
        made.trader.add_strategy(scripts[0])

    ran = KERNELS[kernel](world, [], prepare=ready)
    assert scripts[0].done == len(steps) + 1
    return ran, answers[0]


def send_approved(script: Any, assembly: Any) -> None:
    arm(assembly, APPROVAL)
    assembly.strategy.submit_order(order_from(assembly, APPROVAL))


def reached(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if isinstance(answer, OrderAccepted | OrderFilled)]


def stack(breaks: dict[str, Any]) -> Callable[[Any, Any], Gate]:
    """Return what puts a second gate, with broken parts, in front of the first, and returns it."""

    def prepare(kernel: Any, assembly: Any) -> Gate:
        parts: dict[str, Any] = {
            "msgbus": kernel.msgbus, "cache": kernel.cache, "clock": kernel.clock,
            "exec_engine": SimpleNamespace(execute=assembly.gate.execute), "limits": assembly.desk._limits,
            "permission": MemoryPermission(), "quote_of": assembly.prices.quote_of, "record": lambda order, verdict: None,
            "halt": assembly.halt, "owner": "SLUICE-001", "state": another_state(assembly),
        }  # fmt: skip
        parts |= breaks
        gate = Gate(**parts)
        valued(parts["state"].running, APPROVAL, now_ns=0, market_ns=0)
        gate.approve([APPROVAL])
        gate.install()
        return gate

    return prepare


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_approved_order_passes_a_sound_gate_and_fills(kernel, tmp_path):
    ran, answers = run_steps(kernel, tmp_path, [send_approved], prepare=stack({}))
    assert [type(answer).__name__ for answer in reached(answers)][-1] == "OrderFilled"
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("part", ["quote_of", "record", "permission", "clock"])
def test_a_broken_part_of_the_gate_denies_and_halts(part, kernel, tmp_path):
    whole = {"permission": SimpleNamespace(may_send=broken), "clock": SimpleNamespace(timestamp_ns=broken)}
    ran, answers = run_steps(kernel, tmp_path, [send_approved], prepare=stack({part: whole.get(part, broken)}))
    assert reached(answers) == []
    assert next(line["reason"].split(":")[0] for line in ran.of("halt")) == "CONTROL_FAILED"
    if part != "clock":  # without a clock the denial cannot be stamped; the order stays where it is, unsent
        assert [answer.reason for answer in answers if isinstance(answer, OrderDenied)] == ["SENTINEL CONTROL_FAILED"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_gate_whose_halt_is_broken_too_still_denies_for_good(kernel, tmp_path):
    later = approval_of(ETH, order_id="9" * 32, quantity="1", limit=None)

    def again(script: Any, assembly: Any) -> None:
        arm(assembly, later)
        assembly.strategy.submit_order(order_from(assembly, later))

    parts = {"record": broken, "halt": broken}
    _, answers = run_steps(kernel, tmp_path, [send_approved, again], prepare=stack(parts))
    assert reached(answers) == []
    assert len([answer for answer in answers if isinstance(answer, OrderDenied)]) == 2


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_order_whose_send_line_cannot_be_written_is_refused_and_halts(kernel, tmp_path):
    """Approved at the gate, but the recorder knows no intent of it."""

    def unwritten(script: Any, assembly: Any) -> None:
        now = assembly.recorder.stamp()["ts_ns"]
        valued(assembly.sentinel.running, APPROVAL, now_ns=now, market_ns=now)
        assembly.gate.approve([APPROVAL])
        assembly.strategy.submit_order(order_from(assembly, APPROVAL))

    ran, answers = run_steps(kernel, tmp_path, [unwritten])
    assert reached(answers) == []
    assert len([answer for answer in answers if isinstance(answer, OrderRejected)]) == 1
    assert next(line["reason"].split(":")[0] for line in ran.of("halt")) == "CLIENT_FAILED"


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_command_nobody_knows_does_not_pass(kernel, tmp_path):
    def unknown(script: Any, assembly: Any) -> None:
        script.msgbus.send(endpoint="ExecEngine.execute", msg=SimpleNamespace(client_id=None))

    ran, answers = run_steps(kernel, tmp_path, [unknown, send_approved])
    assert reached(answers) == []
    assert next(line["reason"] for line in ran.of("halt")).startswith("UNKNOWN_COMMAND")


def test_a_permission_that_raises_in_a_whole_node_halts_it(tmp_path):
    class Moody(FilePermission):
        """Sound when the run starts, broken when the gate asks."""

        asked = 0
        broken_now = False

        def may_send(self) -> bool:
            if self.broken_now:
                raise BrokenPartError("no answer")
            return super().may_send()

    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * i) for i in range(6)]
    world.write()
    made: list[Any] = []
    answers: list[list[Any]] = []

    def permission(layout: Any) -> Moody:
        made.append(Moody(layout))
        return made[0]

    def prepare(kernel: Any, assembly: Any) -> None:
        answers.append(listen(kernel))

        def send(script: Any) -> None:
            made[0].broken_now = True
            script.msgbus.send(endpoint="ExecEngine.execute", msg=submit_of(order_from(assembly, APPROVAL)))
            made[0].broken_now = False

        kernel.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, send]))

    ran = run_shadow(world, prepare=prepare, permission=permission)
    assert reached(answers[0]) == []
    assert ran.of("halt")[0]["reason"].startswith("CONTROL_FAILED")
    assert ran.code == 1
    assert not world.layout.permission.exists()
