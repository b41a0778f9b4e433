"""`sluice limits fetch`, unmodified ccxt against a loopback exchangeInfo: exact numbers, refusals by name, kinds kept apart."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.snapshots import MarketLimitsSnapshot, read_market_limits
from orders.values import MarketLimits
from tests.limits.venue import LINEAR, SPOT, perpetual, spot, venue
from venues.ccxt.market_limits import reach

D = Decimal
BTC, ETH, PERP = "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "BINANCE:BTCUSDT.P"


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


def fetched(tmp_path: Path, endpoint: str, *symbols: str, code: int = 0) -> MarketLimitsSnapshot:
    path = tmp_path / "limits.json"
    assert run(["limits", "fetch", "binance", *symbols, "--endpoint", endpoint, "--output", str(path), "--json"]) == code
    return read_market_limits(path)


def refusals(snapshot: MarketLimitsSnapshot) -> dict[str, str]:
    return {entry.symbol: entry.code for entry in snapshot.refused}


def test_limits_are_the_venues_own_numbers_exactly(tmp_path: Path) -> None:
    with venue() as endpoint:
        made = fetched(tmp_path, endpoint)
    assert made.limits[BTC] == MarketLimits(
        symbol=BTC,
        venue="BINANCE",
        step_size=D("0.00001"),
        tick_size=D("0.01"),
        min_quantity=D("0.00001"),
        min_notional=D("5"),
        max_quantity=D("120.5"),
        multiplier=D("1"),
    )
    assert set(made.limits) == {BTC, ETH, "BINANCE:SOLUSDT", PERP}
    assert made.source.startswith("binance by ccxt, as http://127.0.0.1:")


def test_a_spot_pair_and_its_perpetual_share_an_id_and_no_number(tmp_path: Path) -> None:
    with venue() as endpoint:
        made = fetched(tmp_path, endpoint, BTC, PERP)
    spot_limits, perp = made.limits[BTC], made.limits[PERP]
    assert (spot_limits.step_size, spot_limits.tick_size, spot_limits.min_notional) == (D("0.00001"), D("0.01"), D("5"))
    assert (perp.step_size, perp.tick_size, perp.min_notional, perp.multiplier) == (D("0.001"), D("0.1"), D("100"), D("1"))


def test_derivatives_are_asked_for_only_where_a_listing_needs_them(tmp_path: Path) -> None:
    asked: list[str] = []
    with venue(asked=asked) as endpoint:
        fetched(tmp_path, endpoint, BTC)
    assert asked == ["/api/v3/exchangeInfo"]


def test_a_perpetual_that_is_not_there_never_gets_the_spot_pairs_limits(tmp_path: Path) -> None:
    with venue(linear=(perpetual("ETHUSDT", "ETH"),)) as endpoint:
        made = fetched(tmp_path, endpoint, BTC, PERP)
    assert set(made.limits) == {BTC}
    assert refusals(made) == {PERP: "NOT_AT_VENUE"}


CASES: list[tuple[str, dict[str, Any] | None, str]] = [
    ("not at the venue", None, "NOT_AT_VENUE"),
    ("halted", spot("BTCUSDT", "BTC", status="BREAK"), "NOT_TRADING"),
    ("zero tick", spot("BTCUSDT", "BTC", tick="0.00000000"), "LIMITS_MISSING"),
    ("zero step", spot("BTCUSDT", "BTC", step="0.00000000"), "LIMITS_MISSING"),
    ("zero least quantity", spot("BTCUSDT", "BTC", least="0.00000000"), "LIMITS_MISSING"),
    ("zero least notional", spot("BTCUSDT", "BTC", notional="0.00000000"), "LIMITS_MISSING"),
    ("negative step", spot("BTCUSDT", "BTC", step="-0.00001000"), "LIMITS_INVALID"),
    ("a step that is no number", spot("BTCUSDT", "BTC", step="NaN"), "LIMITS_INVALID"),
    ("market orders step otherwise", spot("BTCUSDT", "BTC", step="0.00003000", market_step="0.00010000"), "STEPS_DISAGREE"),
]


@pytest.mark.parametrize(("entry", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_missing_or_wrong_refuses_the_symbol_and_is_listed(
    tmp_path: Path, entry: dict[str, Any] | None, code: str
) -> None:
    with venue((*SPOT[1:], *((entry,) if entry else ()))) as endpoint:
        made = fetched(tmp_path, endpoint, BTC, ETH)
    assert set(made.limits) == {ETH}
    assert refusals(made) == {BTC: code}
    assert made.refused[0].message.startswith(BTC)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"market_most": "10000.00000000"}, "max_quantity", D("9000")),
        ({"market_most": "0.00000000"}, "max_quantity", D("9000")),
        ({"market_most": "0.00000000", "most": "0.00000000"}, "max_quantity", None),
        ({"market_least": "0.00020000"}, "min_quantity", D("0.0002")),
        ({"market_step": "0.00010000"}, "step_size", D("0.0001")),
        ({"market_step": "0.00000500"}, "step_size", D("0.00001")),
        ({"step": "0.00000001", "least": "0.00000001"}, "step_size", D("0.00000001")),
    ],
    ids=[
        "the smaller maximum", "a maximum of zero is none", "no maximum", "the larger minimum", "the coarser step",
        "a finer step of market orders", "the smallest step",
    ],
)  # fmt: skip
def test_the_stricter_of_limit_and_market_orders_holds(
    tmp_path: Path, changes: dict[str, str], field: str, value: Decimal | None
) -> None:
    with venue((spot("BTCUSDT", "BTC", **changes),)) as endpoint:
        made = fetched(tmp_path, endpoint, BTC)
    assert getattr(made.limits[BTC], field) == value


def test_where_nothing_is_usable_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "limits.json"
    with venue((spot("BTCUSDT", "BTC", tick="0"),)) as endpoint:
        assert run(["limits", "fetch", "binance", BTC, "--endpoint", endpoint, "--output", str(path)]) == 1
    said = capsys.readouterr()
    assert "NO_LIMITS" in said.err
    assert "LIMITS_MISSING" in said.out
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_says_otherwise_is_left_until_somebody_says_replace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with venue() as endpoint:
        before = fetched(tmp_path, endpoint, BTC, ETH)
    capsys.readouterr()
    with venue((spot("BTCUSDT", "BTC", notional="10.00000000"), *SPOT[2:])) as endpoint:
        kept = fetched(tmp_path, endpoint, BTC, ETH, code=3)
        said = json.loads(capsys.readouterr().out)
        assert kept == before
        assert said["written"] is False
        changes = [
            (change["symbol"], change["kind"], change["field"], change["before"], change["after"]) for change in said["changes"]
        ]
        assert changes == [(BTC, "changed", "min_notional", "5", "10"), (ETH, "gone", "", "", "NOT_AT_VENUE")]
        after = fetched(tmp_path, endpoint, BTC, ETH, "--replace")
    assert after.limits[BTC].min_notional == D("10")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["limits.json"]


def test_the_same_limits_again_renew_the_date(tmp_path: Path) -> None:
    with venue() as endpoint:
        first = fetched(tmp_path, endpoint, BTC)
        second = fetched(tmp_path, endpoint, BTC)
    assert second.as_of_ns > first.as_of_ns


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["bitfinex", "--venue", "BINANCE"], 2, "PRECISION_MODE"),
        (["nope", "--venue", "BINANCE"], 2, "EXCHANGE_UNKNOWN"),
        (["binance", "NYSE:XOM"], 2, "NOT_LISTED"),
        (["binance", "BINANCE:NOPE"], 2, "NOT_LISTED"),
        (["kraken"], 2, "NOT_LISTED"),
    ],
    ids=[
        "an exchange that counts digits",
        "no such exchange",
        "a symbol of another venue",
        "an unknown symbol",
        "a venue nobody listed",
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], exit_code: int, code: str
) -> None:
    asked: list[str] = []
    with venue(asked=asked) as endpoint:
        assert run(["limits", "fetch", *words, "--endpoint", endpoint, "--output", str(tmp_path / "x.json")]) == exit_code
    assert code in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    ("exchange", "derivatives", "hosts"),
    [
        ("binance", False, {"api.binance.com", "stream.binance.com"}),
        ("binance", True, {"api.binance.com", "stream.binance.com", "fapi.binance.com"}),
        ("okx", True, None),
    ],
    ids=["spot", "perpetuals too", "without a profile: all hosts of its own list"],
)
def test_only_as_many_hosts_as_are_needed_can_be_reached(exchange: str, derivatives: bool, hosts: set[str] | None) -> None:
    allowed, options = reach(exchange, derivatives=derivatives)
    assert (None if allowed is None else set(allowed)) == hosts
    assert options["fetchCurrencies"] is False


def test_an_endpoint_that_is_not_loopback_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["limits", "fetch", "binance", BTC, "--endpoint", "http://93.184.216.34:80", "--output", str(tmp_path / "x.json")]
    assert run(arguments) == 2
    assert "ENDPOINT_NOT_LOOPBACK" in capsys.readouterr().err


def test_a_venue_that_fails_is_a_failure_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with venue(LINEAR, status=503) as endpoint:
        assert run(["limits", "fetch", "binance", BTC, "--endpoint", endpoint, "--output", str(tmp_path / "x.json")]) == 1
    assert "VENUE_UNREACHABLE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
