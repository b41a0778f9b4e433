"""The page: what comes from outside is escaped, nothing is fetched, every mark can be traced, charts hold any numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from analysis.report_charts import cost_waterfall, costs_of_groups, latency_costs, markout_curves, refusal_bars
from analysis.report_charts_time import latency_ranges, latency_waterfall, tracking_error, weight_dumbbells
from analysis.report_document import Report
from analysis.report_page import page
from analysis.report_table import table
from analysis.svg import nice_ticks, tick_text
from lakehouse import records
from tests.report.made import Log, many, reported

EVIL = '<script>alert("x")</script>&\'"'


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(reported(many(30), tmp_path_factory.mktemp("page")))


def test_text_from_outside_is_escaped_wherever_it_stands(tmp_path: Path) -> None:
    log = Log()
    log.order("1", symbol=EVIL, venue=EVIL)
    log.intent("2", symbol=EVIL)
    log.say(records.Reject, client_order_id="2", symbol=EVIL, by="venue", code=EVIL, message=EVIL)
    log.say(records.Skip, cycle=1, line=1, symbol=EVIL, reason=EVIL, text=EVIL, wanted_quantity=None, notional_base="1")
    report = msgspec.structs.replace(reported(log, tmp_path, by=[("source_run",)]), title=EVIL, source=EVIL)
    made = page(report)
    assert "alert(" in made
    assert "<script>alert" not in made
    assert made.count("<script") == 1
    assert EVIL not in made


def test_nothing_is_fetched_and_the_policy_forbids_it(shown: str) -> None:
    assert "default-src 'none'" in shown
    assert re.findall(r"""(?:src|href|action|xlink:href)=["'](?!#)[^"']*""", shown) == []
    assert re.findall(r"url\(|@import|https?://|fetch\(|XMLHttpRequest|WebSocket", shown) == []


def test_every_drawing_is_well_formed_and_says_what_it_is(shown: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", shown, re.DOTALL)
    assert len(drawings) >= 10
    for drawing in drawings:
        element = ElementTree.fromstring(drawing)
        assert element.attrib["aria-label"]
        assert not [text for text in element.itertext() if "nan" in text.lower() or "inf" in text.lower()]


def test_tags_are_balanced(shown: str) -> None:
    stack: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                stack.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Balance().feed(shown)
    assert stack == []


def test_fills_and_orders_name_their_line_in_the_log(shown: str) -> None:
    assert re.search(r'class="buy" data-tip="[^"]*log line \d+', shown)
    assert re.search(r"<summary data-tip=\"order [^\"]*intent in log line \d+", shown)
    assert re.search(r"<span class='no'>line \d+</span>", shown)


def test_a_printed_and_a_dark_page_have_their_own_colours(shown: str) -> None:
    assert "@media print" in shown
    assert "@media(prefers-color-scheme:dark)" in shown
    assert not re.search(r"animation|transition|<marquee", shown)


CHARTS: dict[str, Callable[[Report, float], str]] = {
    "cost waterfall": cost_waterfall,
    "costs by venue": lambda report, width: costs_of_groups(report, width, name="costs_by_venue", keys=("venue",)),
    "latency waterfall": latency_waterfall,
    "latency ranges": latency_ranges,
    "latency costs": latency_costs,
    "tracking error": tracking_error,
    "weights": weight_dumbbells,
    "refusals": refusal_bars,
    "markouts": lambda report, width: markout_curves(report, width, currency="USD"),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS.keys())
def test_a_chart_of_nothing_is_nothing(chart: Callable[[Report, float], str], tmp_path: Path) -> None:
    report = msgspec.structs.replace(reported(Log(), tmp_path), tables={})
    assert chart(report, 900) == ""


@pytest.mark.parametrize("factor", ["1e-12", "1", "-1e3", "1e15"])
@pytest.mark.parametrize("width", [350, 920])
def test_a_waterfall_holds_numbers_of_any_size(factor: str, width: int, tmp_path: Path) -> None:
    report = reported(many(1), tmp_path)
    old = report.tables["cost_tree"]
    rows = [(n, b, a * Decimal(factor), None if c is None else c * Decimal(factor)) for n, b, a, c in old.rows]
    changed = msgspec.structs.replace(report, tables=dict(report.tables) | {"cost_tree": table("cost_tree", old.columns, rows)})
    element = ElementTree.fromstring(cost_waterfall(changed, width))
    xs = [float(one.attrib["x"]) + float(one.attrib["width"]) for one in element.iter() if one.tag == "rect"]
    assert xs
    assert all(0 <= x <= width for x in xs)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-1, 1, [-1, -0.5, 0, 0.5, 1]), (3, 3, [3]), (0, 0.003, [0, 0.001, 0.002, 0.003])],
    ids=["ten", "around zero", "nothing", "thousandths"],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_tick_labels_have_the_decimals_their_step_needs() -> None:
    assert [tick_text(value, [0, 0.5, 1]) for value in (0, 0.5, -1)] == ["0.0", "0.5", "−1.0"]
    assert tick_text(20_000, [0, 20_000]) == "20,000"
