"""What the gate counts on its way: messages refuse, cancels never do, and a fill beyond what was approved halts."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.model.events import OrderAccepted, OrderCanceled, OrderDenied, OrderFilled

from tests.gate.script import Script, approval_of, arm, order_from
from tests.gate.world import ETH, Ran, World, listen, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}
FAR = "3900"  # a limit buy that rests
APPROVALS = [approval_of(ETH, order_id=f"{number}" * 32, quantity="1", limit=FAR) for number in range(1, 5)]


def run(kernel: str, root: Any, *, per_s: int, steps: list[Any]) -> tuple[Ran, list[Any]]:
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * number) for number in range(len(steps) + 5)]
    world.write()
    text = world.config_path.read_text().replace("messages_per_s_max = 1000", f"messages_per_s_max = {per_s}")
    world.config_path.write_text(text)
    answers: list[list[Any]] = []

    def prepare(made: Any, assembly: Any) -> None:
        answers.append(listen(made))
        bound = [lambda script, step=step: step(script, assembly) for step in steps]
        made.trader.add_strategy(Script(ETH.instrument_id, [lambda script: None, *bound]))

    ran = KERNELS[kernel](world, [], prepare=prepare)
    return ran, answers[0]


def send(number: int) -> Any:
    def step(script: Any, assembly: Any) -> None:
        arm(assembly, APPROVALS[number])
        assembly.strategy.submit_order(order_from(assembly, APPROVALS[number]))

    return step


def cancel_all(script: Any, assembly: Any) -> None:
    for order in script.cache.orders_open():
        assembly.strategy.cancel_order(order)


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_message_too_many_in_a_second_is_denied_and_cancels_pass_and_count(kernel: str, tmp_path: Any) -> None:
    ran, answers = run(kernel, tmp_path, per_s=2, steps=[send(0), send(1), cancel_all, send(2)])
    assert len([answer for answer in answers if isinstance(answer, OrderAccepted)]) == 2
    assert len([answer for answer in answers if isinstance(answer, OrderCanceled)]) == 2
    assert [answer.reason for answer in answers if isinstance(answer, OrderDenied)] == ["SENTINEL MESSAGE_LIMIT"]
    (denied,) = [line for line in ran.of("verdict") if line["code"]]
    assert ["MESSAGE_LIMIT", "DENY", "4 in the last second, 4 today at BINANCE", "2 a second, 1000000 a day"] in denied[
        "verdicts"
    ]
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_verdict_line_carries_every_control_that_was_asked(kernel: str, tmp_path: Any) -> None:
    ran, _ = run(kernel, tmp_path, per_s=9, steps=[send(0)])
    (verdict,) = ran.of("verdict")
    assert [row[0] for row in verdict["verdicts"]] == [
        "HALT", "NO_APPROVAL", "APPROVAL_USED", "MISMATCH", "PRICE_AGE", "PRICE_COLLAR", "MAX_ORDER_VALUE", "RESERVATION",
        "MAX_ASSET_EXPOSURE", "MAX_LEVERAGE", "MESSAGE_LIMIT", "LOSS_LIMIT", "MARKET_SANITY", "REDUCE_ONLY", "FILL_DRIFT",
            "SELF_MATCH", "RECONCILIATION_BREAK", "UNKNOWN_OUTCOME",
    ]  # fmt: skip
    assert {row[1] for row in verdict["verdicts"]} == {"ALLOW"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fill_beyond_what_was_approved_halts_an_order_at_once_too(kernel: str, tmp_path: Any) -> None:
    market = approval_of(ETH, order_id="e" * 32, quantity="1", limit=None)

    def send_market(script: Any, assembly: Any) -> None:
        arm(assembly, market)
        assembly.strategy.submit_order(order_from(assembly, market))

    def fill_again(script: Any, assembly: Any) -> None:
        context = assembly.recorder.contexts[market.client_order_id]
        now = assembly.recorder.stamp()["ts_ns"]
        assembly.gate.executed(
            market.client_order_id, context, quantity=market.quantity, price=market.reference_price, now_ns=now
        )

    ran, answers = run(kernel, tmp_path, per_s=9, steps=[send_market, lambda script, assembly: None, fill_again, send(0)])
    assert len([answer for answer in answers if isinstance(answer, OrderFilled)]) == 1
    assert ran.of("halt")[0]["reason"].startswith("CONSERVATION: fills of order eeee")
    assert [answer.reason for answer in answers if isinstance(answer, OrderDenied)] == ["SENTINEL HALT"]
