"""What calibration takes, what it leaves alone, and what it says where there is too little."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from analysis.calibration import FIT_MIN, PRIOR_ORDERS, Calibration, Parameter, Status, calibrate
from analysis.calibration_data import Observations, observe
from analysis.foreign_store import open_foreign
from analysis.log_store import open_log
from lakehouse.records import AnyLine
from orders.values import AverageVolume, Side
from tests.calibration.made import MS, SECOND, VOLATILITIES, VOLUMES, Truth, made_log, pair, prior
from tests.log_store.made import START_NS, start, write

D = Decimal
ASSUMED = ("latency_ms", "jitter_ms", "bar_half_spread_bps", "slippage_bps")


def seen(path: Path, *, volumes: dict[str, AverageVolume] | None = None) -> Observations:
    with open_log(path, copy=False) as store:
        return observe(store, volumes=VOLUMES if volumes is None else volumes, volatilities=VOLATILITIES)


def named(found: Calibration, name: str) -> Parameter:
    return next(each for each in found.parameters if each.name == name)


def order(
    name: str, *, seq: int, at_ns: int, ms: int = 40, price: str = "100.02", quantity: str = "10", **intent: object
) -> list[AnyLine]:
    return pair(
        name, seq=seq, symbol="X:A", side=Side.BUY, quantity=quantity, arrival=100.0, price=price, bid="99.99", ask="100.01",
        sent_ns=at_ns, event_ns=at_ns + ms * MS, **intent,
    )  # fmt: skip


@pytest.mark.parametrize("orders", [0, 1, 56], ids=["no order", "one order", "39 to fit"])
def test_too_few_orders_leave_every_prior_and_say_how_many_there_are(tmp_path: Path, orders: int) -> None:
    found = calibrate(seen(made_log(tmp_path / "log", seed=1, orders=orders, limits=10)), prior=prior(), seed=1)
    for name in ASSUMED:
        row = named(found, name)
        assert (row.status, row.value) == (Status.INCONCLUSIVE, row.prior)
        assert f"{row.count} to fit and {row.rest_count} to judge, {FIT_MIN} and 20 are needed" in row.words
    assert {each.status for each in found.parameters} == {Status.INCONCLUSIVE}
    assert found.changed == {}


def test_the_value_is_the_weighted_mean_of_fit_and_prior(tmp_path: Path) -> None:
    found = calibrate(seen(made_log(tmp_path / "log", seed=2)), prior=prior(), seed=1)
    for name in ASSUMED:
        row = named(found, name)
        assert row.estimate is not None
        assert row.prior is not None
        weight = D(row.count) / (row.count + PRIOR_ORDERS)
        assert row.value == (weight * row.estimate + (1 - weight) * row.prior).quantize(D("0.0001"))


def test_a_prior_that_is_right_stands(tmp_path: Path) -> None:
    right = prior(latency_ns=35 * MS, jitter_ns=24 * MS, bar_half_spread_bps=D("2.5"), slippage_bps=D("0.8"))
    observations = seen(made_log(tmp_path / "log", seed=5))
    rest = calibrate(observations, prior=right, seed=1)
    half = named(rest, "bar_half_spread_bps").rest
    assert half is not None
    exact = calibrate(observations, prior=prior(bar_half_spread_bps=half), seed=1)
    row = named(exact, "bar_half_spread_bps")
    assert (row.status, row.value, row.weight) == (Status.NOT_BETTER, half, D(0))
    assert "bar_half_spread_bps" not in exact.changed


def test_fills_better_than_the_touch_make_no_negative_slippage(tmp_path: Path) -> None:
    found = calibrate(
        seen(made_log(tmp_path / "log", seed=6, truth=replace(Truth(), slippage_bps=0.0001))), prior=prior(), seed=1
    )
    assert named(found, "slippage_bps").value is not None
    lines: list[AnyLine] = [start(kind="live")]
    for number in range(200):
        lines += order(f"o{number}", seq=len(lines) + 1, at_ns=START_NS + number * SECOND, price="99.95")
    better = calibrate(seen(write(tmp_path / "better", *lines)), prior=prior(slippage_bps=D("0.5")), seed=1)
    row = named(better, "slippage_bps")
    assert row.estimate is not None
    assert row.estimate < 0
    assert row.value == 0
    assert "zero is the least" in row.words


def test_an_order_that_waited_for_an_earlier_one_tells_no_latency(tmp_path: Path) -> None:
    lines: list[AnyLine] = [start(kind="live")]
    for number, (after_ms, ms) in enumerate([(0, 50), (0, 50), (10, 45), (1000, 40), (2000, 42)]):
        lines += order(f"o{number}", seq=len(lines) + 1, at_ns=START_NS + after_ms * MS, ms=ms)
    assert seen(write(tmp_path / "log", *lines)).latencies.columns["latency_ms"].tolist() == [50.0, 40.0, 42.0]


def test_children_are_one_parent_measured_from_its_own_arrival(tmp_path: Path) -> None:
    parent = order("p", seq=2, at_ns=START_NS)[0]  # the intent alone: a parent of children is never sent
    one = order("c1", seq=3, at_ns=START_NS + SECOND, price="100.10", quantity="30", parent_client_order_id="p", child=1)
    two = order("c2", seq=5, at_ns=START_NS + 2 * SECOND, price="100.50", quantity="10", parent_client_order_id="p", child=2)
    parents = seen(write(tmp_path / "log", start(kind="live"), parent, *one, *two)).parents
    assert len(parents) == 1
    assert parents.columns["cost_bps"][0] == pytest.approx(20.0)  # (30 x 100.10 + 10 x 100.50) / 40 is 100.20
    assert parents.columns["root_bps"][0] == pytest.approx(0.03 * 1e4 * (40 / 200_000) ** 0.5)


@pytest.mark.parametrize(
    "volumes",
    [{}, {name: AverageVolume(units_per_day=D(1000), days=5, as_of_ns=0, valid_until_ns=1) for name in VOLUMES}],
    ids=["no volume is known", "volumes are out of date"],
)
def test_impact_is_inconclusive_where_no_volume_holds(tmp_path: Path, volumes: dict[str, AverageVolume]) -> None:
    observations = seen(made_log(tmp_path / "log", seed=7), volumes=volumes)
    row = named(calibrate(observations, prior=prior(), seed=1), "impact_coefficient")
    assert (row.status, row.count, row.estimate, row.value) == (Status.INCONCLUSIVE, 0, None, None)
    assert any("no known volume and volatility" in note for note in observations.notes)


def test_fills_of_an_order_count_by_their_quantity_and_the_order_once(tmp_path: Path) -> None:
    first, second = (
        order("a", seq=2, at_ns=START_NS, price="100.02", quantity="30"),
        order("a", seq=3, at_ns=START_NS, price="100.06", quantity="10"),
    )
    observations = seen(write(tmp_path / "log", start(kind="live"), *first, second[1]))
    assert len(observations.orders) == 1
    assert observations.orders.columns["half_bps"][0] == pytest.approx(1.0)
    assert observations.orders.columns["slippage_bps"][0] == pytest.approx((30 * 0.01 + 10 * 0.05) / 40 / 100.01 * 1e4)
    assert observations.orders.columns["cost_bps"][0] == pytest.approx((30 * 0.02 + 10 * 0.06) / 40 / 100 * 1e4)


def test_impact_of_orders_of_one_size_is_inconclusive(tmp_path: Path) -> None:
    lines: list[AnyLine] = [start(kind="live")]
    for number in range(100):
        lines += order(f"o{number}", seq=len(lines) + 1, at_ns=START_NS + number * SECOND)
    found = calibrate(seen(write(tmp_path / "log", *lines)), prior=prior(), seed=1)
    assert named(found, "impact_coefficient").status is Status.INCONCLUSIVE


def test_a_fill_whose_book_is_not_known_is_left_out_and_counted(tmp_path: Path) -> None:
    known, unknown = order("a", seq=2, at_ns=START_NS), pair(
        "b", seq=4, symbol="X:A", side=Side.SELL, quantity="1", arrival=100.0, price="99", bid="0", ask="0",
        sent_ns=START_NS + SECOND, event_ns=START_NS + SECOND + MS,
    )  # fmt: skip
    observations = seen(write(tmp_path / "log", start(kind="live"), *known, *unknown))
    assert len(observations.orders) == 1
    assert observations.orders.columns["slippage_bps"][0] == pytest.approx(0.01 / 100.01 * 1e4)
    assert any(note.startswith("1 of 2 taker fills have no book") for note in observations.notes)


def test_fills_of_another_system_say_nothing_of_limit_orders_that_did_not_fill(tmp_path: Path) -> None:
    fills = tmp_path / "fills.csv"
    rows = ["2026-01-05T10:00:00Z,X,X:A,BUY,10,100.02,USD,0.1,USD,t1,o1,LIMIT"]
    header = "time,venue,symbol,side,quantity,price,quote_currency,fee,fee_currency,trade_id,order_id,order_kind"
    fills.write_text("\n".join([header, *rows]) + "\n")
    with open_foreign(fills) as store:
        observations = observe(store, volumes={}, volatilities={}, foreign=True)
    assert observations.limits is None
    row = named(calibrate(observations, prior=prior(), seed=1), "limit_fill_fraction")
    assert row.status is Status.INCONCLUSIVE
