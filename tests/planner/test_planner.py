"""The planner's rules: one reason a line, sells first, cash respected, the book valued or nothing planned."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orders.canonical import canonical_bytes, canonical_sha256, plain
from orders.errors import InputError
from orders.plan import Held, Reason, UnnamedPositions, plan_document, plan_sha256
from orders.values import AccountKind, Rate, Side
from strategies import plan_text
from strategies.planner import plan
from tests.planner.world import AGE_MAX, NOW, D, fees, inputs, line_of, listing, open_order, planned, policy, quote

A, B, C = "NYSE:AAA", "NYSE:BBB", "NYSE:CCC"
AT_TEN = {A: ("10", "10")}


@pytest.mark.parametrize(
    ("changes", "reason", "side", "quantity"),
    [
        ({"targets": {A: "0.5"}}, Reason.TRADE, Side.BUY, "50"),
        ({"targets": {A: "0.5"}, "held": {A: "20"}}, Reason.TRADE, Side.BUY, "40"),
        ({"targets": {A: "0.1"}, "held": {A: "100"}}, Reason.TRADE, Side.SELL, "80"),
        ({"targets": {A: "0"}, "held": {A: "7"}}, Reason.TRADE, Side.SELL, "7"),
        ({"targets": {}, "held": {A: "7"}}, Reason.TRADE, Side.SELL, "7"),
        ({"targets": {A: "0.5"}, "held": {A: "100"}}, Reason.ON_TARGET, None, "0"),
        ({"targets": {A: "0"}}, Reason.ON_TARGET, None, "0"),
        ({"targets": {}, "held": {A: "7"}, "policy": policy(unnamed_positions=UnnamedPositions.KEEP)}, Reason.KEPT, None, "0"),
        (
            {"targets": {A: "0.509"}, "held": {A: "100"}, "policy": policy(drift_band_fraction=D("0.01"))},
            Reason.WITHIN_BAND,
            None,
            "0",
        ),
        (
            {"targets": {A: "0.51"}, "held": {A: "100"}, "policy": policy(drift_band_fraction=D("0.01"))},
            Reason.TRADE,
            Side.BUY,
            "2",
        ),
        ({"targets": {A: "0"}, "held": {A: "1"}, "policy": policy(drift_band_fraction=D("0.5"))}, Reason.TRADE, Side.SELL, "1"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"min_notional": D("500.01")}}}, Reason.BELOW_FLOOR, None, "0"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"min_notional": D("500")}}}, Reason.TRADE, Side.BUY, "50"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"min_quantity": D("51")}}}, Reason.BELOW_FLOOR, None, "0"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"step_size": D("51")}}}, Reason.BELOW_FLOOR, None, "0"),
        ({"targets": {A: "0"}, "held": {A: "3"}, "symbol_limits": {A: {"min_notional": D("31")}}}, Reason.DUST_STAYS, None, "0"),
        ({"targets": {}, "held": {A: "0.5"}}, Reason.DUST_STAYS, None, "0"),
        (
            {"targets": {A: "0.09"}, "held": {A: "10"}, "symbol_limits": {A: {"min_quantity": D("2")}}},
            Reason.BELOW_FLOOR,
            None,
            "0",
        ),
        (
            {"targets": {A: "0.509"}, "held": {A: "100"}, "policy": policy(drift_band_relative=D("0.02"))},
            Reason.WITHIN_BAND,
            None,
            "0",
        ),
        (
            {"targets": {A: "0.52"}, "held": {A: "100"}, "policy": policy(drift_band_relative=D("0.0384"))},
            Reason.TRADE,
            Side.BUY,
            "4",
        ),
        (
            {
                "targets": {A: "0.509"},
                "held": {A: "100"},
                "policy": policy(drift_band_fraction=D("0.01"), drift_band_relative=D("0.001")),
            },
            Reason.WITHIN_BAND,
            None,
            "0",
        ),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"max_quantity": D("49")}}}, Reason.ABOVE_MAX_QUANTITY, None, "0"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"max_quantity": D("50")}}}, Reason.TRADE, Side.BUY, "50"),
        ({"targets": {A: "0.5"}, "quotes": {}}, Reason.NO_PRICE, None, "0"),
        ({"targets": {A: "0.5"}, "quotes": {A: quote(A, "10", ts_ns=NOW - AGE_MAX)}}, Reason.TRADE, Side.BUY, "50"),
        ({"targets": {A: "0.5"}, "quotes": {A: quote(A, "10", ts_ns=NOW - AGE_MAX - 1)}}, Reason.PRICE_STALE, None, "0"),
        ({"targets": {A: "0.5"}, "quotes": {A: quote(A, "10", ts_ns=NOW + 1)}}, Reason.PRICE_STALE, None, "0"),
        ({"targets": {A: "0.5"}, "quotes": {A: quote(A, "10", "9.99")}}, Reason.PRICE_CROSSED, None, "0"),
        ({"targets": {A: "0.5"}, "limits": {}}, Reason.NO_LIMITS, None, "0"),
        ({"targets": {A: "0.5"}, "symbol_limits": {A: {"step_size": D("0")}}}, Reason.NO_LIMITS, None, "0"),
        ({"targets": {A: "0.5"}, "listings": {}}, Reason.NOT_LISTED, None, "0"),
        ({"targets": {A: "0.5"}, "accounts": {}}, Reason.NOT_LISTED, None, "0"),
        ({"targets": {A: "0.5"}, "fees": {}}, Reason.NOT_LISTED, None, "0"),
        ({"targets": {A: "0.5"}, "listings": {A: listing(A, currency="EUR")}}, Reason.NO_RATE, None, "0"),
        ({"targets": {A: "-0.5"}}, Reason.REFUSED_SHORT, None, "0"),
        ({"targets": {A: "-0.5"}, "held": {A: "5"}}, Reason.REFUSED_SHORT, None, "0"),
        ({"targets": {A: "-0.5"}, "account": AccountKind.MARGIN}, Reason.TRADE, Side.SELL, "50"),
        ({"targets": {A: "-0.5"}, "held": {A: "5"}, "account": AccountKind.MARGIN}, Reason.TRADE, Side.SELL, "5"),
        ({"targets": {A: "0.5"}, "held": {A: "-5"}, "account": AccountKind.MARGIN}, Reason.TRADE, Side.BUY, "5"),
        ({"targets": {A: "2"}, "account": AccountKind.MARGIN}, Reason.TRADE, Side.BUY, "200"),
        ({"targets": {A: "0.5"}, "open_orders": (open_order(A, Side.BUY, "1"),)}, Reason.IN_FLIGHT, None, "0"),
        ({"targets": {}, "open_orders": (open_order(A, Side.BUY, "1"),)}, Reason.IN_FLIGHT, None, "0"),
    ],
    ids=[
        "buys what is missing",
        "buys the difference only",
        "sells what is too much",
        "closes a zero target",
        "closes what the manifest does not name",
        "on target",
        "nothing held and nothing wanted",
        "keeps what policy keeps",
        "inside the band",
        "at the band trades",
        "a close ignores the band",
        "one cent under min notional",
        "at min notional",
        "under min quantity",
        "under one step",
        "a close below the floor stays",
        "less than a step that nobody names stays",
        "a reduction below the floor is no dust that stays",
        "inside the relative band",
        "at the relative band trades",
        "the wider of two bands holds",
        "above max quantity is not clipped",
        "at max quantity",
        "no price",
        "price at its age limit",
        "price stale by 1 ns",
        "price from the future",
        "crossed book",
        "no limits",
        "zero step",
        "not in the symbol map",
        "no account",
        "no fee schedule",
        "no rate",
        "no short on a cash account",
        "a short target does not sell to zero either",
        "short on margin",
        "a flip to short closes first",
        "a flip to long closes first",
        "margin is not bound by cash",
        "open order, no second one",
        "an open order alone has a line",
    ],
)
def test_each_line_has_one_reason(changes: dict[str, Any], reason: Reason, side: Side | None, quantity: str) -> None:
    made = planned(inputs(**{"prices": AT_TEN} | changes))
    (line,) = made.lines
    assert (line.reason, line.side, line.quantity) == (reason, side, D(quantity))
    assert line.trades is (line.quantity > 0)


def test_dust_says_below_floor() -> None:
    made = planned(inputs({A: "0.5"}, prices=AT_TEN, symbol_limits={A: {"min_notional": D("501")}}))
    assert made.lines[0].detail == "Below Floor: 500 USD < min notional 501 USD"
    assert plan_text.line_text(made.lines[0]).startswith(f"{A}: Below Floor")


def test_dust_that_stays_says_below_floor_and_its_value() -> None:
    made = planned(inputs({A: "0"}, prices={A: ("9", "11")}, held={A: "3"}, symbol_limits={A: {"min_quantity": D("4")}}))
    assert made.lines[0].detail == "Below Floor: 3 < min quantity 4; 3 worth 30 USD stays"
    assert plan_text.line_text(made.lines[0]).startswith(f"{A}: Below Floor")
    assert made.tracking_error_bps > 0


def test_every_reason_has_words() -> None:
    assert set(plan_text.REASON_WORDS) == set(Reason)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quotes": {}}, "NO_MARK"),
        ({"quotes": {A: quote(A, "10", ts_ns=NOW - AGE_MAX - 1)}}, "MARK_STALE"),
        ({"listings": {A: listing(A, currency="EUR")}}, "NO_RATE"),
        ({"cash": "-20"}, "EQUITY_NOT_POSITIVE"),
        ({"open_orders": (open_order("NYSE:ZZZ", Side.BUY, "1"),)}, "NOT_LISTED"),
    ],
    ids=["no mark", "mark stale by 1 ns", "no rate", "no equity", "an open order nobody knows"],
)
def test_no_plan_when_the_book_cannot_be_valued(changes: dict[str, Any], code: str) -> None:
    values: dict[str, Any] = {"prices": AT_TEN, "held": {A: "1"}} | changes
    answer = plan(inputs({A: "0.5"}, **values))
    assert isinstance(answer, Held)
    assert answer.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"targets": {A: "NaN"}}, "TARGET_INVALID"),
        ({"targets": {A: "Infinity"}}, "TARGET_INVALID"),
        ({"policy": policy(cash_buffer_fraction=D("1"))}, "POLICY_INVALID"),
        ({"policy": policy(drift_band_fraction=D("NaN"))}, "POLICY_INVALID"),
        ({"policy": policy(drift_band_relative=D("1"))}, "POLICY_INVALID"),
        ({"policy": policy(cash_drift_fraction=D("-0.01"))}, "POLICY_INVALID"),
        ({"policy": policy(turnover_cycle_max=D("-0.01"))}, "POLICY_INVALID"),
        ({"policy": policy(turnover_day_max=D("NaN"))}, "POLICY_INVALID"),
        ({"policy": policy(asset_weight_max=D("0"))}, "POLICY_INVALID"),
        ({"turnover_today": D("-0.1")}, "POLICY_INVALID"),
        ({"targets": {A: "1E+999"}}, "NUMBER_RANGE"),
    ],
)
def test_absurd_inputs_are_refused_by_name(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(inputs(**{"targets": {A: "0.5"}, "prices": AT_TEN} | changes))
    assert caught.value.code == code


def test_sells_come_first_then_buys_then_the_rest_by_symbol() -> None:
    prices = dict.fromkeys(("X:D", "X:C", "X:B", "X:A", "X:E"), ("10", "10"))
    made = planned(inputs({"X:A": "0.5", "X:B": "0", "X:C": "0.1", "X:E": "0"}, prices=prices, held={"X:D": "5", "X:B": "5"}))
    assert [(line.line, line.symbol, line.side) for line in made.lines] == [
        (1, "X:B", Side.SELL),
        (2, "X:D", Side.SELL),
        (3, "X:A", Side.BUY),
        (4, "X:C", Side.BUY),
        (5, "X:E", None),
    ]


def test_sells_fund_buys_at_the_bid_less_fees() -> None:
    made = planned(
        inputs(
            {B: "1"},
            prices={A: ("9", "11"), B: ("10", "10")},
            cash="0",
            held={A: "100"},
            fees={"US": fees("0.01")},
        )
    )
    sell, buy = line_of(made, A), line_of(made, B)
    assert (sell.quantity, sell.notional_base, sell.fee_base) == (D("100"), D("900"), D("9"))
    assert buy.reason is Reason.SCALED_TO_CASH
    assert buy.quantity == D("88")  # 891 in hand, 10.10 each
    assert made.scale_factor == D("0.882178217821")


def test_one_factor_scales_all_buys() -> None:
    made = planned(inputs({A: "1", B: "1", C: "0.5"}, prices={A: ("10", "10"), B: ("10", "10"), C: ("10", "10")}))
    assert made.scale_factor == D("0.4")
    assert [line.quantity for line in made.lines] == [D("40"), D("40"), D("20")]
    assert {line.reason for line in made.lines} == {Reason.SCALED_TO_CASH}


def test_a_buy_scaled_below_the_floor_says_no_cash() -> None:
    made = planned(
        inputs({A: "1", B: "1"}, prices={A: ("10", "10"), B: ("10", "10")}, symbol_limits={B: {"min_notional": D("501")}})
    )
    assert line_of(made, A).quantity == D("50")
    assert (line_of(made, B).reason, line_of(made, B).quantity) == (Reason.NO_CASH, D("0"))


def test_the_buffer_is_never_spent() -> None:
    made = planned(inputs({A: "1"}, prices=AT_TEN, policy=policy(cash_buffer_fraction=D("0.1"))))
    assert made.lines[0].quantity == D("90")


def test_an_open_buy_keeps_its_cash_and_fee() -> None:
    made = planned(
        inputs(
            {A: "0.9"},
            prices={A: ("10", "10"), B: ("10", "10")},
            open_orders=(open_order(B, Side.BUY, "50"),),
            fees={"US": fees("0.02")},
        )
    )
    assert line_of(made, A).quantity == D("48")  # 1000 - 510 in hand, 10.20 each


def test_an_open_buy_without_a_price_leaves_no_cash_to_count_on() -> None:
    made = planned(inputs({A: "0.1", B: "0.1"}, prices=AT_TEN, open_orders=(open_order(B, Side.BUY, "1"),)))
    assert line_of(made, A).reason is Reason.NO_CASH


def test_a_fee_in_the_base_asset_takes_no_cash() -> None:
    made = planned(
        inputs({A: "1"}, prices=AT_TEN, listings={A: listing(A, base="AAA")}, fees={"US": fees("0.01", base_on_buys=True)})
    )
    assert (made.lines[0].quantity, made.lines[0].fee_base) == (D("100"), D("10"))


def test_exposures_are_in_base_currency() -> None:
    made = planned(
        inputs(
            {A: "0.5"},
            prices=AT_TEN,
            listings={A: listing(A, currency="EUR")},
            rates={"EUR": Rate(value=D("1.25"), as_of_ns=NOW, valid_until_ns=NOW)},
            account=AccountKind.MARGIN,
            symbol_limits={A: {"multiplier": D("2")}},
        )
    )
    assert made.lines[0].quantity == D("20")
    assert made.lines[0].unit_value_base == D("2.5")
    assert made.lines[0].notional_base == D("500")
    assert (made.gross_before, made.gross_after, made.net_after, made.turnover) == (D("0"), D("0.5"), D("0.5"), D("0.5"))


def test_what_is_not_reached_shows_as_tracking_error_and_cost_as_forecast() -> None:
    made = planned(inputs({A: "0.5", B: "0.2"}, prices={A: ("9.99", "10.01")}, symbol_limits={A: {"step_size": D("7")}}))
    assert line_of(made, B).reason is Reason.NO_PRICE
    assert made.tracking_error_bps == D("1050")  # half of 0.01 (rounding to 49) + 0.2 (no price)
    assert made.forecast_cost_bps == D("10")  # the half spread


def test_the_plan_carries_no_clock() -> None:
    early = planned(inputs({A: "0.5"}, prices=AT_TEN))
    late = planned(inputs({A: "0.5"}, prices=AT_TEN, now_ns=NOW + AGE_MAX))
    assert early == late


def test_the_document_is_the_canonical_form_and_its_hash() -> None:
    made = planned(
        inputs({A: "0.5", B: "0.1", C: "-0.1"}, prices={A: ("10", "10.02"), B: ("0.00000001", "0.00000002")}, held={A: "3"})
    )
    assert plan_document(made) | {"capital_fraction": None} == plain(made)
    assert plan_sha256(made) == canonical_sha256(plan_document(made))
    governed = msgspec.structs.replace(made, capital_fraction=Decimal("0.25"))
    assert plan_sha256(governed) == canonical_sha256(governed)
    assert canonical_bytes(plan_document(governed)) == canonical_bytes(governed)


def test_the_wanted_quantity_is_cut_six_places_below_the_step() -> None:
    made = planned(inputs({A: "0.5"}, prices={A: ("3", "3")}))
    assert made.lines[0].wanted_quantity == Decimal("166.666666")


def test_a_fee_that_no_longer_fits_scales_the_buy() -> None:
    made = planned(inputs({A: "1"}, prices=AT_TEN, fees={"US": fees("0.01")}))
    assert (made.lines[0].reason, made.lines[0].quantity) == (Reason.SCALED_TO_CASH, D("99"))


def test_the_buffer_counts_positions_with_their_multiplier() -> None:
    """Equity 1000 + 5 x 10 x 20 = 2000: a tenth of it is 200."""
    made = planned(
        inputs(
            {A: "0.5", B: "0.5"},
            prices={A: ("10", "10"), B: ("10", "10")},
            held={A: "5"},
            symbol_limits={A: {"multiplier": D("20")}},
            policy=policy(cash_buffer_fraction=D("0.1")),
        )
    )
    assert line_of(made, B).quantity == D("80")


def test_exposure_after_a_sale_is_lower_by_it() -> None:
    made = planned(inputs({A: "0.2"}, prices=AT_TEN, cash="500", held={A: "50"}))
    assert (made.gross_before, made.net_before, made.gross_after, made.net_after) == (D("0.5"), D("0.5"), D("0.2"), D("0.2"))
    assert (made.equity_base, made.cash_base, made.turnover, made.tracking_error_bps) == (D("1000"), D("500"), D("0.3"), D("0"))
