"""The arithmetic of implementation shortfall: worked examples of others, the identity on random orders, and what is refused."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from analysis.shortfall import arrival_slippage_bps, implementation_shortfall, split_trading
from orders.errors import InputError
from orders.exact import exact_arithmetic
from orders.values import Side

D = Decimal
ORDERS = 10_000

# Where each comes from: (source, order, expected parts). Percentages there are rounded, amounts are exact.
EXAMPLES = [
    pytest.param(
        # Kissell (2014), "The science of algorithmic trading and portfolio management", chapter 3, expanded shortfall (Wagner):
        # 5,000 wanted at 10.00, market at 10.25 when trading began, 4,000 bought at 10.50, end 11.00, fees 80: 3,080 in all.
        # He counts the delay on all 5,000 (1,250) and the rest from 10.25 (750); ours is 1,000 and 1,000, the same sum.
        ("BUY", "5000", "10.00", "10.25", [("4000", "10.50")], "11.00", "80"),
        ("1000", "1000", "1000", "80", "3080"),
        id="Kissell, Wagner's expanded shortfall",
    ),
    pytest.param(
        # The same book's form of Perold (1988), without arrival: execution 4,000 x 0.50, opportunity 1,000 x 1.00.
        ("BUY", "5000", "10.00", "10.00", [("4000", "10.50")], "11.00", "80"),
        ("0", "2000", "1000", "80", "3080"),
        id="Kissell, Perold's shortfall",
    ),
    pytest.param(
        # CFA level III practice (gaodun.com/q/b03v1i): 1,000 wanted at 40.00, 700 bought at 40.05 a day later when the market
        # stood at 40.04, cancelled at 40.08, commission 17: 0.07 + 0.02 + 0.06 + 0.04 = 0.19 %.
        ("BUY", "1000", "40.00", "40.04", [("700", "40.05")], "40.08", "17"),
        ("28", "7", "24", "17", "76"),
        id="CFA practice, four parts",
    ),
    pytest.param(
        # CFA level III practice (bloombergprep.com, question a84284): 4,000 decided at 16.24, bought at once at 16.20, fee 38.50,
        # market 16.28 afterwards: -0.25 % + 0.06 % = -0.19 %.
        ("BUY", "4000", "16.24", "16.24", [("4000", "16.20")], "16.28", "38.50"),
        ("0", "-160", "0", "38.50", "-121.50"),
        id="CFA practice, a gain less the fee",
    ),
    pytest.param(
        # Stalla mock exam (analystforum.com/t/11066): 8,000 at a benchmark of 75, 75.75 a day later, 4,000 bought at 77,
        # commission 1,500, close 79 with 4,000 left.
        ("BUY", "8000", "75", "75.75", [("4000", "77")], "79", "1500"),
        ("3000", "5000", "16000", "1500", "25500"),
        id="Stalla, half of it missed",
    ),
    pytest.param(
        # Sale (analystforum.com/forums/cfa-forums/cfa-level-iii-forum/91363509): 5,000 at 40, 39.50 a day later, 4,000 sold at
        # 39.70, commission 75, close 39: delay 2,000, market impact -800, missed 1,000, in all 2,275 of 200,000.
        ("SELL", "5000", "40", "39.50", [("4000", "39.70")], "39", "75"),
        ("2000", "-800", "1000", "75", "2275"),
        id="CFA practice, a sale",
    ),
    pytest.param(
        # CFA level III 2000, question 28 (analystforum.com/t/52371): sell 50,000, 43.00 at the order, 41.00 at the broker, sold
        # at 40.25, commission 0.05 a share: 2.80 a share.
        ("SELL", "50000", "43.00", "41.00", [("50000", "40.25")], None, "2500"),
        ("100000", "37500", "0", "2500", "140000"),
        id="CFA 2000, 2.80 a share",
    ),
]


def shortfall(case: tuple[Any, ...]) -> Any:
    side, quantity, decision, arrival, fills, end, fees = case
    return implementation_shortfall(
        side=side,
        quantity=D(quantity),
        decision_price=D(decision),
        arrival_price=None if arrival is None else D(arrival),
        fills=[(D(units), D(price)) for units, price in fills],
        end_price=None if end is None else D(end),
        fees=D(fees),
    )


@pytest.mark.parametrize(("case", "expected"), EXAMPLES)
def test_worked_examples_of_textbooks(case: tuple[Any, ...], expected: tuple[str, ...]) -> None:
    found = shortfall(case)
    assert (found.delay, found.trading, found.opportunity, found.fees, found.total) == tuple(map(D, expected))


@pytest.mark.parametrize(
    ("number", "percent"),
    [(2, "0.19"), (3, "-0.19"), (4, "4.25"), (5, "1.14"), (6, "6.51")],
    ids=["b03v1i", "a84284", "Stalla", "sale", "2000"],
)
def test_bps_are_of_the_decision_notional(number: int, percent: str) -> None:
    found = shortfall(EXAMPLES[number].values[0])  # type: ignore[arg-type]
    assert (found.total_bps / 100).quantize(D("0.01")) == D(percent)


def random_order(draw: random.Random) -> dict[str, Any]:
    """Every kind there is: partial, nothing filled, all filled, both sides, rebates, far and near prices, many digits."""

    def price() -> Decimal:
        return D(draw.randint(1, 10**9)).scaleb(-draw.randint(0, 9))

    count = draw.choice((0, 1, 1, 2, 5))
    fills = [(D(draw.randint(1, 10**8)).scaleb(-draw.randint(0, 8)), price()) for _ in range(count)]
    with exact_arithmetic():
        filled = sum((units for units, _ in fills), D(0))
        left = draw.choice((D(0), D(draw.randint(1, 10**6)).scaleb(-draw.randint(0, 6)))) if count else D(draw.randint(1, 99))
        quantity = filled + left
    return {
        "side": draw.choice(("BUY", "SELL", Side.BUY, Side.SELL)),
        "quantity": quantity,
        "decision_price": price(),
        "arrival_price": price() if count else None,
        "fills": fills,
        "end_price": price() if left else draw.choice((None, price())),
        "fees": D(draw.randint(-1000, 10**6)).scaleb(-draw.randint(0, 18)),
    }


def test_parts_are_paper_minus_real_profit_on_ten_thousand_random_orders() -> None:
    draw = random.Random(20_261_126)
    whole = parts = D(0)
    with exact_arithmetic():
        for _ in range(ORDERS):
            order = random_order(draw)
            found = implementation_shortfall(**order)
            assert found.delay + found.trading + found.opportunity + found.fees == found.total
            sign, mark = Side(order["side"]).sign, order["end_price"] or D(7)  # of what was filled the mark cancels out
            paper = sign * order["quantity"] * (mark - order["decision_price"])
            real = sum((sign * units * (mark - price) for units, price in order["fills"]), D(0)) - order["fees"]
            assert found.total == paper - real
            parts += found.delay + found.trading + found.opportunity + found.fees
            whole += paper - real
    assert parts == whole


def test_trading_is_spread_impact_and_timing_on_ten_thousand_random_fills() -> None:
    draw = random.Random(7)
    with exact_arithmetic():
        for _ in range(ORDERS):
            bid = D(draw.randint(1, 10**9)).scaleb(-draw.randint(0, 9))
            ask = bid + D(draw.randint(0, 10**6)).scaleb(-draw.randint(0, 9))
            side, units = draw.choice(list(Side)), D(draw.randint(1, 10**8)).scaleb(-draw.randint(0, 8))
            price, arrival = D(draw.randint(1, 10**9)), D(draw.randint(1, 10**9)).scaleb(-3)
            maker = draw.random() < 0.5
            parts = split_trading(side=side, quantity=units, price=price, arrival_price=arrival, bid=bid, ask=ask, maker=maker)
            assert parts.spread + parts.impact + parts.timing == parts.trading == side.sign * units * (price - arrival)
            assert (parts.spread <= 0) if maker else (parts.spread >= 0)


@pytest.mark.parametrize(
    ("side", "price", "maker", "expected"),
    [
        ("BUY", "10.02", False, ("2", "0", "1")),
        ("BUY", "10.05", False, ("2", "3", "1")),
        ("BUY", "9.98", True, ("-2", "0", "1")),
        ("SELL", "9.98", False, ("2", "0", "-1")),
        ("SELL", "9.95", False, ("2", "3", "-1")),
        ("SELL", "10.02", True, ("-2", "0", "-1")),
        ("BUY", "10.00", False, ("2", "-2", "1")),
    ],
    ids=["buy at ask", "buy beyond ask", "maker buy earns", "sell at bid", "sell beyond bid", "maker sale earns", "at mid"],
)
def test_split_at_the_touch(side: str, price: str, maker: bool, expected: tuple[str, str, str]) -> None:
    parts = split_trading(
        side=side, quantity=D(100), price=D(price), arrival_price=D("9.99"), bid=D("9.98"), ask=D("10.02"), maker=maker
    )
    assert (parts.spread, parts.impact, parts.timing) == tuple(map(D, expected))


def test_arrival_slippage_is_of_the_average_price() -> None:
    # Johnson (2010), chapter 3: slippage of the average price against arrival. 600 at 10.02 and 400 at 10.07 average 10.04.
    found = arrival_slippage_bps(side="BUY", fills=[(D(600), D("10.02")), (D(400), D("10.07"))], arrival_price=D(10))
    assert found == 40
    assert arrival_slippage_bps(side="SELL", fills=[(D(1), D("10.04"))], arrival_price=D(10)) == -40


GOOD: dict[str, Any] = {
    "side": "BUY",
    "quantity": D(10),
    "decision_price": D(100),
    "arrival_price": D(101),
    "fills": [(D(4), D(102))],
    "end_price": D(103),
    "fees": D(1),
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "HOLD"}, "SIDE_INVALID"),
        ({"side": None}, "SIDE_INVALID"),
        ({"quantity": D(0)}, "NOT_POSITIVE"),
        ({"quantity": D(-1)}, "NOT_POSITIVE"),
        ({"quantity": D("NaN")}, "NUMBER_INVALID"),
        ({"quantity": 1.5}, "NUMBER_INVALID"),
        ({"quantity": "10"}, "NUMBER_INVALID"),
        ({"decision_price": D(0)}, "NOT_POSITIVE"),
        ({"decision_price": None}, "NUMBER_INVALID"),
        ({"arrival_price": D("Infinity")}, "NUMBER_INVALID"),
        ({"arrival_price": D("sNaN")}, "NUMBER_INVALID"),
        ({"arrival_price": None}, "ARRIVAL_PRICE_MISSING"),
        ({"fills": [(D(4), D(0))]}, "NOT_POSITIVE"),
        ({"fills": [(D(-4), D(5))]}, "NOT_POSITIVE"),
        ({"fills": [(D(4), D("NaN"))]}, "NUMBER_INVALID"),
        ({"fills": [(D(6), D(102)), (D(5), D(102))]}, "OVERFILLED"),
        ({"fills": None}, "FILLS_INVALID"),
        ({"fills": [D(4)]}, "FILLS_INVALID"),
        ({"fills": [(D(4), D(102), D(1))]}, "FILLS_INVALID"),
        ({"end_price": None}, "END_PRICE_MISSING"),
        ({"end_price": D(-3)}, "NOT_POSITIVE"),
        ({"fees": D("NaN")}, "NUMBER_INVALID"),
    ],
)
def test_bad_input_is_one_typed_error(change: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        implementation_shortfall(**{**GOOD, **change})
    assert caught.value.code == code


def test_prices_that_nothing_needs_may_be_missing() -> None:
    nothing = implementation_shortfall(**{**GOOD, "fills": [], "arrival_price": None, "fees": D(0)})
    assert (nothing.delay, nothing.trading, nothing.opportunity, nothing.total) == (0, 0, 30, 30)
    done = implementation_shortfall(**{**GOOD, "fills": [(D(10), D(102))], "end_price": None})
    assert (done.opportunity, done.total) == (0, 21)


def test_numbers_no_exact_arithmetic_holds_are_refused() -> None:
    with pytest.raises(InputError, match="NUMBER_RANGE"):
        implementation_shortfall(**{**GOOD, "quantity": D("1e300"), "end_price": D("1e-300")})


def test_a_ratio_beyond_arithmetic_is_refused_where_the_sum_is_not() -> None:
    free = {**GOOD, "fills": [(D(10), GOOD["decision_price"])], "arrival_price": GOOD["decision_price"]}
    with pytest.raises(InputError, match="NUMBER_RANGE"):
        implementation_shortfall(**{**free, "fees": D("1e999999")})


def test_slippage_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="NO_FILLS"):
        arrival_slippage_bps(side="BUY", fills=[], arrival_price=D(1))
