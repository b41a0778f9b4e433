"""The platform's regime log: the freshest line up to an instant counts, and a log that cannot be believed is a crisis."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.regime_audit import DISORDER_LINES, LINE_MAX, WINDOW, RegimeAudit, RegimeAuditPolicy, read_regime_audit
from lakehouse.upstream_time import stamp_ns, zone_of

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR_NS = 3600 * 10**9
START_NS = int(START.timestamp()) * 10**9
METRICS = {"vol_ratio": 1.1, "turbulence": float("nan"), "hmm_state": "calm", "stress_axis": 0.2}


def line(minute: int, regime: Any = "NORMAL", quadrant: Any = "EXPANSION", **more: Any) -> str:
    """A line as the platform's detector writes it, `minute` minutes after the start."""
    stamp = (START + timedelta(minutes=minute)).isoformat()
    return json.dumps({"timestamp": stamp, "regime": regime, "score": 1.0421, "quadrant": quadrant, "metrics": METRICS, **more})


def at(minute: int) -> int:
    return START_NS + minute * 60 * 10**9


def read(path: Path, *, minute: int = 60, age_max_h: int = 24) -> RegimeAudit:
    policy = RegimeAuditPolicy(path=str(path), age_max_ns=age_max_h * HOUR_NS, zone="UTC")
    return read_regime_audit(policy, as_of_ns=at(minute))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "regime_audit.jsonl"


@pytest.mark.parametrize(
    ("lines", "regime"),
    [
        ([line(0)], "NORMAL"),
        ([line(0, "CRISIS"), line(1, "QUIET")], "QUIET"),
        ([line(0, "QUIET"), line(1, "CRISIS")], "CRISIS"),
        ([line(0, "TURBULENT", "INFLATIONARY_TREND")], "TURBULENT"),
        ([line(0, "QUIET", "CRISIS")], "CRISIS"),
        ([line(0, "QUIET", "UNKNOWN")], "CRISIS"),
        ([line(0, "QUIET", None)], "QUIET"),
        ([line(0, "quiet")], "CRISIS"),
        ([line(0, None)], "CRISIS"),
        ([line(0, 7)], "CRISIS"),
        ([line(0, "QUIET", ["CRISIS"])], "CRISIS"),
        ([line(5, "CRISIS"), line(3, "QUIET")], "CRISIS"),
        ([line(0, "QUIET"), line(61, "CRISIS")], "QUIET"),
        ([line(0, "QUIET"), line(60, "CRISIS")], "CRISIS"),
        ([line(0, "QUIET"), "", ""], "QUIET"),
    ],
    ids=[
        "one line", "a crisis that is over", "a crisis that began", "turbulent", "quadrant crisis", "quadrant nobody knows",
        "no quadrant", "a name in small letters", "no name", "a name that is no text", "a quadrant that is no text",
        "two writers out of order", "a line of later is not seen", "one of this instant is", "blank lines",
    ],
)  # fmt: skip
def test_the_freshest_line_up_to_the_instant_counts(log: Path, lines: list[str], regime: str) -> None:
    log.write_text("".join(f"{text}\n" for text in lines))
    found = read(log)
    assert (found.regime, found.code) == (regime, "")


def test_a_line_in_the_zone_of_the_config_is_read(log: Path) -> None:
    text = line(0).replace("2026-01-05T00:00:00+00:00", "2026-01-05 00:00:00.5")
    log.write_text(text + "\n")
    policy = RegimeAuditPolicy(path=str(log), age_max_ns=24 * HOUR_NS, zone="America/New_York")
    found = read_regime_audit(policy, as_of_ns=at(600))
    assert found.stamp_ns == stamp_ns("2026-01-05T00:00:00.5", zone=zone_of("America/New_York"))


def link(path: Path) -> None:
    path.with_name("real").write_text(line(0) + "\n")
    path.symlink_to("real")


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (lambda path: None, "REGIME_AUDIT_MISSING"),
        (lambda path: path.write_text(""), "REGIME_AUDIT_MISSING"),
        (lambda path: path.write_text("\n\n"), "REGIME_AUDIT_MISSING"),
        (lambda path: path.write_text(line(61) + "\n"), "REGIME_AUDIT_MISSING"),
        (lambda path: path.write_text(line(0)[:40]), "REGIME_AUDIT_MISSING"),
        (lambda path: path.mkdir(), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: os.mkfifo(path), "REGIME_AUDIT_UNREADABLE"),
        (link, "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_bytes(b"\xff\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text("[]\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text('{"regime": "QUIET"}\n'), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0).replace("2026", "26") + "\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0, note="x" * LINE_MAX) + "\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0) + "\n" + "[" * 10_000 + "\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0) + "\nrubbish\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0) + "\n" + line(1)[:50] + line(2) + "\n"), "REGIME_AUDIT_UNREADABLE"),
        (lambda path: path.write_text(line(0) + "\n" + "x" * (2 * WINDOW) + "\n"), "REGIME_AUDIT_UNREADABLE"),
    ],
    ids=[
        "no file", "empty", "blank", "only later lines", "nothing but a torn line", "a directory", "a pipe", "a link", "no text",
        "an array", "no stamp", "no year", "a line without end", "deep nesting", "rubbish at the end", "two records on one line",
        "a last line larger than what is read",
    ],
)  # fmt: skip
def test_a_log_that_cannot_be_believed_is_a_crisis(log: Path, write: Callable[[Path], object], code: str) -> None:
    write(log)
    found = read(log)
    assert (found.regime, found.code, found.reading) == ("CRISIS", code, (code, None))
    assert "was expected" in found.message


