"""What a twin does not begin with: each with its code, before a network is asked and before a line is written."""

from __future__ import annotations

import socket
import time
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.bundle_parts import Window, bundle_of
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse import records
from lakehouse.bundles import write_bundle
from lakehouse.layout import Layout
from lakehouse.rebuild import LogFold
from live.signing_keys import make_key
from orders.errors import RecordCorrupt, SluiceError
from sim.twin.start import run_twin
from tests.gate.world import World
from tests.live.config import ib_config, live_config
from tests.live.ib_world import AAPL
from tests.report.made import Log
from tests.twin.made import spoilt_line, twin_line


class Place:
    """A config, and a live directory whose log has one line, a run's first."""

    def __init__(self, root: Path, *, config: Path | None = None) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.config = live_config(root, make_key("alice", directory=root / "keys")) if config is None else config
        config = load_config(self.config)
        self.bundle = bundle_of(config, read_inputs(config)).sha256
        self.environment = config.environment
        self.live = root / "live"
        self.began()

    def began(self, **given: Any) -> None:
        start = Log(kind="live").lines[0]
        fields = {"environment": self.environment, "bundle_sha256": self.bundle} | given
        self.live.mkdir(exist_ok=True)
        Layout(self.live).log.write_bytes(msgspec.json.encode(msgspec.structs.replace(start, **fields)) + b"\n")

    def run(self, **given: Any) -> SluiceError:
        options: dict[str, Any] = {"live": self.live, "directory": self.root / "twin", "as_json": False}
        with pytest.raises(SluiceError) as caught:
            run_twin(self.config, **options | given)
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("first_line", "code"),
    [
        ({"kind": "shadow"}, "TWIN_NOT_LIVE"),
        ({"environment": "another"}, "TWIN_ENVIRONMENT"),
        ({"bundle_sha256": "c" * 64}, "BUNDLE_DIFFERS"),
        ({"bundle_sha256": None}, "BUNDLE_DIFFERS"),
    ],
    ids=["a shadow", "another environment", "another bundle", "a run of before there were bundles"],
)
def test_a_run_that_cannot_be_followed_is_refused(place: Place, first_line: dict[str, Any], code: str) -> None:
    place.began(**first_line)
    assert place.run().code == code
    assert not Layout(place.root / "twin").log.exists()


def test_the_part_that_differs_is_named_where_the_live_run_keeps_its_bundle(place: Place) -> None:
    config = load_config(place.config)
    write_bundle(Layout(place.live), bundle_of(config, read_inputs(config)))
    text = place.config.read_text()
    place.config.write_text(text.replace("price_age_max_ms = 60000", "price_age_max_ms = 50000"))
    assert place.config.read_text() != text
    error = place.run()
    assert error.code == "BUNDLE_DIFFERS"
    assert "limits" in error.found
    assert "price_age_max_ns" in error.found


def test_a_live_run_under_a_bundle_of_some_days_is_followed_under_it(place: Place) -> None:
    config = load_config(place.config)
    days = Window(first=date(2025, 1, 6), last=date(2025, 1, 7))
    bundle = bundle_of(config, read_inputs(config), window=days)
    assert bundle.sha256 != place.bundle
    place.began(bundle_sha256=bundle.sha256)
    assert place.run().code == "BUNDLE_DIFFERS", "which nothing here says the days of"
    write_bundle(Layout(place.live), bundle)
    assert place.run().code == "VENUE_UNREACHABLE", "it got as far as the network"
    assert place.run(bundle=bundle.sha256[:12]).code == "VENUE_UNREACHABLE"


def test_a_bundle_that_is_named_must_be_the_live_runs(place: Place) -> None:
    assert place.run(bundle="d" * 64).code == "BUNDLE_UNKNOWN"


def test_the_live_directory_itself_is_no_place_for_a_twin(place: Place) -> None:
    before = Layout(place.live).log.read_bytes()
    assert place.run(directory=place.live).code == "TWIN_DIRECTORY"
    assert Layout(place.live).log.read_bytes() == before
    assert [path.name for path in place.live.iterdir()] == ["execution_logs.jsonl"], "not even a lock"


