"""The state file: ours is exact, theirs is kept byte for byte, and a crash leaves the old or the new."""

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.state import ActualState, Asset, own_states, read_actual_state, write_actual_state
from orders.errors import InputError, StorageError

UPSTREAM = """{"Rank1_custom_barbell": {"rank": 1, "profile": "barbell", "engine": "custom", "regime": {"name": "NORMAL",
 "score": 1.04}, "assets": [{"Symbol": "BINANCE:BTCUSDT", "Weight": 0.55, "Net_Weight": 0.55}],
 "metadata": {"source_run_id": "20260106-prod-q1"}},
 "Rank3_riskfolio_hrp": {"assets": [{"Symbol": "NASDAQ:AAPL", "Weight": 0.6, "Net_Weight": 0.6}, {"Symbol": "BINANCE:BTCUSDT",
 "Weight": 0.4, "Net_Weight": -0.4, "Direction": "SHORT"}, {}], "updated_at": "2026-01-06T02:00:00.347204"},
 "LIVE_BINANCE_SHADOW": {"assets": [{"Symbol": "BINANCE:ETHUSDT", "Weight": -0.0312, "Quantity": -1.25, "Price": 2496.1,
 "Venue": "BINANCE"}], "equity": 100000.0, "updated_at": "2026-01-06T01:00:00.347204+00:00"}}
"""  # the platform's three dialects and the empty row its shadow loop leaves


def state(**given):
    asset = Asset(
        symbol="BINANCE:ETHUSDT", venue="BINANCE", quantity=Decimal("-1.250000000000000000001"), price=Decimal("2.4961E+3"),
        notional_base=Decimal("-3120.125"),
    )  # fmt: skip
    fields = {
        "environment": "paper", "assets": (asset,), "equity_base": Decimal("100000"), "fees": {"USDT": Decimal("0.10")},
        "cash": {"BINANCE": {"USDT": Decimal("1E-8")}}, "log_line": 12, "updated_ns": 1_767_661_200_347_204_999,
    }  # fmt: skip
    return ActualState(**(fields | given))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "portfolio_actual_state.json"


def test_three_dialects_are_read_and_the_empty_row_is_counted(path):
    path.write_text(UPSTREAM)
    profiles = read_actual_state(path)
    assert [(p.dialect, len(p.rows), p.ignored_rows) for p in profiles.values()] == [
        ("accepted", 1, 0),
        ("shadow", 2, 1),
        ("live", 1, 0),
    ]
    short = profiles["Rank3_riskfolio_hrp"].rows[1]
    assert (short.weight, short.net_weight, short.quantity) == (Decimal("0.4"), Decimal("-0.4"), None)
    held = profiles["LIVE_BINANCE_SHADOW"].rows[0]
    assert (held.weight, held.quantity, held.price, held.venue) == (
        Decimal("-0.0312"),
        Decimal("-1.25"),
        Decimal("2496.1"),
        "BINANCE",
    )


def test_foreign_profiles_are_kept_byte_for_byte_and_ours_is_added_once(path):
    path.write_text(UPSTREAM)
    before = {key: profile.raw for key, profile in read_actual_state(path).items()}
    write_actual_state(path, state())
    write_actual_state(path, state(log_line=13))
    after = {key: profile.raw for key, profile in read_actual_state(path).items()}
    assert list(after) == [*before, "SLUICE_paper"]
    assert {key: raw for key, raw in after.items() if key in before} == before
    assert own_states(path)["paper"].log_line == 13


