"""The tearsheet: Nautilus' charts on our equity, limits first, nothing fetched; opened in a real browser where there is one."""

from __future__ import annotations

import re
from html import escape
from math import isclose
from pathlib import Path

import pytest

from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.layout import Layout
from orders.caveats import MEANINGS
from sim.backtest_report import Result
from sim.backtest_run import backtest
from sim.tearsheet import OF_CASH_ALONE, NautilusFigures, daily_returns, figures_of, return_statistics, write_tearsheet
from tests.browser import needs_browser, opened

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED = "--virtual-time-budget=8000"


class Made:
    """One run of 2022 and its page."""

    def __init__(self, folder: Path) -> None:
        config_path = folder / "year.toml"
        config_path.write_text(
            (ROOT / "data/configs/backtest.toml").read_text().replace("start = 2019-01-31", "start = 2022-01-03")
        )
        config = load_config(config_path)
        inputs = read_inputs(config)
        seen: list[NautilusFigures] = []
        summary, halted = backtest(
            config, inputs, layout=Layout(directory=folder / "run"), run_id="one",
            say=lambda day, done, total: None, look=lambda engine: seen.append(figures_of(engine)),
        )  # fmt: skip
        self.page = folder / "out" / "tearsheet.html"
        self.figures = seen[0]
        self.result = Result(
            config=config,
            directory=folder / "run",
            summary=summary,
            halted=halted,
            stress=(),
            synthetic=inputs.synthetic,
            tearsheet=self.page,
            bundle_sha256="0" * 64,
        )
        write_tearsheet(self.page, self.result, figures=self.figures)
        self.html = self.page.read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Made(tmp_path_factory.mktemp("tearsheet"))


def test_limits_of_the_data_stand_before_any_figure(made: Made) -> None:
    limits, figures = made.html.index("id='limits'"), made.html.index("<h2>Figures</h2>")
    banner = made.html[limits:figures]
    caveats = made.result.config.caveats()
    assert caveats
    for caveat in caveats:
        assert escape(caveat.words) in banner
        assert escape(MEANINGS[caveat.name]) in banner


def test_nautilus_computes_our_sharpe_from_our_returns(made: Made) -> None:
    theirs = return_statistics(daily_returns(made.result))
    ours = made.result.summary.performance
    assert ours.sharpe is not None
    assert ours.volatility_fraction is not None
    assert isclose(theirs["Sharpe Ratio (252 days)"], ours.sharpe, rel_tol=1e-9)
    assert isclose(theirs["Returns Volatility (252 days)"], ours.volatility_fraction, rel_tol=1e-9)


def test_what_nautilus_takes_from_cash_alone_is_not_on_the_page(made: Made) -> None:
    assert list(made.figures.pnls) == ["US, USD"]
    assert [name for name in OF_CASH_ALONE if name in made.html] == []
    assert "the balance of a cash account is its cash" in made.html


def test_the_page_names_nothing_to_fetch(made: Made) -> None:
    head = made.html.partition("</head>")[0]
    assert "default-src 'none'" in head
    assert re.findall(r"<(?:link|iframe|img|source|video)\b[^>]*>", made.html.replace(_scripts(made.html), "")) == []
    assert re.findall(r"<script[^>]+src=", made.html) == []


def _scripts(html: str) -> str:
    return "".join(re.findall(r"<script\b.*?</script>", html, re.DOTALL))


def test_words_of_a_config_are_text_on_the_page(made: Made, tmp_path: Path) -> None:
    config_path = tmp_path / "bad.toml"
    text = (ROOT / "data/configs/backtest.toml").read_text()
    config_path.write_text(text.replace("20 names that were", "<script>alert(1)</script> names that were"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = load_config(config_path)
    shown = {name: getattr(made.result, name) for name in made.result.__struct_fields__}
    write_tearsheet(tmp_path / "bad.html", Result(**{**shown, "config": config}), figures=made.figures)
    assert "<script>alert(1)" not in (tmp_path / "bad.html").read_text()


@needs_browser
def test_a_browser_draws_all_charts_and_asks_the_network_for_nothing(made: Made, tmp_path: Path) -> None:
    document, asked = opened(made.page, tmp_path, SCRIPTED)
    assert asked == set()
    for title in (
        "Equity Curve",
        "Drawdown",
        "Monthly Returns",
        "Returns Distribution",
        "Rolling Sharpe Ratio (60-day)",
        "Yearly Returns",
    ):
        assert title in document
    assert document.count('class="js-line"') == 3  # equity, drawdown, rolling Sharpe
    assert document.count('class="trace bars"') == 2  # distribution, years
    assert document.count('class="hm"') == 1


@needs_browser
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.png", "https://clients2.google.com/x.png"], ids=["any", "the browser's own"]
)
@pytest.mark.parametrize(
    "asks",
    ["<img src='{}'>", "<link rel=stylesheet href='{}'>", "<iframe src='{}'></iframe>", "<script>fetch('{}')</script>"],
    ids=["image", "style", "frame", "script"],
)
def test_an_address_that_a_page_asks_for_would_be_seen(asks: str, address: str, tmp_path: Path) -> None:
    """The bad twin: without it an empty list of addresses would prove nothing."""
    page = tmp_path / "spy.html"
    page.write_text(f"<body>{asks.format(address)}</body>")
    _, asked = opened(page, tmp_path, SCRIPTED)
    assert address in asked


def test_a_run_within_a_day_has_a_page_without_charts(made: Made, tmp_path: Path) -> None:
    shown = {name: getattr(made.result, name) for name in made.result.__struct_fields__}
    summary = {name: getattr(made.result.summary, name) for name in made.result.summary.__struct_fields__}
    performance = {name: getattr(summary["performance"], name) for name in summary["performance"].__struct_fields__}
    short = type(summary["performance"])(**{**performance, "days": summary["performance"].days[:1]})
    result = Result(**{**shown, "summary": type(made.result.summary)(**{**summary, "performance": short})})
    write_tearsheet(tmp_path / "short.html", result, figures=made.figures)
    assert "the run is within one day" in (tmp_path / "short.html").read_text()
