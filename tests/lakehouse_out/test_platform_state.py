"""The platform's own profiles of the state file: every dialect has its sides, empty rows warn, and nothing of it is altered."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.main import run
from lakehouse.layout import Layout
from lakehouse.platform_state import PlatformProfile, read_platform_state
from lakehouse.state import ActualState, Asset, read_actual_state, write_actual_state
from orders.errors import InputError

D = Decimal
GOLDEN = Path(__file__).parents[1] / "golden" / "platform" / "c5_actual_state.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "portfolio_actual_state.json"


def ours(environment: str = "paper") -> ActualState:
    asset = Asset(symbol="NYSE:XOM", venue="US", quantity=D(2), price=D("80.5"), notional_base=D(161))
    return ActualState(environment=environment, assets=(asset,), equity_base=D(1000), cash={}, fees={}, log_line=1, updated_ns=0)


def test_the_golden_file_is_read_with_every_side_and_the_empty_row_warns() -> None:
    profiles = read_platform_state(GOLDEN)
    assert [(profile.key, profile.dialect, profile.updated_at, profile.warnings) for profile in profiles] == [
        ("Rank1_custom_barbell", "accepted", None, ()),
        ("Rank3_riskfolio_hrp", "shadow", "2026-01-06T02:00:00.347204", ("1 row without a Symbol ignored",)),
        ("LIVE_BINANCE_SHADOW", "live", "2026-01-06T01:00:00.347204+00:00", ()),
    ]
    assert {holding.symbol: holding.signed_weight for profile in profiles[:2] for holding in profile.holdings} == {
        "BINANCE:BTCUSDT": D("-0.4"),
        "NASDAQ:AAPL": D("0.6"),
    }
    (live,) = profiles[2].holdings
    assert (live.signed_weight, live.quantity, live.price, live.venue) == (D("-0.0312"), D("-1.25"), D("2496.1"), "BINANCE")


def test_writing_ours_leaves_the_golden_bytes_of_theirs(path: Path) -> None:
    shutil.copy(GOLDEN, path)
    before = {key: profile.raw for key, profile in read_actual_state(path).items()}
    for environment in ("paper", "twin", "paper"):
        write_actual_state(path, ours(environment))
    after = {key: profile.raw for key, profile in read_actual_state(path).items()}
    assert {key: after[key] for key in before} == before
    assert all(raw in GOLDEN.read_text() for raw in before.values())
    assert read_platform_state(path) == read_platform_state(GOLDEN)


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e-400", "0.10000000000000000555111512312578", "1E+2", "-0.0", "1e999999"]
)
def test_a_number_of_theirs_is_kept_as_it_is_written(path: Path, number: str) -> None:
    path.write_text(f'{{"Theirs": {{"assets": [{{"Symbol": "AMEX:SPY", "Weight": {number}}}], "n": {number}}}}}')
    write_actual_state(path, ours())
    assert f'"Weight": {number}}}], "n": {number}}}' in path.read_text()


def shadow(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"assets": list(rows), "updated_at": "2026-01-06T02:00:00", **more}


SPY = "AMEX:SPY"
ATOM = f"{SPY}_momentum_SHORT_1d"


@pytest.mark.parametrize(
    ("profile", "weight"),
    [
        (shadow({"Symbol": SPY, "Weight": 0.4, "Net_Weight": -0.4, "Direction": "SHORT"}), "-0.4"),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Direction": "SHORT"}), "-0.4"),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Direction": "LONG"}), "0.4"),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Direction": "FLAT"}), "0"),
        (shadow({"Symbol": SPY, "Weight": 0.5, "Net_Weight": -0.1, "Direction": "SHORT"}), "-0.1"),
        (shadow({"Symbol": SPY, "Net_Weight": -0.4}), "-0.4"),
        (shadow({"Symbol": SPY, "Weight": 0.4}), None),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Direction": "long"}), None),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Direction": 7}), None),
        (shadow({"Symbol": SPY, "Weight": 0.4, "Net_Weight": -0.4, "Direction": "LONG"}), None),
        (shadow({"Symbol": SPY, "Weight": 0.5, "Net_Weight": 10.0, "Direction": "LONG"}), None),
        (shadow({"Symbol": SPY, "Weight": -0.4, "Direction": "LONG"}), None),
        (shadow({"Symbol": SPY, "Weight": float("nan"), "Direction": "LONG"}), None),
        (shadow({"Symbol": SPY, "Weight": "0.4", "Direction": "LONG"}), None),
        (shadow({"Symbol": ATOM, "Weight": 0.4, "Net_Weight": 0.4, "Direction": "LONG"}), "-0.4"),
        (shadow({"Symbol": ATOM, "Weight": 0.4, "Net_Weight": -0.4, "Direction": "SHORT"}), None),
        (shadow({"Symbol": "long_all", "Weight": 0.4, "Net_Weight": 0.4}), None),
        (shadow({"Symbol": SPY, "Weight": -0.4}, equity=1e5), "-0.4"),
        (shadow({"Symbol": SPY, "Weight": 0.4}, equity=1e5), "0.4"),
        ({"assets": [{"Symbol": SPY, "Weight": 0.4, "Direction": "SHORT"}], "clusters": []}, "-0.4"),
    ],
    ids=[
        "net weight", "direction", "long", "flat", "gross above net", "net weight alone", "no side", "a side in small letters",
        "a side that is no text", "sides that contradict", "net above gross", "a signed gross", "not a number", "text",
        "an atom's side is its suffix", "an atom that was flipped", "a sleeve's name", "live is signed", "live long", "accepted",
    ],
)  # fmt: skip
def test_the_side_of_a_row_is_what_its_dialect_says(path: Path, profile: dict[str, Any], weight: str | None) -> None:
    path.write_text(json.dumps({"Theirs": profile}))
    ((holding,), warnings) = ((found := read_platform_state(path)[0]).holdings, found.warnings)
    assert holding.signed_weight == (None if weight is None else D(weight))
    assert holding.symbol == (SPY if profile["assets"][0]["Symbol"] != "long_all" else "long_all")
    assert bool(warnings) is (weight is None)


def test_warnings_are_one_breath_each(path: Path) -> None:
    rows = [
        {},
        None,
        {"Symbol": 3},
        *({"Symbol": f"US:S{n}", "Weight": 0.1} for n in range(5)),
        {"Symbol": "US:S0", "Weight": 0.1},
    ]
    path.write_text(json.dumps({"A": shadow(*rows), "B": [1], "C": {"assets": {}}}))  # type: ignore[arg-type]
    assert [profile.warnings for profile in read_platform_state(path)] == [
        ("3 rows without a Symbol ignored", "side or weight unknown of US:S0, US:S1, US:S2 and 3 more", "US:S0 in several rows"),
        ("no list of assets",),
        ("no list of assets",),
    ]


def test_ours_is_not_among_theirs(path: Path) -> None:
    write_actual_state(path, ours())
    assert read_platform_state(path) == ()
    path.unlink()
    assert read_platform_state(path) == ()


DATA = GOLDEN.read_bytes()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_file_gives_profiles_or_one_typed_refusal_and_is_never_altered(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    changed = bytearray(DATA)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.mktemp("state") / "portfolio_actual_state.json"
    path.write_bytes(changed)
    code, profiles = answer(path)
    assert code in {"", "STATE_UNREADABLE"}
    for profile in profiles:
        for holding in profile.holdings:
            assert holding.signed_weight is None or holding.signed_weight.is_finite()
    if code:
        with pytest.raises(InputError, match="STATE_UNREADABLE"):
            write_actual_state(path, ours())
        assert path.read_bytes() == bytes(changed)


def answer(path: Path) -> tuple[str, tuple[PlatformProfile, ...]]:
    try:
        return "", read_platform_state(path)
    except InputError as error:
        return error.code, ()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "lake")
    made.create()
    return made


def test_status_shows_what_the_platform_says_it_holds(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(GOLDEN, layout.state)
    assert run(["status", "--lakehouse", str(layout.directory)]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("platform ")]
    assert shown == [
        "platform Rank1_custom_barbell  accepted, 1 rows",
        "platform Rank3_riskfolio_hrp  shadow, 2 rows, 2026-01-06T02:00:00.347204 · 1 row without a Symbol ignored",
        "platform LIVE_BINANCE_SHADOW  live, 1 rows, 2026-01-06T01:00:00.347204+00:00",
    ]
    assert run(["status", "--lakehouse", str(layout.directory), "--json"]) == 0
    state = json.loads(capsys.readouterr().out)["platform_state"]
    assert state["profiles"][1]["holdings"][1]["signed_weight"] == "-0.4"
    assert state["bad"] is None


def test_status_says_that_the_state_file_cannot_be_read_and_goes_on(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.state.write_text('{"half": ')
    assert run(["status", "--lakehouse", str(layout.directory)]) == 0
    shown = capsys.readouterr().out
    assert "platform BAD  STATE_UNREADABLE" in shown
    assert "record   0 lines" in shown


def test_status_shows_the_first_few_of_many_profiles(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.state.write_text(json.dumps({f"P{number}": {"assets": []} for number in range(9)}))
    run(["status", "--lakehouse", str(layout.directory)])
    shown = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("platform P") for line in shown) == 5
    assert "         and 4 profiles more: --json" in shown