@pytest.mark.parametrize(("minutes", "code"), [(24 * 60, ""), (24 * 60 + 1, "REGIME_AUDIT_STALE")], ids=["at the age", "past it"])
def test_a_line_that_is_too_old_is_a_crisis(log: Path, minutes: int, code: str) -> None:
    log.write_text(line(0, "QUIET") + "\n")
    found = read(log, minute=minutes)
    assert (found.code, found.regime) == (code, "CRISIS" if code else "QUIET")


def test_a_torn_last_line_is_being_written_and_the_one_before_it_counts(log: Path) -> None:
    whole = line(1, "CRISIS")
    for length in range(len(whole)):
        log.write_text(line(0, "QUIET") + "\n" + whole[:length])
        assert read(log).regime == "QUIET", length
    log.write_text(line(0, "QUIET") + "\n" + whole)
    assert read(log).regime == "CRISIS"


def test_an_unreadable_line_that_a_newer_one_follows_is_past(log: Path) -> None:
    log.write_text(f"{line(0, 'QUIET')}\nrubbish\n{line(2, 'NORMAL')}\n")
    assert read(log).regime == "NORMAL"
    assert read(log, minute=1).code == "REGIME_AUDIT_UNREADABLE"


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of a line every ten minutes, 25 MB; the name of every line is its quarter of the day."""
    path = tmp_path_factory.mktemp("regimes") / "regime_audit.jsonl"
    names = ("QUIET", "NORMAL", "TURBULENT", "CRISIS")
    with path.open("w") as file:
        for count in range(105_000):
            file.write(line(10 * count, names[count // 36 % 4]) + "\n")
    return path


@settings(max_examples=60, deadline=None)
@given(minute=st.integers(0, 10 * 105_000 + 500))
def test_any_instant_of_a_long_log_is_found(long_log: Path, minute: int) -> None:
    count = min(minute // 10, 104_999)
    found = read(long_log, minute=minute, age_max_h=24)
    assert (found.stamp_ns, found.code) == (at(10 * count), "")
    assert found.regime == ("QUIET", "NORMAL", "TURBULENT", "CRISIS")[count // 36 % 4]


def test_a_long_log_is_read_in_small_parts(long_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    inner = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return inner(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    read(long_log, minute=10 * 104_999)
    assert sum(sizes) == WINDOW
    sizes.clear()
    read(long_log, minute=500_000)
    assert sum(sizes) <= 3 * WINDOW + 12 * 2 * LINE_MAX


def test_an_unreadable_line_of_later_does_not_hide_an_earlier_instant(tmp_path: Path) -> None:
    """The rubbish stands where the end of the log begins to be read, long after the instant."""
    log = tmp_path / "regime_audit.jsonl"
    lines = [line(minute, "QUIET" if minute < 100 else "CRISIS") for minute in range(2_000)]
    size = len(lines[-1]) + 1
    for place in range(-3, 4):
        lines[2_000 - WINDOW // size + place] = "x" * (size - 1)
    log.write_text("".join(f"{text}\n" for text in lines))
    assert read(log, minute=99).regime == "QUIET"
    assert read(log, minute=1_999).regime == "CRISIS"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_lines_out_of_order_by_a_few_are_taken_by_their_stamps(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    minutes = sorted(data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=200)))
    shift = data.draw(st.lists(st.integers(0, DISORDER_LINES // 2), min_size=len(minutes), max_size=len(minutes)))
    shuffled = [minutes[place] for place in sorted(range(len(minutes)), key=lambda place: place + shift[place])]
    path = tmp_path_factory.mktemp("log") / "regime_audit.jsonl"
    path.write_text("".join(f"{line(minute)}\n" for minute in shuffled))
    as_of = data.draw(st.integers(0, 60))
    known = [minute for minute in minutes if minute <= as_of]
    found = read(path, minute=as_of)
    assert found.stamp_ns == (at(max(known)) if known else None)


GOOD = "".join(f"{line(minute, name)}\n" for minute, name in enumerate(["QUIET", "NORMAL", "TURBULENT", "QUIET"])).encode()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_log_gives_a_crisis_or_what_a_line_of_it_says(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    changed = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4) | st.just(b"\n"))
    path = tmp_path_factory.mktemp("log") / "regime_audit.jsonl"
    path.write_bytes(changed)
    found = read(path)
    assert found.code in {"", "REGIME_AUDIT_MISSING", "REGIME_AUDIT_STALE", "REGIME_AUDIT_UNREADABLE"}
    if found.regime != "CRISIS":
        assert f'"regime": "{found.regime}"'.encode() in changed
        assert found.stamp_ns is not None
        assert found.stamp_ns <= at(60)
