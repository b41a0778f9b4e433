"""The drift monitor's list: read strictly, shown as advice, never as an order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from lakehouse.drift_csv import DriftLevels, DriftRow, drift_advice, drift_alert, parse_drift, read_drift
from orders.errors import InputError
from orders.plan import Plan
from orders.values import AccountKind, Side
from tests.lakehouse_in.shapes_made import PLATFORM
from tests.planner.world import inputs, planned

D = Decimal
HEAD = "Profile,Symbol,Action,Size,Target_Weight,Market,Description\n"
ROW = "Rank1_custom_barbell,AMEX:SPY,BUY,0.4,0.4,UNKNOWN,N/A\n"


def row(symbol: str, side: str, size: str, *, profile: str = "Rank1_custom_barbell") -> DriftRow:
    return DriftRow(profile=profile, symbol=symbol, side=Side(side), size=D(size), target_weight=D(size))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "DRIFT_CSV_MALFORMED"),
        (HEAD.replace("Size", "Quantity") + ROW, "DRIFT_CSV_MALFORMED"),
        ("\ufeff" + HEAD + ROW, "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW + ROW, "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("BUY", "HOLD"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("BUY", "buy"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "-0.4,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "0.4,-0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "nan,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "inf,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "1e999,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "1001,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", ",0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("0.4,0.4", "0_4,0.4"), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace(",N/A", ""), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("N/A", "x" * 1001), "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("N/A", '"open'), "DRIFT_CSV_MALFORMED"),
        (HEAD + "\n", "DRIFT_CSV_MALFORMED"),
        (HEAD + ROW.replace("AMEX:SPY", "long_all"), "SYMBOL_WITHOUT_EXCHANGE"),
        (HEAD + ROW.replace("AMEX:SPY", "AMEX:SPY_trend_SHORT"), "SYMBOL_IS_ATOM"),
        (HEAD + ROW.replace("AMEX:SPY", "AMEX:spy"), "SYMBOL_MALFORMED"),
    ],
)
def test_a_malformed_list_is_refused_as_a_whole(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_drift(text.encode(), what="it")
    assert caught.value.code == code
    assert "it" in caught.value.found


def test_bytes_that_are_no_text_and_files_too_large_are_refused() -> None:
    for data, code in ((b"\xff", "NOT_UTF8"), (b"x" * ((4 << 20) + 1), "TOO_LARGE")):
        with pytest.raises(InputError) as caught:
            parse_drift(data, what="it")
        assert caught.value.code == code


def test_more_rows_than_any_book_has_are_refused() -> None:
    text = HEAD + "".join(f"p,AMEX:S{number},BUY,0.1,0.1,,\n" for number in range(20_001))
    with pytest.raises(InputError, match="at most 20000 rows"):
        parse_drift(text.encode(), what="it")


def test_an_empty_list_and_exponents_are_read() -> None:
    assert parse_drift(HEAD.encode(), what="it") == ()
    assert parse_drift((HEAD + ROW.replace("0.4,0.4", "1e-05,5e-324")).encode(), what="it")[0].size == D("0.00001")


def test_the_file_is_read_from_inside_its_root() -> None:
    assert len(read_drift(PLATFORM / "c7_drift.csv", root=PLATFORM)) == 3
    with pytest.raises(InputError, match="ESCAPES"):
        read_drift(PLATFORM / "c7_drift.csv", root=PLATFORM.parent / "manifests")


def plan_of(targets: Mapping[str, str], *, held: Mapping[str, str] | None = None) -> Plan:
    """Prices of 1 and 1000 of equity, so a unit held is a thousandth; on margin, so that shorts are planned."""
    prices = dict.fromkeys({*targets, *(held or {})}, ("1", "1"))
    units = sum(int(text) for text in (held or {}).values())
    return planned(
        inputs(dict(targets), prices=prices, held=dict(held or {}), cash=str(1000 - units), account=AccountKind.MARGIN)
    )


@pytest.mark.parametrize(
    ("rows", "targets", "held", "text"),
    [
        ([row("US:A", "BUY", "0.4")], {"US:A": "0.4"}, {}, "csv BUY 0.4"),
        ([row("US:A", "BUY", "0.4")], {"US:A": "0.4099"}, {}, "csv BUY 0.4"),
        ([row("US:A", "SELL", "0.1")], {"US:A": "0.4"}, {"US:A": "500"}, "csv SELL 0.1"),
        (
            [row("US:A", "BUY", "0.4")],
            {"US:A": "-0.4"},
            {},
            "DRIFT_CSV_DISAGREES: csv BUY 0.4, plan wants SELL 0.4; the csv knows no shorts",
        ),
        ([row("US:A", "BUY", "0.4")], {"US:A": "0.41"}, {}, "DRIFT_CSV_DISAGREES: csv BUY 0.4, plan wants BUY 0.41"),
        ([row("US:A", "BUY", "0.4")], {"US:A": "0.4"}, {"US:A": "400"}, "DRIFT_CSV_DISAGREES: csv BUY 0.4, plan wants no trade"),
        ([], {"US:A": "0.01"}, {}, "DRIFT_CSV_DISAGREES: csv no trade, plan wants BUY 0.01"),
        ([], {"US:A": "0.0099"}, {}, None),
        ([row("US:A", "BUY", "0.4")], {}, {}, "DRIFT_CSV_DISAGREES: csv BUY 0.4, the plan has no such line"),
        (
            [row("US:A", "BUY", "0.4"), row("US:A", "BUY", "0.1", profile="Rank3_riskfolio_hrp")],
            {"US:A": "0.9"},
            {},
            "csv BUY 0.4 and BUY 0.1",
        ),
        (
            [row("US:A", "BUY", "0.4"), row("US:A", "SELL", "0.1", profile="Rank3_riskfolio_hrp")],
            {"US:A": "0.3"},
            {},
            "DRIFT_CSV_DISAGREES: csv BUY 0.4 and SELL 0.1, plan wants BUY 0.3",
        ),
    ],
    ids=[
        "same",
        "less than the monitor's least trade apart",
        "a reduction",
        "a short it reads as a buy",
        "another size",
        "nothing to do",
        "missing there",
        "too small for it",
        "not planned",
        "two profiles of one side",
        "two profiles of two sides",
    ],
)
def test_the_list_is_compared_line_by_line(
    rows: list[DriftRow], targets: dict[str, str], held: dict[str, str], text: str | None
) -> None:
    assert drift_advice(rows, plan_of(targets, held=held)).get("US:A") == text


def test_a_flip_of_two_legs_is_one_drift() -> None:
    made = plan_of({"US:A": "-0.2"}, held={"US:A": "300"})
    assert drift_advice([row("US:A", "SELL", "0.5")], made)["US:A"] == "csv SELL 0.5"


def test_advice_changes_no_line_of_the_plan() -> None:
    made = plan_of({"US:A": "-0.4", "US:B": "0.3"})
    before = repr(made)
    drift_advice([row("US:A", "BUY", "0.4"), row("US:Z", "BUY", "1")], made)
    assert repr(made) == before


@pytest.mark.parametrize(
    ("targets", "held", "alert"),
    [
        ({"US:A": "0.05", "US:B": "0.05", "US:C": "0.05", "US:D": "0.05"}, {}, None),
        ({"US:A": "0.06", "US:B": "0.05", "US:C": "0.05", "US:D": "0.05"}, {}, "REBALANCE"),
        ({f"US:{letter}": "0.05" for letter in "ABCDEFGH"}, {}, "REBALANCE"),
        ({f"US:{letter}": "0.051" for letter in "ABCDEFGH"}, {}, "URGENT"),
        ({"US:A": "0.075"}, {}, None),
        ({"US:A": "-0.076"}, {}, "URGENT"),
        ({"US:A": "0.5"}, {"US:A": "500"}, None),
    ],
    ids=["turnover at 10 %", "above", "turnover at 20 %", "above 20 %", "one at 7.5 %", "one above, short", "on target"],
)
def test_the_documented_alert_levels_are_judged_on_signed_drift(
    targets: dict[str, str], held: dict[str, str], alert: str | None
) -> None:
    found = drift_alert(plan_of(targets, held=held), DriftLevels())
    assert (None if found is None else found.level) == alert


def test_an_alert_says_what_was_seen_against_which_level() -> None:
    made = plan_of({"US:A": "-0.1", "US:B": "0.5"})
    found = drift_alert(made, DriftLevels())
    assert found is not None
    assert found.message == "turnover 0.3 > 0.2, drift of US:B 0.5 > 0.075"
