"""A run config is refused with everything that is wrong with it at once, each problem on its line."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import RunConfig, load_config
from lakehouse.drift_csv import DriftLevels
from lakehouse.returns_check import ReturnsCheck
from lakehouse.shape import Shape
from orders.assumptions import FillAt, FillRule
from orders.errors import ConfigError
from orders.plan import Flips, InFlight, UnnamedPositions
from orders.values import AccountKind, Grade

SHIPPED = ["shadow", "backtest", "crypto"]


@pytest.fixture(autouse=True)
def in_the_project_root(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)


def text_of(name: str = "shadow") -> str:
    return Path(f"data/configs/{name}.toml").read_text()


def changed(old: str, new: str, *, of: str = "shadow") -> str:
    text = text_of(of)
    assert old in text, old
    return text.replace(old, new, 1)


def problems_of(text: str, tmp_path: Path) -> list[tuple[int, str, str]]:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path)
    return [(problem.line, problem.key, problem.message) for problem in caught.value.problems]


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line.startswith(start))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configs_have_no_problems(name: str) -> None:
    config = load_config(Path(f"data/configs/{name}.toml"))
    assert config.sha256 == hashlib.sha256(Path(f"data/configs/{name}.toml").read_bytes()).hexdigest()


def test_three_typos_are_three_problems_on_their_lines(tmp_path: Path) -> None:
    text = text_of()
    text = text.replace('max_leverage = "1.05"', 'max_leverage = "one"')
    text = text.replace('adapter = "simulated"', 'adpater = "simulated"')
    text = text.replace('cash_buffer_fraction = "0.02"', 'cash_buffer_fraction = "2"')
    assert problems_of(text, tmp_path) == [
        (line_of(text, "cash_buffer"), "policy.cash_buffer_fraction", "must be below 1, was 2 (2 % is 0.02)"),
        (line_of(text, "max_leverage"), "sentinel.max_leverage", 'a number above 0 was expected, was "one"'),
        (line_of(text, "adpater"), "venues.US.adpater", "unknown key; did you mean adapter?"),
    ]


# ruff: noqa: E501 (the table is read by columns)
BAD: list[tuple[str, str, str, str, str]] = [
    ("a float for money", 'USD = "1000000"', "USD = 1e6", "capital.starting_cash.US.USD", "quote it"),
    ("a float for a fraction", 'cash_buffer_fraction = "0.02"', "cash_buffer_fraction = 0.02", "policy.cash_buffer_fraction", '"0.02"'),
    ("NaN", 'max_leverage = "1.05"', 'max_leverage = "NaN"', "sentinel.max_leverage", "a number above 0"),
    ("infinity", 'max_leverage = "1.05"', 'max_leverage = "Infinity"', "sentinel.max_leverage", "a number above 0"),
    ("TOML nan", 'max_leverage = "1.05"', "max_leverage = nan", "sentinel.max_leverage", "quote it"),
    ("an exponent", 'max_leverage = "1.05"', 'max_leverage = "1e9"', "sentinel.max_leverage", "a number above 0"),
    ("zero leverage", 'max_leverage = "1.05"', 'max_leverage = "0"', "sentinel.max_leverage", "must be above 0"),
    ("a boolean number", 'max_leverage = "1.05"', "max_leverage = true", "sentinel.max_leverage", "a number above 0"),
    ("other digits", 'max_leverage = "1.05"', 'max_leverage = "١"', "sentinel.max_leverage", "a number above 0"),
    ("a negative fee", 'taker_fraction = "0.0001"', 'taker_fraction = "-0.0001"', "assumptions.fees.US.taker_fraction", "0 or more"),
    ("a fee of everything", 'taker_fraction = "0.0001"', 'taker_fraction = "1"', "assumptions.fees.US.taker_fraction", "below 1"),
    ("negative latency", 'latency_ms = "40"', 'latency_ms = "-1"', "assumptions.latency_ms", "0 or more"),
    ("half a nanosecond", 'latency_ms = "40"', 'latency_ms = "0.0000005"', "assumptions.latency_ms", "six decimals"),
    ("a quoted count", "poll_interval_ms = 200", 'poll_interval_ms = "200"', "lakehouse.poll_interval_ms", "whole number"),
    ("a busy poll", "poll_interval_ms = 200", "poll_interval_ms = 0", "lakehouse.poll_interval_ms", "whole number"),
    ("a boolean count", "seed = 1", "seed = true", "assumptions.seed", "whole number"),
    ("market speed zero", "market_speed = 86400", "market_speed = 0", "data.market_speed", "whole number"),
    ("no such adapter", 'adapter = "simulated"', 'adapter = "ccxt"', "venues.US.adapter", "no other adapter exists yet"),
    ("no such account", 'account = "cash"', 'account = "credit"', "venues.US.account", "one of cash, margin"),
    ("no such grade", 'provenance_min = "VERIFIED"', 'provenance_min = "GOOD"', "lakehouse.provenance_min", "VERIFIED"),
    ("no such rule", 'fill_at = "next_bar"', 'fill_at = "last"', "assumptions.fill_at", "next_bar, same_close"),
    ("no such kind of data", 'kind = "replay_closes"', 'kind = "tape"', "data.kind", "replay_closes or replay_quotes or bars or catalog or ccxt"),
    ("no such zone", 'zone = "UTC"', 'zone = "Mars/Base"', "lakehouse.zone", "time zone"),
    ("a zone that is a path", 'zone = "UTC"', 'zone = "../../etc/passwd"', "lakehouse.zone", "time zone"),
    ("an unsafe environment", 'environment = "paper-sp500"', 'environment = "a b"', "environment", "letters, digits"),
    ("a newline in the environment", 'environment = "paper-sp500"', 'environment = "a\\nb"', "environment", "letters, digits"),
    ("a text date", "start = 2022-03-31", 'start = "2022-03-31"', "data.start", "a date"),
    ("start after end", "start = 2022-03-31", "start = 2023-03-31", "data.start", "before end"),
    ("a flag in quotes", "own_consumption = true", 'own_consumption = "true"', "assumptions.own_consumption", "true or false"),
    ("a winner without rank", '"rank:1" = "1"', '"best" = "1"', "capital.winners.best", "a winner such as"),
    ("capital above one", '"rank:1" = "1"', '"rank:1" = "0.6"\n"rank:2" = "0.5"', "capital.winners", "sum was 1.1"),
    ("no winner", '"rank:1" = "1"', "", "capital.winners", "at least one winner"),
    ("capital of zero", '"rank:1" = "1"', '"rank:1" = "0"', 'capital.winners."rank:1"', "above 0"),
    ("fees of no venue", "[assumptions.fees.US]", "[assumptions.fees.EU]", "assumptions.fees", "no entry for venue US"),
    ("cash of no venue", "[capital.starting_cash.US]", "[capital.starting_cash.EU]", "capital.starting_cash.EU", "no venue of this"),
    ("cash without a rate", 'USD = "1000000"', 'EUR = "1000000"', "capital.starting_cash.US.EUR", "no rate to USD"),
    ("a symbol that is not listed", '"NASDAQ:AAPL"', '"NASDAQ:AAPLE"', "sentinel.allow.US", "NASDAQ:AAPLE is not in the symbol map"),
    ("a look-alike letter", '"NASDAQ:AAPL"', '"NASDAQ:ААPL"', "sentinel.allow.US", "a symbol such as"),
    ("a symbol of another venue", '"NASDAQ:AAPL"', '"BINANCE:BTCUSDT"', "sentinel.allow.US", "trades at BINANCE"),
    ("a symbol twice", '"NASDAQ:AAPL"', '"NASDAQ:AMD"', "sentinel.allow.US", "NASDAQ:AMD twice"),
    ("no price file", "closes.csv.gz", "closes.csv.xz", "data.path", "found none"),
    ("no limits file", "sp500/limits.json", "sp500/limit.json", "venues.US.market_limits", "SNAPSHOT_MISSING"),
    ("no symbol map", "configs/symbols.toml", "configs/symbol.toml", "symbols.map", "SYMBOL_MAP_UNREADABLE"),
    ("no runs", "sp500/runs", "sp500/run", "lakehouse.runs_directory", "source runs"),
    ("a manifest outside its root", 'manifest_root = "data/lakehouse"', 'manifest_root = "data/other"', "lakehouse.manifest", "below"),
    ("a segment of no size", "rotate_above_mb = 256", "rotate_above_mb = 0", "lakehouse.rotate_above_mb", "1"),
    ("an unknown shape", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v4"]', "lakehouse.shapes_allowed", "flattened"),
    ("no shape", 'shapes_allowed = ["v3"]', "shapes_allowed = []", "lakehouse.shapes_allowed", "at least one shape"),
    ("a second place outside the root", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\nmanifest_also = ["data/x.json"]', "lakehouse.manifest_also", "below manifest_root"),
    ("a place twice", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\nmanifest_also = ["data/lakehouse/portfolio_optimized_v3.json"]', "lakehouse.manifest_also", "twice"),
    ("a returns file nobody reads", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\nreturns_file = "r.parquet"', "lakehouse.returns_file", "belongs to returns_check file"),
    ("a returns check nobody knows", 'returns_check = "ledger"', 'returns_check = "both"', "lakehouse.returns_check", "one of noted, ledger, file"),
    ("a regime log of any age", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\nregime_audit = "r.jsonl"', "lakehouse.regime_audit_age_max_h", "go together"),
    ("an age of no regime log", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\nregime_audit_age_max_h = 1', "lakehouse.regime_audit", "go together"),
    ("alert levels that cross", 'drift_urgent_turnover = "0.20"', 'drift_urgent_turnover = "0.09"', "lakehouse.drift_rebalance_turnover", "must be drift_urgent_turnover or less"),
    ("a drift level of nothing", 'drift_min_trade_fraction = "0.01"', 'drift_min_trade_fraction = "0"', "lakehouse.drift_min_trade_fraction", "above 0"),
    ("a drift list outside the root", 'shapes_allowed = ["v3"]', 'shapes_allowed = ["v3"]\ndrift_csv = "data/drift.csv"', "lakehouse.drift_csv", "below manifest_root"),
    ("latency in perfect fills", 'fill_rule = "touch"', 'fill_rule = "perfect"', "assumptions.latency_ms", "fill_rule perfect"),
    ("a venue of no config", "[symbols]", '[assumptions.by_venue.MOON]\nslippage_bps = "1"\n\n[symbols]', "assumptions.by_venue.MOON", "is no venue of this config"),
    ("a slippage of nobody's", "[symbols]", '[assumptions.by_venue.US]\nslipage_bps = "1"\n\n[symbols]', "assumptions.by_venue.US.slipage_bps", "did you mean slippage_bps?"),
    ("impact without volumes", "[symbols]", '[assumptions.impact]\ncoefficient = "1"\nby_symbol = {}\n\n[symbols]', "assumptions.impact.by_symbol", "has no entry for"),
    ("an impact below zero", "[symbols]", '[assumptions.impact]\ncoefficient = "-1"\nby_symbol = {}\n\n[symbols]', "assumptions.impact.coefficient", "0 or more"),
    ("a cap in words", 'turnover_cycle_max = "none"', 'turnover_cycle_max = "nothing"', "policy.turnover_cycle_max", "a number of 0 or more"),
    ("a negative cap", 'turnover_day_max = "none"', 'turnover_day_max = "-1"', "policy.turnover_day_max", "0 or more"),
    ("no such way to wait", 'in_flight = "wait"', 'in_flight = "ignore"', "policy.in_flight", "one of wait, net, replace"),
    ("a drift of everything", 'cash_drift_fraction = "0"', 'cash_drift_fraction = "1"', "policy.cash_drift_fraction", "below 1"),
    ("a release without time", "release_deadline_s = 172800", "release_deadline_s = 0", "policy.release_deadline_s", "whole number"),
    ("flips on a cash account", 'flips = "next_cycle"', 'flips = "same_plan"', "policy.flips", "margin"),
    ("a bound of nothing", 'asset_weight_max = "none"', 'asset_weight_max = "0.1"', "policy.asset_weight_max", "spend_residue"),
    ("another version", "schema_version = 1", "schema_version = 2", "schema_version", "from 1 to 1"),
    ("a missing limit", 'hhi_max = "0.2"', "#", "sentinel.hhi_max", "is missing"),
    ("an unknown table", "[symbols]", "[symbls]", "symbls", "did you mean symbols?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_value_is_named_with_its_key(old: str, new: str, key: str, words: str, tmp_path: Path) -> None:
    found = problems_of(changed(old, new), tmp_path)
    assert any(problem[1] == key and words in problem[2] for problem in found), found


def test_rate_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    text = changed("valid_until = 2025-01-07T00:00:00Z", "valid_until = 2025-01-05T00:00:00Z", of="crypto")
    assert [problem[1:] for problem in problems_of(text, tmp_path)] == [("rates.USDT.valid_until", "must be later than as_of")]


def test_rate_without_zone_is_refused(tmp_path: Path) -> None:
    text = changed("as_of = 2025-01-06T00:00:00Z", "as_of = 2025-01-06T00:00:00", of="crypto")
    assert "with zone" in problems_of(text, tmp_path)[0][2]


def test_quote_currency_without_rate_is_refused(tmp_path: Path) -> None:
    text = re.sub(r"\[rates.USDT\].*?\n\n", "", text_of("crypto"), flags=re.DOTALL)
    keys = [problem[1] for problem in problems_of(text, tmp_path)]
    assert keys == ["capital.starting_cash.BINANCE.USDT", "sentinel.allow.BINANCE", "sentinel.allow.BINANCE"]


def test_problems_of_shape_and_of_files_come_together(tmp_path: Path) -> None:
    text = changed('max_leverage = "1.05"', 'max_leverage = "one"').replace("closes.csv.gz", "closes.csv.xz")
    assert [problem[1] for problem in problems_of(text, tmp_path)] == ["sentinel.max_leverage", "data.path"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a = 1\nb = = 2\n", "is not TOML"),
        (b"\xff\xfe", "must be UTF-8"),
        (b"", "is missing"),
        (b"[" * 100_000, ""),
        (b"a = " + b"[" * 5_000, ""),
        (b"policy = 3\n", "a table was expected"),
        (b"a = 1\na = 2\n", "is not TOML"),
    ],
    ids=["broken", "not text", "empty", "brackets", "deep nesting", "a number for a table", "a key twice"],
)
def test_text_that_is_no_config_is_one_clear_error(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path)
    assert any(words in problem.message for problem in caught.value.problems)


def test_broken_toml_names_its_line(tmp_path: Path) -> None:
    assert problems_of("a = 1\n\nb = = 2\n", tmp_path)[0][0] == 3


@pytest.mark.parametrize("make", ["absent", "directory", "large"])
def test_file_that_cannot_be_read_is_a_config_error(make: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    if make == "directory":
        path.mkdir()
    elif make == "large":
        path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.code in {"CONFIG_UNREADABLE", "CONFIG_TOO_LARGE"}


@pytest.fixture
def shadow() -> RunConfig:
    return load_config(Path("data/configs/shadow.toml"))


def test_values_arrive_exact_in_their_units(shadow: RunConfig) -> None:
    assumptions = shadow.assumptions()
    assert (assumptions.latency_ns, assumptions.jitter_ns) == (40_000_000, 20_000_000)
    assert (assumptions.fill_rule, assumptions.fill_at) == (FillRule.TOUCH, FillAt.NEXT_BAR)
    assert assumptions.fees["US"].taker_fraction == Decimal("0.0001")
    policy = shadow.plan_policy()
    assert (policy.cash_buffer_fraction, policy.price_age_max_ns) == (Decimal("0.02"), 5_000_000_000)
    assert policy.unnamed_positions is UnnamedPositions.CLOSE
    assert shadow.accounts() == {"US": AccountKind.CASH}
    assert shadow.starting_cash() == {"US": {"USD": Decimal(1_000_000)}}


def test_drift_cycles_without_a_band_are_refused(tmp_path: Path) -> None:
    text = changed('drift_band_fraction = "0.0025"', 'drift_band_fraction = "0"').replace(
        "drift_check_s = 0", "drift_check_s = 60"
    )
    assert [problem[1] for problem in problems_of(text, tmp_path)] == ["policy.drift_check_s"]


def test_policy_without_the_later_keys_is_what_it_was_before_them(tmp_path: Path) -> None:
    later = (
        "drift_band_relative", "cash_drift_fraction", "turnover_cycle_max", "turnover_day_max", "in_flight", "flips",
        "spend_residue", "asset_weight_max", "release_deadline_s", "top_ups_max", "drift_check_s",
    )  # fmt: skip
    path = tmp_path / "old.toml"
    path.write_text("".join(line for line in text_of().splitlines(keepends=True) if not line.startswith(later)))
    config = load_config(path)
    section, policy = config.policy, config.plan_policy()
    assert (policy.drift_band_relative, policy.cash_drift_fraction) == (0, 0)
    assert (policy.turnover_cycle_max, policy.turnover_day_max, policy.asset_weight_max) == (None, None, None)
    assert (policy.in_flight, policy.flips, policy.spend_residue) == (InFlight.WAIT, Flips.NEXT_CYCLE, False)
    assert (section.top_ups_max, section.drift_check_s, section.release_deadline_s) == (0, 0, 86_400)


def test_every_field_of_the_plan_policy_comes_from_the_config(tmp_path: Path) -> None:
    text = text_of()
    changes = {
        "drift_band_relative": ('"0"', '"0.03"'), "cash_drift_fraction": ('"0"', '"0.01"'), "spend_residue": ("false", "true"),
        "turnover_cycle_max": ('"none"', '"0.4"'), "turnover_day_max": ('"none"', '"0.7"'), "asset_weight_max": ('"none"', '"0.1"'),
        "in_flight": ('"wait"', '"replace"'), "flips": ('"next_cycle"', '"same_plan"'), "account": ('"cash"', '"margin"'),
    }  # fmt: skip
    for key, (old, new) in changes.items():
        assert f"{key} = {old}" in text
        text = text.replace(f"{key} = {old}", f"{key} = {new}")
    path = tmp_path / "run.toml"
    path.write_text(text)
    policy = load_config(path).plan_policy()
    assert (policy.drift_band_relative, policy.cash_drift_fraction) == (Decimal("0.03"), Decimal("0.01"))
    assert (policy.turnover_cycle_max, policy.turnover_day_max) == (Decimal("0.4"), Decimal("0.7"))
    assert (policy.in_flight, policy.flips) == (InFlight.REPLACE, Flips.SAME_PLAN)
    assert (policy.spend_residue, policy.asset_weight_max) == (True, Decimal("0.1"))


def test_guard_limits_carry_every_key_of_their_section(shadow: RunConfig) -> None:
    limits = shadow.sentinel_limits()
    assert (limits.max_leverage, limits.price_age_max_ns, limits.reference_age_max_ns) == (Decimal("1.05"), 5 * 10**9, 60 * 10**9)
    assert limits.allow["US"] == tuple(shadow.sentinel.allow["US"])
    assert len(limits.__struct_fields__) == len(type(shadow.sentinel).model_fields)


def test_manifest_policy_carries_zone_ages_and_capital(shadow: RunConfig) -> None:
    policy = shadow.manifest_policy()
    assert (policy.age_max_ns, policy.future_skew_max_ns) == (1080 * 3_600 * 10**9, 300 * 10**9)
    assert policy.capital == {"rank:1": Decimal(1)}
    assert policy.shapes == {Shape.V3}
    assert shadow.manifest_paths() == (shadow.lakehouse.manifest,)
    assert shadow.provenance_policy().grade_min is Grade.VERIFIED


def test_inputs_beside_the_manifest_carry_their_keys(shadow: RunConfig, tmp_path: Path) -> None:
    assert (shadow.provenance_policy().returns, shadow.provenance_policy().returns_file) == (ReturnsCheck.LEDGER, None)
    assert (shadow.regime_audit_policy(), shadow.drift_levels()) == (None, DriftLevels())
    path = tmp_path / "run.toml"
    keys = 'regime_audit = "logs/r.jsonl"\nregime_audit_age_max_h = 2\nreturns_file = "r.parquet"\n[capital]\n'
    path.write_text(changed('returns_check = "ledger"', 'returns_check = "file"').replace("[capital]\n", keys, 1))
    config = load_config(path)
    assert config.provenance_policy().returns_file == "r.parquet"
    audit = config.regime_audit_policy()
    assert audit is not None
    assert (audit.path, audit.age_max_ns, audit.zone) == ("logs/r.jsonl", 2 * 3_600 * 10**9, "UTC")


def test_rates_are_dated_in_nanoseconds() -> None:
    rate = load_config(Path("data/configs/crypto.toml")).rates()["USDT"]
    assert (rate.value, rate.as_of_ns, rate.valid_until_ns - rate.as_of_ns) == (Decimal(1), 1_736_121_600 * 10**9, 86_400 * 10**9)


def test_run_config_imports_no_engine() -> None:
    code = (
        "import sys, engine.run_config; "
        "sys.exit(any(name.split('.')[0] in {'nautilus_trader', 'ccxt', 'pandas', 'polars', 'numpy'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
