"""Logs that are not what they should be: one typed error that names the line, from the copy and from the log itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.log_bytes import LINE_BYTES_MAX
from analysis.log_store import LogStore, open_log
from orders.errors import InputError, NotYet, RecordCorrupt
from tests.log_store.conftest import Reader
from tests.log_store.made import encoded, fill, fills_log, line_of, quiet, start, write

FILLS = 5_000  # more than one vector of DuckDB


def counted(log: Path, *, read: Reader, table: str = "fills") -> int:
    with read(log) as store:
        return int(store.rows(f"SELECT count(*) FROM {table}")[0][0])


def spoil(log: Path, line: int, change: Callable[[bytes], bytes]) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line - 1] = change(lines[line - 1])
    log.write_bytes(b"".join(lines))


def test_a_question_for_columns_names_a_broken_line_too(tmp_path: Path, read: Reader) -> None:
    log = fills_log(tmp_path / "log", FILLS)
    spoil(log, 3_000, lambda raw: raw.replace(b'"price":', b'"prise":'))
    with pytest.raises(RecordCorrupt, match=r"^LOG_LINE: .* in line 3000 of "), read(log) as store:
        store.columns("SELECT seq, CAST(price AS DOUBLE) AS price FROM fills")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("LOG_LINE", lambda raw: b"garbage\n"),
        ("LOG_LINE", lambda raw: b"\n"),
        ("LOG_LINE", lambda raw: raw[:300] + b"\n"),
        ("LOG_LINE", lambda raw: b"\0" * 40 + b"\n"),
        ("LOG_LINE", lambda raw: raw.replace(b'"run_id":"run-1"', b'"run_id":"run\0-1"')),
        ("LOG_LINE", lambda raw: raw.replace(b'"run_id":"run-1"', b'"run_id":"\xff\xfe"')),
        ("LOG_LINE", lambda raw: raw.replace(b'"type":"fill"', b'"type":"dividend"')),
        ("LOG_LINE", lambda raw: raw.replace(b'"type":"fill",', b"")),
        ("LOG_LINE", lambda raw: raw.replace(b'"price":', b'"prise":')),
        ("LOG_LINE", lambda raw: b"[" + raw[:-1] + b"]\n"),
        ("LOG_VERSION", lambda raw: raw.replace(b'"v":1', b'"v":2')),
        ("LOG_SEQ", lambda raw: b""),
        ("LOG_SEQ", lambda raw: raw + raw),
        ("LOG_SEQ", lambda raw: raw.replace(b'"seq":3000', b'"seq":3001')),
    ],
    ids=[
        "garbage", "a blank line", "a line cut short", "NUL bytes", "a NUL in a text", "bytes that are no UTF-8", "unknown type",
        "no type", "a field that is missing", "a list around it", "a future version", "a line that is missing",
        "a line that is there twice", "a wrong number",
    ],
)  # fmt: skip
def test_a_broken_line_in_the_middle_is_named(tmp_path: Path, code: str, change: Callable[[bytes], bytes], read: Reader) -> None:
    log = fills_log(tmp_path / "log", FILLS)
    spoil(log, 3_000, change)
    wanted = 3_001 if change(b"x") == b"xx" else 3_000
    with pytest.raises(RecordCorrupt, match=f"^{code}: .* in line {wanted} of ") as caught:
        priced(log, read=read)
    assert "verify" in caught.value.action


def priced(log: Path, *, read: Reader) -> None:
    with read(log) as store:
        store.rows("SELECT sum(price), any_value(run_id) FROM fills")


def test_two_lines_that_changed_places_are_seen(tmp_path: Path, read: Reader) -> None:
    log = fills_log(tmp_path / "log", FILLS)
    lines = log.read_bytes().splitlines(keepends=True)
    lines[2_000], lines[2_001] = lines[2_001], lines[2_000]
    log.write_bytes(b"".join(lines))
    with pytest.raises(RecordCorrupt, match="LOG_SEQ: seq 2001 in line 2001 of"):
        priced(log, read=read)


def test_whole_vectors_that_changed_places_are_seen_or_hurt_nobody(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", FILLS)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[2_048:4_096] + lines[:2_048] + lines[4_096:]))
    with pytest.raises(RecordCorrupt, match="LOG_SEQ: seq 1 in line 1 of"):
        priced(log, read=open_log)


def test_a_question_that_passes_few_lines_still_has_the_order_of_all_checked(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", FILLS)
    spoil(log, 4_999, lambda raw: b"")
    with open_log(log, copy=False) as store, pytest.raises(RecordCorrupt, match="LOG_SEQ: seq 4999 in line 4999 of"):
        store.rows("SELECT seq FROM fills WHERE seq < 10 LIMIT 1")


@pytest.mark.parametrize(
    "tail", [b'{"type":"fi', b"x", encoded(fill(12))[:-1]], ids=["a cut line", "one byte", "only the newline"]
)
def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path, tail: bytes, read: Reader) -> None:
    log = fills_log(tmp_path / "log", 10)
    log.write_bytes(log.read_bytes() + tail)
    with read(log) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(10,)]
        assert store.notes == (f"The last line of {log} is torn ({len(tail)} bytes without a newline) and left out.",)


@pytest.mark.parametrize("content", [b"", b'{"type":"run_st'], ids=["no byte", "only a torn line"])
def test_a_log_without_a_whole_line_is_empty(tmp_path: Path, content: bytes, read: Reader) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    with pytest.raises(NotYet, match="EMPTY: a log with at least one whole line"):
        read(log)


@pytest.mark.parametrize("kind", ["absent", "a directory", "a link"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "log"
    if kind == "a directory":
        log.mkdir()
    if kind == "a link":
        log.symlink_to(fills_log(tmp_path / "other", 1))
    with pytest.raises(InputError, match=r"VANISHED|NOT_A_FILE"):
        open_log(log)


def test_a_line_of_ten_megabytes_is_read(tmp_path: Path, read: Reader) -> None:
    log = write(tmp_path / "log", start(), line_of("alarm", seq=2, message="x" * 10_000_000), fill(3))
    with read(log) as store:
        assert store.rows("SELECT length(message) FROM alarms") == [(10_000_000,)]
        assert store.rows("SELECT count(*) FROM fills") == [(1,)]


def test_a_line_longer_than_sluice_writes_is_refused_with_its_number(tmp_path: Path) -> None:
    log = write(tmp_path / "log", start(), line_of("alarm", seq=2, message="x" * LINE_BYTES_MAX), fill(3))
    with pytest.raises(InputError, match=r"LOG_LINE_TOO_LONG: lines of at most 16777216 bytes .*line 2"):
        counted(log, read=open_log)


def test_a_file_without_any_newline_is_refused(tmp_path: Path, read: Reader) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (LINE_BYTES_MAX + (2 << 20)))
    with pytest.raises(InputError, match="LOG_LINE_TOO_LONG"):
        read(log)


def test_keys_in_another_order_are_no_fault(tmp_path: Path, read: Reader) -> None:
    log = fills_log(tmp_path / "log", 3)
    spoil(log, 2, lambda raw: raw.replace(b'"type":"fill","v":1,', b"").replace(b'{"seq"', b'{"v":1,"type":"fill","seq"'))
    assert counted(log, read=read) == 3


def test_an_error_of_the_question_itself_is_not_blamed_on_the_log(tmp_path: Path) -> None:
    def asked(store: LogStore) -> None:
        store.rows("SELECT no_such_column FROM fills")

    with open_log(fills_log(tmp_path / "log", 3), copy=False) as store, pytest.raises(Exception, match="no_such_column"):
        asked(store)


def test_an_answer_is_refused_when_the_log_grew_under_it(tmp_path: Path) -> None:
    log = quiet(fills_log(tmp_path / "log", 3))
    with open_log(log, copy=False) as store:
        assert store.rows("SELECT count(*) FROM fills") == [(3,)]
        with log.open("ab") as file:
            file.write(encoded(fill(5)))
        with pytest.raises(NotYet, match="LOG_GREW"):
            store.rows("SELECT count(*) FROM fills")


def test_a_log_somebody_just_wrote_to_is_read_to_where_it_ended(tmp_path: Path) -> None:
    log = fills_log(tmp_path / "log", 3)
    with open_log(log, copy=False) as store:
        with log.open("ab") as file:
            file.write(encoded(fill(5))[:100])
        assert store.rows("SELECT count(*) FROM fills") == [(3,)]
