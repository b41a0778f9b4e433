"""The v3 manifest: what is accepted, held, refused, and with which code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from lakehouse.manifest import (
    AuditedManifest,
    ManifestHeld,
    ManifestPolicy,
    ManifestRefused,
)
from lakehouse.manifest_rows import check_symbol
from lakehouse.shapes import parse_manifest
from lakehouse.winners import RefusedWinner
from orders.errors import ConfigError, InputError
from orders.values import Grade

if TYPE_CHECKING:
    from conftest import Lake

Document = dict[str, Any]
HOUR_NS = 3600 * 10**9
ALL_CAPITAL = {"custom/barbell": "0.5", "rank:3": "0.25"}


def accepted(outcome: object) -> AuditedManifest:
    assert isinstance(outcome, AuditedManifest), outcome
    return outcome


def held_code(outcome: object) -> str:
    assert isinstance(outcome, ManifestHeld), outcome
    return outcome.code


def refused(outcome: object) -> ManifestRefused:
    assert isinstance(outcome, ManifestRefused), outcome
    return outcome


def test_the_good_manifest_is_accepted_for_rank_one(lake: Lake) -> None:
    audited = accepted(lake.outcome())
    assert audited.targets == {
        "AMEX:SPY": Decimal("0.35"),
        "BINANCE:BTCUSDT": Decimal("0.55"),
        "BINANCE:SOLUSDT.P": Decimal("0.1"),
    }
    assert audited.manifest_sha256 == hashlib.sha256(lake.manifest.read_bytes()).hexdigest()
    assert (audited.source_run, audited.grade, audited.regime_name) == (lake.run, Grade.VERIFIED, "NORMAL")
    assert audited.run_ledger_head == "abbbb8f4d938cd35d6eae69ebb6456fb2a025a7ab5dace9ef6b96880d9382fd3"
    assert (audited.generated_ns, audited.written_ns) == (lake.generated_ns, lake.manifest.stat().st_mtime_ns)
    assert (audited.fractions, audited.notes) == ({"custom/barbell": Decimal(1)}, ())
    assert ("returns_hash_in_ledger", True, audited.winners[0].returns_hash) in audited.checks


def test_winners_are_netted_by_their_share_and_the_disagreement_is_noted(lake: Lake) -> None:
    audited = accepted(lake.outcome(capital=ALL_CAPITAL))
    assert audited.targets == {
        "AMEX:SPY": Decimal("0.175"),
        "BINANCE:BTCUSDT": Decimal("0.175"),
        "BINANCE:SOLUSDT.P": Decimal("0.05"),
        "NASDAQ:AAPL": Decimal("0.15"),
    }
    assert audited.notes == ("BINANCE:BTCUSDT: winners disagree (0.275 and -0.1), netted",)
    assert [winner.key for winner in audited.winners] == ["custom/barbell", "riskfolio/hrp"]


def test_a_target_that_nets_to_zero_is_kept(lake: Lake) -> None:
    def equal_and_opposite(document: Document) -> None:
        document["winners"][0]["assets"][1].update(Weight=0.4, Net_Weight=0.4)

    lake.rewrite(equal_and_opposite)
    assert accepted(lake.outcome(capital={"rank:1": "0.5", "rank:3": "0.5"})).targets["BINANCE:BTCUSDT"] == 0


def test_the_renormalised_manifest_is_refused(lake: Lake, bad_manifest: bytes) -> None:
    lake.manifest.write_bytes(bad_manifest)
    outcome = refused(lake.outcome(capital={"skfolio/max_sharpe": "1"}))
    assert outcome.code == "MANIFEST_CONTRADICTION"
    assert "BINANCE:BTCUSDT: Net_Weight 10.000000000000002 but Weight 0.5" in outcome.message
    assert outcome.manifest_sha256 == hashlib.sha256(bad_manifest).hexdigest()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "MANIFEST_EMPTY"),
        (b'{"winners": [{"rank": 1, "assets": [', "MANIFEST_HALF_WRITTEN"),
        (b"  \n", "MANIFEST_HALF_WRITTEN"),
        (b'{"winners": []}', "NO_WINNERS"),
    ],
    ids=["no bytes", "cut off", "white space only", "no winners"],
)
def test_what_may_become_right_by_itself_is_held(lake: Lake, data: bytes, code: str) -> None:
    lake.manifest.write_bytes(data)
    outcome = lake.outcome()
    assert held_code(outcome) == code
    assert isinstance(outcome, ManifestHeld)
    assert outcome.manifest_sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_good_manifest_cut_anywhere_is_held(lake: Lake, good_manifest: bytes, share: float) -> None:
    lake.manifest.write_bytes(good_manifest.rstrip()[: int(len(good_manifest.rstrip()) * share)])
    assert held_code(lake.outcome()) == "MANIFEST_HALF_WRITTEN"


def test_a_vanished_manifest_and_a_vanished_lakehouse_are_held(lake: Lake) -> None:
    lake.manifest.unlink()
    assert held_code(lake.outcome()) == "MANIFEST_VANISHED"
    lake.manifest.parent.rmdir()
    assert held_code(lake.outcome()) == "MANIFEST_VANISHED"


@pytest.mark.parametrize(
    ("after_ns", "code"),
    [
        (24 * HOUR_NS, None),
        (24 * HOUR_NS + 1, "MANIFEST_STALE"),
        (-60 * 10**9, None),
        (-60 * 10**9 - 1, "MANIFEST_FROM_FUTURE"),
    ],
    ids=["as old as allowed", "a nanosecond too old", "as early as allowed", "a nanosecond too early"],
)
def test_age_is_counted_in_market_time(lake: Lake, after_ns: int, code: str | None) -> None:
    outcome = lake.outcome(now_ns=lake.generated_ns + after_ns)
    assert (outcome.code if isinstance(outcome, ManifestHeld) else None) == code


def test_the_oldest_winner_with_capital_decides_the_age(lake: Lake) -> None:
    lake.rewrite(lambda document: document["winners"][1]["metadata"].update(generated_at="2026-01-04 01:33:02.118311"))
    accepted(lake.outcome())
    assert held_code(lake.outcome(capital=ALL_CAPITAL)) == "MANIFEST_STALE"


@pytest.mark.parametrize("stamp", ["2026-01-06 01:33:02.118311", "2026-01-06T02:33:02.118311+01:00"], ids=["space", "aware"])
def test_both_forms_of_a_stamp_are_read(lake: Lake, stamp: str) -> None:
    lake.rewrite(lambda document: document["winners"][0]["metadata"].update(generated_at=stamp))
    assert accepted(lake.outcome()).generated_ns == lake.generated_ns


def directory(lake: Lake) -> None:
    lake.manifest.unlink()
    lake.manifest.mkdir()


def link_out(lake: Lake) -> None:
    lake.manifest.rename(lake.root / "real.json")
    lake.manifest.symlink_to("../real.json")


def pipe(lake: Lake) -> None:
    lake.manifest.unlink()
    os.mkfifo(lake.manifest)


def bytes_of(data: bytes) -> Callable[[Lake], object]:
    return lambda lake: lake.manifest.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (directory, "MANIFEST_NOT_A_FILE"),
        (pipe, "MANIFEST_NOT_A_FILE"),
        (link_out, "MANIFEST_ESCAPES"),
        (bytes_of(b" " * (1 << 20) + b"{}"), "MANIFEST_TOO_LARGE"),
        (bytes_of(b"[" * (1 << 20)), "MANIFEST_TOO_DEEP"),
        (bytes_of(b'{"winners": [], "winners": []}'), "MANIFEST_DUPLICATE_KEY"),
        (bytes_of(b'{"winners": [1e999999999]}'), "MANIFEST_NUMBER_OUT_OF_BOUNDS"),
        (bytes_of(b'{"winners": [}'), "MANIFEST_NOT_JSON"),
        (bytes_of(b"\xff"), "MANIFEST_NOT_UTF8"),
        (bytes_of(b'{"profiles": {}, "metadata": {}}'), "SHAPE_NOT_ALLOWED"),
        (bytes_of(b'{"weights": [], "metadata": {}}'), "SHAPE_NOT_ALLOWED"),
        (bytes_of(b'{"winners": [], "weights": []}'), "SHAPE_UNKNOWN"),
        (bytes_of(b'{"winners": {}}'), "SHAPE_UNKNOWN"),
        (bytes_of(b"{}"), "SHAPE_UNKNOWN"),
        (bytes_of(b"[]"), "SHAPE_UNKNOWN"),
        (bytes_of(b"null"), "SHAPE_UNKNOWN"),
        (bytes_of(b'{"winners": [' + b"1," * 100 + b"1]}"), "SHAPE_UNKNOWN"),
        (bytes_of(b'{"winners": [1]}'), "WINNER_UNREADABLE"),
        (bytes_of(b'{"winners": [{"rank": 1, "assets": [{"Symbol": "BINANCE:BTCUSDT", "Weight": NaN}]}]}'), "WINNER_UNREADABLE"),
    ],
    ids=[
        "directory",
        "pipe",
        "link out of the lakehouse",
        "too large",
        "a megabyte of brackets",
        "key twice",
        "endless exponent",
        "no JSON",
        "no text",
        "v2 shape",
        "meta shape",
        "two shapes",
        "winners an object",
        "no keys",
        "array",
        "null",
        "too many winners",
        "winner a number",
        "winner without a name",
    ],
)
def test_a_malformed_file_is_refused(lake: Lake, spoil: Callable[[Lake], object], code: str) -> None:
    spoil(lake)
    outcome = refused(lake.outcome())
    assert outcome.code == code
    assert "expected" in outcome.message


def test_five_megabytes_of_brackets_are_refused_with_a_raised_cap(lake: Lake) -> None:
    lake.manifest.write_bytes(b"[" * 5_000_000)
    assert refused(lake.outcome(size_max=6_000_000)).code == "MANIFEST_TOO_DEEP"


def test_a_link_inside_the_lakehouse_is_followed(lake: Lake) -> None:
    lake.manifest.rename(lake.manifest.with_name("dated.json"))
    lake.manifest.symlink_to("dated.json")
    accepted(lake.outcome())


def asset(**values: Any) -> Callable[[Document], None]:
    """Change the first asset of rank 1 (SOLUSDT.P, LONG, 0.1); a value of `...` removes the column."""

    def change(document: Document) -> None:
        row = document["winners"][0]["assets"][0]
        row.update(values)
        for name in [name for name, value in row.items() if value is ...]:
            del row[name]

    return change


def winner(**values: Any) -> Callable[[Document], None]:
    return lambda document: document["winners"][0].update(values)


def metadata(**values: Any) -> Callable[[Document], None]:
    return lambda document: document["winners"][0]["metadata"].update(values)


nan, inf = float("nan"), float("inf")
CONTRADICTIONS: Mapping[str, tuple[Callable[[Document], None], str, str]] = {
    "negative but LONG": (
        asset(Net_Weight=-0.1),
        "MANIFEST_CONTRADICTION",
        "BINANCE:SOLUSDT.P: Net_Weight -0.1 but Direction LONG",
    ),
    "positive but SHORT": (asset(Direction="SHORT"), "MANIFEST_CONTRADICTION", "Net_Weight 0.1 but Direction SHORT"),
    "weight but FLAT": (asset(Direction="FLAT"), "MANIFEST_CONTRADICTION", "Net_Weight 0.1 but Direction FLAT"),
    "Net beyond Weight": (asset(Net_Weight=0.1000003), "MANIFEST_CONTRADICTION", "Net_Weight 0.1000003 but Weight 0.1"),
    "Net below Weight": (asset(Net_Weight=0.0999997), "MANIFEST_CONTRADICTION", "Net_Weight 0.0999997 but Weight 0.1"),
    "Net 0 but Weight": (asset(Net_Weight=0), "MANIFEST_CONTRADICTION", "Net_Weight 0 but Weight 0.1"),
    "beyond one": (asset(Net_Weight=1.0000001, Weight=1.0000001), "MANIFEST_CONTRADICTION", "Net_Weight 1.0000001"),
    "Weight beyond one": (asset(Net_Weight=..., Weight=2), "MANIFEST_CONTRADICTION", "Net_Weight 2"),
    "signed Weight": (asset(Net_Weight=..., Weight=-0.1), "MANIFEST_CONTRADICTION", "Weight -0.1"),
    "symbol twice": (asset(Symbol="AMEX:SPY"), "MANIFEST_CONTRADICTION", "AMEX:SPY: twice"),
    "another run's row": (asset(Source_Run="20260105-x"), "MANIFEST_CONTRADICTION", "Source_Run '20260105-x'"),
    "row without a run": (asset(Source_Run=...), "MANIFEST_CONTRADICTION", "Source_Run None"),
    "another rank's row": (asset(Rank=2), "MANIFEST_CONTRADICTION", "Rank 2"),
    "another profile's row": (asset(Profile="hrp"), "MANIFEST_CONTRADICTION", "Profile 'hrp'"),
    "no weight": (asset(Net_Weight=..., Weight=...), "WEIGHT_MISSING", "BINANCE:SOLUSDT.P"),
    "Weight without a side": (asset(Net_Weight=..., Direction=...), "WEIGHT_MISSING", "BINANCE:SOLUSDT.P"),
    "Net NaN": (asset(Net_Weight=nan), "WEIGHT_NOT_FINITE", "Net_Weight NaN"),
    "Weight NaN": (asset(Weight=nan), "WEIGHT_NOT_FINITE", "Weight NaN"),
    "Net infinite": (asset(Net_Weight=inf), "WEIGHT_NOT_FINITE", "Net_Weight Infinity"),
    "Net null": (asset(Net_Weight=None), "MANIFEST_MALFORMED", "Net_Weight None"),
    "Net text": (asset(Net_Weight="0.1"), "MANIFEST_MALFORMED", "Net_Weight '0.1'"),
    "Net true": (asset(Net_Weight=True, Weight=1), "MANIFEST_MALFORMED", "Net_Weight True"),
    "lower-case direction": (asset(Direction="long"), "MANIFEST_MALFORMED", "Direction 'long'"),
    "null direction": (asset(Direction=None), "MANIFEST_MALFORMED", "Direction None"),
    "sleeve id": (asset(Symbol="long_all"), "SYMBOL_WITHOUT_EXCHANGE", "'long_all'"),
    "atom": (asset(Symbol="BINANCE:SOLUSDT_rating_all_short_SHORT"), "SYMBOL_IS_ATOM", "rating_all_short_SHORT"),
    "no symbol": (asset(Symbol=...), "SYMBOL_MALFORMED", "None"),
    "row a number": (lambda d: d["winners"][0]["assets"].append(1), "SYMBOL_MALFORMED", "None"),
    "no rows": (winner(assets=[]), "WINNER_EMPTY", "none"),
    "rows an object": (winner(assets={}), "MANIFEST_MALFORMED", "assets"),
    "no metadata": (winner(metadata=None), "MANIFEST_MALFORMED", "metadata"),
    "run with a path": (metadata(source_run_id="../../etc"), "SOURCE_RUN_MALFORMED", "'../../etc'"),
    "run with a newline": (metadata(source_run_id="20260106-prod-q1\n"), "SOURCE_RUN_MALFORMED", "\\n"),
    "no run": (metadata(source_run_id=None), "SOURCE_RUN_MALFORMED", "None"),
    "stamp a number": (metadata(generated_at=1), "STAMP_MALFORMED", "1"),
    "stamp unreadable": (metadata(generated_at="yesterday"), "STAMP_MALFORMED", "'yesterday'"),
}


@pytest.mark.parametrize(("change", "code", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_winner_that_contradicts_itself_refuses_the_manifest_only_where_it_has_capital(
    lake: Lake, change: Callable[[Document], None], code: str, words: str
) -> None:
    lake.rewrite(change)
    for capital in ({"rank:1": "1"}, {"custom/barbell": "0.5"}, ALL_CAPITAL):
        outcome = refused(lake.outcome(capital=capital))
        assert outcome.code == code
        assert words in outcome.message
        assert "custom/barbell" in outcome.message
    without = accepted(lake.outcome(capital={"rank:3": "1"}))
    assert without.targets == {"BINANCE:BTCUSDT": Decimal("-0.4"), "NASDAQ:AAPL": Decimal("0.6")}
    assert len(without.notes) == 1
    assert code in without.notes[0]


@pytest.mark.parametrize(
    ("change", "target"),
    [
        (asset(Net_Weight=...), "0.1"),
        (asset(Net_Weight=..., Direction="SHORT"), "-0.1"),
        (asset(Net_Weight=..., Direction="FLAT"), "0"),
        (asset(Net_Weight=0.0, Direction="FLAT"), "0"),
        (asset(Net_Weight=0.0, Weight=0.0), "0"),
        (asset(Weight=..., Direction=...), "0.1"),
        (asset(Weight=..., Net_Weight=-0.1, Direction="SHORT"), "-0.1"),
        (asset(Weight=0.10000000000000003), "0.1"),
        (asset(Net_Weight=1, Weight=1), "1"),
        (asset(Rank=..., Profile=..., Engine=..., Regime=...), "0.1"),
        (asset(Cluster_ID=None, Market=None, Added_Later={"x": [nan]}), "0.1"),
    ],
    ids=[
        "Weight LONG",
        "Weight SHORT",
        "Weight FLAT",
        "Net 0 and FLAT",
        "all zero",
        "Net alone",
        "Net and Direction",
        "differs in the last digit",
        "the whole capital",
        "fewer columns",
        "other columns",
    ],
)
def test_a_row_with_one_meaning_is_accepted(lake: Lake, change: Callable[[Document], None], target: str) -> None:
    lake.rewrite(change)
    assert accepted(lake.outcome()).targets["BINANCE:SOLUSDT.P"] == Decimal(target)


@pytest.mark.parametrize(
    ("capital", "code"),
    [
        ({"rank:2": "1"}, "WINNER_MISSING"),
        ({"rank:1": "0.5", "custom/hrp": "0.5"}, "WINNER_MISSING"),
        ({"rank:1": "0.5", "custom/barbell": "0.5"}, "CAPITAL_AMBIGUOUS"),
    ],
)
def test_a_share_without_its_winner_is_never_moved(lake: Lake, capital: Mapping[str, str], code: str) -> None:
    assert refused(lake.outcome(capital=capital)).code == code


@pytest.mark.parametrize("change", [{"rank": 3}, {"engine": "riskfolio", "profile": "hrp"}], ids=["rank twice", "name twice"])
def test_two_winners_of_one_name_are_refused(lake: Lake, change: Mapping[str, Any]) -> None:
    lake.rewrite(winner(**change))
    assert refused(lake.outcome(capital={"rank:3": "1"})).code == "WINNER_DUPLICATE"


@pytest.mark.parametrize("change", [{"rank": True}, {"rank": 0}, {"rank": "1"}, {"engine": "a/b"}, {"profile": None}], ids=str)
def test_a_winner_whose_name_is_unreadable_refuses_the_manifest(lake: Lake, change: Mapping[str, Any]) -> None:
    lake.rewrite(winner(**change))
    assert refused(lake.outcome(capital={"rank:3": "1"})).code == "WINNER_UNREADABLE"


def test_winners_of_two_runs_are_not_mixed(lake: Lake) -> None:
    def second_run(document: Document) -> None:
        document["winners"][1]["metadata"]["source_run_id"] = "other"
        for row in document["winners"][1]["assets"]:
            row["Source_Run"] = "other"

    lake.rewrite(second_run)
    accepted(lake.outcome())
    assert refused(lake.outcome(capital=ALL_CAPITAL)).code == "SOURCE_RUNS_DIFFER"


def test_a_winner_without_a_date_is_refused(lake: Lake) -> None:
    lake.rewrite(metadata(generated_at=None))
    assert refused(lake.outcome()).code == "MANIFEST_UNDATED"


@pytest.mark.parametrize(
    ("regimes", "worst"),
    [
        (({"name": "QUIET"}, {"name": "QUIET"}), "QUIET"),
        (({"name": "QUIET"}, {"name": "NORMAL"}), "NORMAL"),
        (({"name": "TURBULENT"}, {"name": "NORMAL"}), "TURBULENT"),
        (({"name": "QUIET"}, {"name": "CRISIS", "score": nan}), "CRISIS"),
        (({"name": "EXPANSION"}, {"name": "QUIET"}), "CRISIS"),
        (({"name": "normal"}, {"name": "QUIET"}), "CRISIS"),
        (({"score": 1}, {"name": "QUIET"}), "CRISIS"),
        ((None, {"name": "QUIET"}), "CRISIS"),
        (({"name": 1}, {"name": "QUIET"}), "CRISIS"),
        (({"name": "QUIET", "quadrant": "CRISIS"}, {"name": "QUIET"}), "CRISIS"),
        (({"name": "QUIET", "quadrant": "UNKNOWN"}, {"name": "QUIET"}), "CRISIS"),
        (({"name": "QUIET", "quadrant": "STAGNATION"}, {"name": "QUIET"}), "QUIET"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[:70],
)
def test_the_worst_regime_counts_and_an_unknown_one_is_a_crisis(lake: Lake, regimes: tuple[Any, Any], worst: str) -> None:
    def change(document: Document) -> None:
        for row, regime in zip(document["winners"], regimes, strict=True):
            row["regime"] = regime

    lake.rewrite(change)
    audited = accepted(lake.outcome(capital=ALL_CAPITAL))
    assert audited.regime_name == worst
    for regime in regimes:
        assert repr((regime or {}).get("name")) in audited.regime_text or regime == {"name": 1}


@pytest.mark.parametrize(
    "symbol",
    [
        "BINANCE:BTCUSDT",
        "BINANCE:BTCUSDT.P",
        "OKX:1000PEPEUSDT.P",
        "OKX:BTC-USDT-SWAP",
        "NYSE:BRK.B",
        "NYSE:O",
        "FX_IDC:EURUSD",
        "CME_MINI:ES1!",
        "NYMEX:HTTG2026",
        "OANDA:DE30EUR",
        "NSE:M_M",
        "BINANCE:LONGUSDT",
    ],
)
def test_physical_symbols_are_read_as_they_are(symbol: str) -> None:
    assert check_symbol(symbol) == symbol


@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("BINANCE:BTCUSDT_rating_all_short_SHORT", "SYMBOL_IS_ATOM"),
        ("BINANCE:ETHUSDT_momentum_SHORT_1d", "SYMBOL_IS_ATOM"),
        ("FX_IDC:EURUSD_trend_LONG", "SYMBOL_IS_ATOM"),
        ("BINANCE:BTCUSDT_LONG", "SYMBOL_IS_ATOM"),
        ("BINANCE:BTCUSDT_free text_LONG", "SYMBOL_IS_ATOM"),
        ("long_all", "SYMBOL_WITHOUT_EXCHANGE"),
        ("BTCUSDT", "SYMBOL_WITHOUT_EXCHANGE"),
        (":BTCUSDT", "SYMBOL_WITHOUT_EXCHANGE"),
        ("", "SYMBOL_WITHOUT_EXCHANGE"),
        ("BINANCE:", "SYMBOL_MALFORMED"),
        ("BINANCE:btcusdt", "SYMBOL_MALFORMED"),
        ("BINANCE:BTC USDT", "SYMBOL_MALFORMED"),
        ("BINANCE:BTCUSDT\n", "SYMBOL_MALFORMED"),
        ("BINANCE:SPOT:BTCUSDT", "SYMBOL_MALFORMED"),
        ("BINANCE:ΒTCUSDT", "SYMBOL_MALFORMED"),
        ("BINANCE:" + "X" * 65, "SYMBOL_MALFORMED"),
        (None, "SYMBOL_MALFORMED"),
        (5, "SYMBOL_MALFORMED"),
    ],
)
def test_anything_else_is_no_symbol(symbol: object, code: str) -> None:
    with pytest.raises(InputError) as caught:
        check_symbol(symbol)
    assert caught.value.code == code


def test_all_targets_zero_is_held_and_never_a_flatten(lake: Lake) -> None:
    def flatten(document: Document) -> None:
        for row in document["winners"][0]["assets"]:
            row.update(Net_Weight=0, Weight=0)

    lake.rewrite(flatten)
    outcome = lake.outcome()
    assert isinstance(outcome, ManifestHeld)
    assert outcome.code == "ALL_TARGETS_ZERO"


def test_ten_thousand_assets_are_netted_exactly(lake: Lake) -> None:
    def many(document: Document) -> None:
        row = document["winners"][0]["assets"][1]
        document["winners"][0]["assets"] = [
            {**row, "Symbol": f"NYSE:S{n}", "Weight": 1e-4, "Net_Weight": 1e-4} for n in range(10_000)
        ]

    lake.rewrite(many)
    targets = accepted(lake.outcome(size_max=16 << 20)).targets
    assert len(targets) == 10_000
    assert sum(targets.values()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"capital": {}},
        {"capital": {"rank:1": Decimal("0.6"), "rank:2": Decimal("0.5")}},
        {"capital": {"rank:1": Decimal(0)}},
        {"capital": {"rank:1": Decimal("-0.5")}},
        {"capital": {"rank:1": Decimal("NaN")}},
        {"capital": {"rank:0": Decimal(1)}},
        {"capital": {"first": Decimal(1)}},
        {"zone": "Mars/Olympus"},
        {"root": ""},
        {"age_max_ns": 0},
        {"future_skew_max_ns": -1},
        {"size_max": 0},
        {"weight_abs_max": Decimal(0)},
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_meant_is_a_config_error(change: Mapping[str, Any]) -> None:
    good: dict[str, Any] = {"root": "/lake", "zone": "UTC", "age_max_ns": 1, "future_skew_max_ns": 0}
    assert ManifestPolicy(**good).capital == {"rank:1": Decimal(1)}
    with pytest.raises(ConfigError):
        ManifestPolicy(**{**good, **change})


def test_a_parsed_manifest_keeps_refused_winners_in_their_place(lake: Lake, bad_manifest: bytes) -> None:
    manifest = parse_manifest(bad_manifest, what="it", size_max=10_000_000, zone=ZoneInfo("UTC"), weight_abs_max=Decimal(1))
    assert (manifest.sha256, manifest.size) == (hashlib.sha256(bad_manifest).hexdigest(), len(bad_manifest))
    assert isinstance(manifest.winners[0], RefusedWinner)
