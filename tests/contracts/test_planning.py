"""Mistakes of the platform's execution code, one made case each, with what the planner says instead."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.snapshots import read_market_limits
from orders.plan import Held, Reason
from orders.sizing import fit_quantity
from orders.values import AccountKind, Side
from strategies.planner import plan
from tests.planner.world import inputs, limits, line_of, planned, with_changes

D = Decimal
A = "US:A"


def test_a_short_target_sells() -> None:
    line = line_of(planned(inputs({A: "-0.4"}, prices={A: ("1", "1")}, account=AccountKind.MARGIN)), A)
    assert (line.side, line.quantity, line.reason) == (Side.SELL, D(400), Reason.TRADE)


@pytest.mark.parametrize(
    ("target", "price", "step", "quantity"),
    [
        ("-0.00015", "1", "0.1", "0.1"),
        ("-0.1", "3", "1", "33"),
        ("-0.3", "1000", "0.1", "0.3"),
        ("0.3", "1000", "0.1", "0.3"),
    ],
    ids=["half a step left", "a third of a unit left", "three tenths", "three tenths long"],
)
def test_a_short_is_cut_toward_zero(target: str, price: str, step: str, quantity: str) -> None:
    made = inputs(
        {A: target},
        prices={A: (price, price)},
        account=AccountKind.MARGIN,
        symbol_limits={A: {"step_size": D(step), "min_quantity": D(0)}},
    )
    assert line_of(planned(made), A).quantity == D(quantity)


FLOOR = {A: {"min_notional": D(100)}}


@pytest.mark.parametrize(
    ("target", "held", "reason", "side", "quantity"),
    [
        ("0.05", "45", Reason.BELOW_FLOOR, None, "0"),
        ("0.05", "500", Reason.TRADE, Side.SELL, "450"),
        ("0.05", "0", Reason.BELOW_FLOOR, None, "0"),
        ("0.5", "450", Reason.BELOW_FLOOR, None, "0"),
    ],
    ids=["a small target held is kept", "down to a small target", "a small target not held", "a small change of a large one"],
)
def test_a_floor_is_asked_of_the_order_and_never_sells_what_is_held(
    target: str, held: str, reason: Reason, side: Side | None, quantity: str
) -> None:
    """The platform asked it of the target: 45 held at a target of 50 below a floor of 100 were sold."""
    cash = str(1000 - int(held))
    line = line_of(planned(inputs({A: target}, prices={A: ("1", "1")}, held={A: held}, cash=cash, symbol_limits=FLOOR)), A)
    assert line.reason is reason
    if side is not None:
        assert (line.side, line.quantity) == (side, D(quantity))
    else:
        assert not line.trades


def without(name: str) -> Any:
    made = inputs({A: "0.5"}, prices={A: ("1", "1")})
    return with_changes(made, **{name: {}})


@pytest.mark.parametrize(
    ("name", "reason"),
    [("quotes", Reason.NO_PRICE), ("limits", Reason.NO_LIMITS), ("listings", Reason.NOT_LISTED)],
    ids=["no price", "no limits", "no listing"],
)
def test_nothing_stands_in_for_what_is_not_known(name: str, reason: Reason) -> None:
    line = line_of(planned(without(name)), A)
    assert (line.reason, line.trades) == (reason, False)


def test_no_equity_is_made_up() -> None:
    held = plan(inputs({A: "0.5"}, prices={A: ("1", "1")}, cash="0"))
    assert isinstance(held, Held)


@pytest.mark.parametrize("name", ["step_size", "tick_size", "multiplier"])
def test_a_limit_of_zero_is_no_limit_and_fits_nothing(name: str) -> None:
    from orders.errors import InputError

    with pytest.raises(InputError):
        fit_quantity(D(1), price=D(1), limits=limits(A, **{name: D(0)}))


def entry(symbol: str, step: str) -> dict[str, Any]:
    return {
        "symbol": symbol, "venue": "BINANCE", "step_size": step, "tick_size": "0.1", "min_quantity": step, "min_notional": "5",
        "max_quantity": None, "multiplier": "1",
    }  # fmt: skip


def test_a_perpetual_has_limits_of_its_own_or_none(tmp_path: Path) -> None:
    """The platform kept both under one name: the perpetual's limits overwrote the spot pair's."""
    spot, perpetual = "BINANCE:BTCUSDT", "BINANCE:BTCUSDT.P"
    path = tmp_path / "limits.json"

    def read(*entries: dict[str, Any]) -> dict[str, Decimal]:
        path.write_text(json.dumps({"version": 1, "as_of_ns": "1", "source": "made", "limits": list(entries)}))
        return {symbol: found.step_size for symbol, found in read_market_limits(path).limits.items()}

    assert read(entry(spot, "0.00001"), entry(perpetual, "0.001")) == {spot: D("0.00001"), perpetual: D("0.001")}
    assert read(entry(spot, "0.00001")) == {spot: D("0.00001")}