def test_prices_that_are_replayed_have_no_twin(tmp_path: Path) -> None:
    config = World(tmp_path).write().config_path
    with pytest.raises(SluiceError, match="TWIN_DATA"):
        run_twin(config, live=tmp_path / "live", directory=tmp_path / "twin", as_json=False)


def test_without_a_tws_to_read_prices_from_a_twin_of_interactive_brokers_does_not_begin(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = ib_config(tmp_path, make_key("alice", directory=tmp_path / "keys"), names=(AAPL,), port=port)
    assert Place(tmp_path / "at", config=world.config_path).run().code == "VENUE_UNREACHABLE"


def _record(directory: Path, kind: str, *lines: Any) -> None:
    """A record of one run, as a run that is opened anew finds it."""
    from lakehouse.opening import open_journal

    layout = Layout(directory)
    journal = open_journal(layout, now_ns=time.time_ns(), run_id="run-1", durable=False)
    start = Log(kind=kind).lines[0]
    given = {"seq": 0, "environment": "live-shadow", "base_currency": "USD", "starting_cash": {"BINANCE": {"USDT": "100000"}}}
    for line in (msgspec.structs.replace(start, **given), *lines):
        journal.append(line)
    journal.close()


def test_the_record_of_another_kind_of_run_is_not_gone_on_with(place: Place) -> None:
    _record(place.root / "twin", "shadow")
    before = Layout(place.root / "twin").log.read_bytes()
    assert place.run().code == "KIND_MIXED"
    assert Layout(place.root / "twin").log.read_bytes() == before


def test_a_twin_follows_one_log_for_good(place: Place) -> None:
    first = records.TwinStart(
        ts_ns=1, market_ns=1, run_id="run-1", live_directory="elsewhere", live_environment="live-shadow", live_run_id="run-0",
        live_bundle_sha256=None, live_log_sha256="e" * 64, live_line=4,
    )  # fmt: skip
    _record(place.root / "twin", "twin", first)
    assert place.run().code == "TWIN_OF_ANOTHER"


def test_a_live_log_that_is_none_is_named(place: Place) -> None:
    with Layout(place.live).log.open("ab") as log:
        log.write(b"garbage\n")
    error = place.run()
    assert (error.code, isinstance(error, RecordCorrupt)) == ("LOG_LINE", True)
    assert "line 2" in error.expected


def fold_of(*lines: Any, kind: str = "twin") -> LogFold:
    log = Log(kind=kind)
    log.lines += [msgspec.structs.replace(line, seq=number) for number, line in enumerate(lines, 2)]
    fold = LogFold()
    for line in log.lines:
        fold.apply(line)
    return fold


def test_a_fold_knows_what_was_compared_and_what_was_not() -> None:
    known = fold_of(twin_line("1" * 32, price_bps="3", notional_base="100"), spoilt_line("2" * 32, "TWIN_AWAY"),
                    twin_line("3" * 32, price_bps="-1", notional_base="300")).twins  # fmt: skip
    assert (known.compared, known.uncompared, known.price_bps) == (2, {"TWIN_AWAY": 1}, "0")
    assert known.last is not None
    assert known.last.client_order_id == "3" * 32


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([twin_line("1" * 32), twin_line("1" * 32)], "TWIN_TWICE"),
        ([twin_line("1" * 32, price_bps="much")], "LOG_NUMBER"),
        ([msgspec.structs.replace(Log(kind="live").lines[0], starting_cash=None)], "KIND_MIXED"),
    ],
    ids=["an order told twice", "a number that is none", "another run in a twin's log"],
)
def test_a_twins_log_that_contradicts_itself_is_refused(lines: list[Any], code: str) -> None:
    with pytest.raises(RecordCorrupt, match=code):
        fold_of(*lines)
