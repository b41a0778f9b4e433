"""What many twin lines come to: by hand, by gate and page alike, and nothing of what was not compared."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.gate_metrics_twin import MEASURES
from analysis.gate_source import NONE, Source
from analysis.log_store import open_log
from analysis.twin_divergence import METRICS, stored_twin_orders, twin_metric, twin_orders
from lakehouse import records
from orders.errors import ConfigError
from tests.report.made import Log
from tests.twin.made import NS, START_NS, spoilt_line, twin_line

SHA = "b" * 64


def sample(count: int, *, seed: int = 1) -> list[records.TwinLine]:
    """Orders of two symbols over three days, some without a fill, some not compared."""
    dice, made = random.Random(seed), []
    for number in range(count):
        key, day = f"{number:032x}", dice.randrange(3)
        given: dict[str, Any] = {
            "symbol": dice.choice(["BINANCE:BTCUSDT", "BINANCE:ETHUSDT"]), "sent_ns": START_NS + (day * 86_400 + number) * NS,
            "price_bps": str(dice.randint(-400, 600) / 100), "first_fill_ms": str(dice.randint(-50, 90)),
            "notional_base": str(dice.randint(100, 90_000)), "live_fill_ratio": dice.choice(["1", "1", "0.5"]),
        }  # fmt: skip
        if number % 11 == 3:
            made.append(spoilt_line(key, "QUOTES_STALE"))
        elif number % 13 == 5:
            none = dict.fromkeys(("price_bps", "first_fill_ms", "last_fill_ms"))
            made.append(twin_line(key, **given | none | {"twin_fill_ratio": "0", "missing": ["NO_TWIN_FILL"]}))
        else:
            made.append(twin_line(key, **given))
    return made


def written(lines: list[records.TwinLine], directory: Path) -> Path:
    """A twin's log of these lines."""
    log = Log(kind="twin")
    log.lines[0] = msgspec.structs.replace(log.lines[0], bundle_sha256=SHA)
    for line in lines:
        log.lines.append(msgspec.structs.replace(line, seq=len(log.lines) + 1))
    return log.write(directory)


def test_the_three_metrics_are_what_their_definitions_say_by_hand() -> None:
    lines = [
        twin_line("1" * 32, price_bps="2", first_fill_ms="10", notional_base="100", live_fill_ratio="1", twin_fill_ratio="1"),
        twin_line("2" * 32, price_bps="-1", first_fill_ms="30", notional_base="300", live_fill_ratio="0.5", twin_fill_ratio="1"),
        twin_line("3" * 32, price_bps="4", first_fill_ms="-20", notional_base=None, live_fill_ratio="1", twin_fill_ratio="0.5"),
        spoilt_line("4" * 32, "TWIN_AWAY"),
    ]
    orders = twin_orders(lines)
    price, time, filled = (twin_metric(orders, name) for name in METRICS)
    assert price.value == Decimal("-0.25"), "(2 x 100 - 1 x 300) / 400; the third has no notional"
    assert time.value == Decimal(10), "the middle one"
    assert filled.value == Decimal(1), "(1 + 0.5 + 1) / (1 + 1 + 0.5)"
    assert (price.orders, time.orders, filled.orders) == (2, 3, 3)
    assert (price.notional_base, price.days) == (Decimal(400), 1)
    assert (price.low, price.high) == (None, None), "too small to judge"
    assert price.uncompared == {"TWIN_AWAY": 1}


def test_of_nothing_there_is_no_value() -> None:
    for name in METRICS:
        made = twin_metric((), name)
        assert (made.value, made.orders, made.days, made.first_ns) == (None, 0, 0, None)


def test_a_metric_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="METRIC_UNKNOWN"):
        twin_metric((), "twin_luck")


def test_a_log_in_sql_and_its_lines_say_the_same(tmp_path: Path) -> None:
    lines = sample(60)
    with open_log(written(lines, tmp_path), copy=False) as store:
        stored = stored_twin_orders(store)
    assert stored == twin_orders(lines)


@pytest.mark.parametrize("metric", METRICS)
def test_page_and_gate_say_the_same_of_the_same_log(metric: str, tmp_path: Path) -> None:
    lines = sample(80)
    written(lines, tmp_path)
    source = Source("twin", tmp_path, bundle_sha256=SHA, code_sha256=SHA, now_ns=START_NS, proof=NONE)
    try:
        assert source.problem == ""
        gate = MEASURES[metric](source)
    finally:
        source.close()
    made = twin_metric(twin_orders(lines), metric)
    assert made.low is not None
    assert (gate.value, gate.low, gate.high, gate.orders) == (made.value, made.low, made.high, made.orders)
    compared = [line for line in lines if line.compared]
    assert gate.notional_base == sum(Decimal(line.notional_base or 0) for line in compared)


def test_an_interval_holds_its_value_and_narrows_with_more_orders() -> None:
    small, large = (twin_metric(twin_orders(sample(count)), METRICS[0]) for count in (40, 640))
    for made in (small, large):
        assert made.low is not None
        assert made.high is not None
        assert made.value is not None
        assert made.low <= made.value <= made.high
    assert large.high - large.low < small.high - small.low  # type: ignore[operator]  # both are there, as asserted
