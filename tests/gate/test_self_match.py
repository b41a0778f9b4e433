"""Two real orders of ours that could meet: the second is denied at the gate while the first may still trade, and not after."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderAccepted, OrderCanceled, OrderDenied, OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from orders.values import Side
from tests.gate.script import Script, approval_of, arm
from tests.gate.world import ETH, Ran, World, listen, quote, run_backtest, run_shadow

KERNELS = {"backtest": run_backtest, "node": run_shadow}
RESTS = "3900"  # far below the market of 4000


def order(assembly: Any, *, number: int, side: Side, limit: str | None) -> Any:
    """Approve an order of one unit and return it, as its owner makes it."""
    leave = msgspec.structs.replace(approval_of(ETH, order_id=f"{number}" * 32, quantity="1", limit=limit), side=side)
    arm(assembly, leave)
    instrument = assembly.strategy.cache.instrument(InstrumentId.from_str(leave.instrument_id))
    common = (instrument.id, OrderSide.BUY if side is Side.BUY else OrderSide.SELL, instrument.make_qty(1))
    order_id = ClientOrderId(leave.client_order_id)
    factory = assembly.strategy.order_factory
    if limit is None:
        return factory.market(*common, client_order_id=order_id)
    return factory.limit(*common, instrument.make_price(leave.limit_price), client_order_id=order_id)


def run(kernel: str, root: Any, steps: list[Any]) -> tuple[Ran, list[Any]]:
    world = World(root, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(ETH, 50 * number) for number in range(2 * len(steps) + 5)]
    world.write()
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace('account = "cash"', 'account = "margin"'))  # sells what it does not have
    answers: list[list[Any]] = []

    def prepare(made: Any, assembly: Any) -> None:
        answers.append(listen(made))
        spaced = [each for step in steps for each in (lambda script: None, lambda script, step=step: step(assembly))]
        made.trader.add_strategy(Script(ETH.instrument_id, spaced))

    ran = KERNELS[kernel](world, [], prepare=prepare)
    return ran, answers[0]


def send(number: int, side: Side, limit: str | None) -> Any:
    return lambda assembly: assembly.strategy.submit_order(order(assembly, number=number, side=side, limit=limit))


def cancel(assembly: Any) -> None:
    for one in assembly.strategy.cache.orders_open():
        assembly.strategy.cancel_order(one)


def ids_of(answers: list[Any], kind: type[Any]) -> list[str]:
    return [answer.client_order_id.value[0] for answer in answers if isinstance(answer, kind)]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("limit", [None, RESTS], ids=["at any price", "at its price"])
def test_a_sell_that_could_meet_our_resting_buy_is_denied_until_that_has_ended(
    kernel: str, limit: str | None, tmp_path: Any
) -> None:
    steps = [send(1, Side.BUY, RESTS), send(2, Side.SELL, limit), cancel, send(3, Side.SELL, limit)]
    ran, answers = run(kernel, tmp_path, steps)
    assert ids_of(answers, OrderAccepted)[0] == "1"
    assert [answer.reason for answer in answers if isinstance(answer, OrderDenied)] == ["SENTINEL SELF_MATCH"]
    assert (ids_of(answers, OrderDenied), ids_of(answers, OrderCanceled)) == (["2"], ["1"])
    assert ids_of(answers, OrderFilled) == ["3"]
    (denied,) = [line for line in ran.of("verdict") if line["code"]]
    price = "at any price" if limit is None else f"at {limit}"
    assert [row for row in denied["verdicts"] if row[1] == "DENY"] == [
        ["SELF_MATCH", "DENY", f"SELL {price} against our {'1' * 32} at {RESTS}", "no own order at a crossing price"]
    ]
    assert ran.of("halt") == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_sell_above_our_resting_buy_passes(kernel: str, tmp_path: Any) -> None:
    _, answers = run(kernel, tmp_path, [send(1, Side.BUY, RESTS), send(2, Side.SELL, "3900.01")])
    assert ids_of(answers, OrderDenied) == []
    assert ids_of(answers, OrderFilled) == ["2"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_of_two_orders_of_one_list_that_would_meet_neither_leaves(kernel: str, tmp_path: Any) -> None:
    def send_both(assembly: Any) -> None:
        pair = [order(assembly, number=1, side=Side.BUY, limit="3901"), order(assembly, number=2, side=Side.SELL, limit=RESTS)]
        assembly.strategy.submit_order_list(assembly.strategy.order_factory.create_list(pair))

    _, answers = run(kernel, tmp_path, [send_both, send(3, Side.SELL, None)])
    assert sorted(ids_of(answers, OrderDenied)) == ["1", "2"]
    assert ids_of(answers, OrderFilled) == ["3"]  # the refused buy is remembered by nobody