def test_own_profile_is_what_the_platform_reads(path):
    write_actual_state(path, state())
    ours = json.loads(path.read_text(), parse_float=Decimal)["SLUICE_paper"]
    assert ours == {
        "assets": [{
            "Symbol": "BINANCE:ETHUSDT", "Weight": Decimal("0.03120125"), "Net_Weight": Decimal("-0.03120125"),
            "Quantity": Decimal("-1.250000000000000000001"), "Price": Decimal("2496.1") , "Venue": "BINANCE",
        }],
        "equity": 100000, "cash": {"BINANCE": {"USDT": "0.00000001"}}, "fees": {"USDT": "0.1"}, "financing": {}, "log_line": 12,
        "environment": "paper", "updated_at": "2026-01-06T01:00:00.347204+00:00", "version": 1,
    }  # fmt: skip


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), AMOUNTS.filter(bool), max_size=4), AMOUNTS)
def test_own_profile_comes_back_exactly(tmp_path_factory, positions, cash):
    path = tmp_path_factory.mktemp("state") / "state.json"
    assets = tuple(Asset(symbol=s, venue="V", quantity=q, price=Decimal(1), notional_base=q) for s, q in positions.items())
    write_actual_state(path, state(assets=assets, cash={"V": {"USD": cash}}, fees={"USD": cash}))
    own = own_states(path)["paper"]
    assert own.positions == positions
    assert own.cash == {"V": {"USD": cash}}
    assert own.fees == {"USD": cash}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_json_object_of_others_survives(tmp_path_factory, document, indent, ascii_only):
    path = tmp_path_factory.mktemp("state") / "state.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), errors="surrogatepass")
    try:
        before = {key: profile.raw for key, profile in read_actual_state(path).items()}
    except InputError:  # lone surrogates, raw in the file, are no UTF-8
        assert not ascii_only
        return
    write_actual_state(path, state())
    after = {key: profile.raw for key, profile in read_actual_state(path).items()}
    del after["SLUICE_paper"]
    assert after == {key: raw for key, raw in before.items() if key != "SLUICE_paper"}


@pytest.mark.parametrize("text", [
    "", "[]", "null", '{"a": 1', '{"a": 1}}', '{"a": 1, "a": 2}', "{1: 2}", '{"a" 1}', '{"a": }', '{"a": 1,}',
    "\ufeff{}", "[" * 100_000,
    '{"a": ' + "[" * 100_000,
], ids=[
    "empty", "a list", "null", "half", "too much", "a key twice", "a number as key", "no colon", "no value", "comma at the end",
    "byte order mark", "nesting", "nesting inside",
])  # fmt: skip
def test_file_that_is_not_readable_is_refused_and_not_overwritten(path, text):
    path.write_text(text)
    with pytest.raises(InputError, match="STATE_UNREADABLE"):
        read_actual_state(path)
    with pytest.raises(InputError, match="STATE_UNREADABLE"):
        write_actual_state(path, state())
    assert path.read_text() == text
    assert os.listdir(path.parent) == [path.name]


def test_absent_file_has_no_profiles(path):
    assert read_actual_state(path) == {}
    assert own_states(path) == {}


@pytest.mark.parametrize("change", [
    {"version": 2}, {"environment": "other"}, {"assets": [{}]}, {"log_line": "12"}, {"cash": {"V": {"USD": "x"}}},
    {"assets": [{"Symbol": "A", "Quantity": 1}, {"Symbol": "A", "Quantity": 2}]},
], ids=["version", "environment", "an empty row", "text for a line", "a word for cash", "a symbol twice"])  # fmt: skip
def test_own_profile_is_read_strictly(path, change):
    write_actual_state(path, state())
    document = json.loads(path.read_text())
    document["SLUICE_paper"].update(change)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="STATE_UNREADABLE"):
        own_states(path)


def test_holdings_without_equity_are_refused_and_an_empty_book_is_not(path):
    with pytest.raises(InputError, match="an equity above 0"):
        write_actual_state(path, state(equity_base=Decimal(0)))
    write_actual_state(path, state(equity_base=Decimal(0), assets=()))
    assert own_states(path)["paper"].positions == {}


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "é"])
def test_environment_that_is_no_name_is_refused(path, name):
    with pytest.raises(InputError):
        write_actual_state(path, state(environment=name))


def test_full_disk_keeps_the_old_state(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        path = disk / "state.json"
        write_actual_state(path, state())
        before = path.read_bytes()
        with (disk / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        with pytest.raises(StorageError, match="DISK_FULL"):
            write_actual_state(path, state(log_line=99))
        assert path.read_bytes() == before
        assert sorted(os.listdir(disk)) == ["filler", "state.json"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
