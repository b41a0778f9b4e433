"""Strict reading: bounded, contained, exact."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.strict_json import nests_deeper, parse, read_bounded, read_contained
from orders.errors import InputError, NotYet

SIZE_MAX = 1 << 20


def refusal(data: bytes, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(data, what="it", size_max=options.pop("size_max", SIZE_MAX), **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 1}', "DUPLICATE_KEY"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "DUPLICATE_KEY"),
        ('{"a": 1, "\\u0061": 2}', "DUPLICATE_KEY"),
        ("[1e999999999]", "NUMBER_OUT_OF_BOUNDS"),
        ("[1e-401]", "NUMBER_OUT_OF_BOUNDS"),
        ("[1e99999999999999999999999999999]", "NUMBER_OUT_OF_BOUNDS"),
        ("[" + "9" * 65 + "]", "NUMBER_OUT_OF_BOUNDS"),
        ("[" + "9" * 100_000 + "]", "NUMBER_OUT_OF_BOUNDS"),
        ("[0." + "1" * 63 + "]", "NUMBER_OUT_OF_BOUNDS"),
        ("[NaN]", "NUMBER_OUT_OF_BOUNDS"),
        ("[-Infinity]", "NUMBER_OUT_OF_BOUNDS"),
        ('["\\ud800"]', "NOT_UTF8"),
        ('{"\\uDFFF x": 1}', "NOT_UTF8"),
        ("[1,]", "NOT_JSON"),
        ("{'a': 1}", "NOT_JSON"),
        ("[01]", "NOT_JSON"),
        ("[1] [2]", "NOT_JSON"),
        ('["a\nb"]', "NOT_JSON"),
        ("[nul, 1]", "NOT_JSON"),
        ("\ufeff[1]", "NOT_JSON"),
        ("\x00\x00", "NOT_JSON"),
        ("[" * 33 + "]" * 33, "TOO_DEEP"),
        ('{"a":' * 33 + "1" + "}" * 33, "TOO_DEEP"),
    ],
    ids=lambda value: value if len(value) < 40 else f"{value[:12]} and on",
)
def test_a_bad_text_is_refused_with_its_code(text: str, code: str) -> None:
    error = refusal(text.encode())
    assert error.code == code
    assert not isinstance(error, NotYet)
    assert "it" in error.found


@pytest.mark.parametrize("data", [b"[\xff]", b"\xff\xfe[\x001\x00]\x00", b'["\xed\xa0\x80"]', b'["\xc0\x80"]'])
def test_anything_but_utf8_is_refused(data: bytes) -> None:
    assert refusal(data).code == "NOT_UTF8"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("1e-400", Decimal("1e-400")),
        ("5e-324", Decimal("5e-324")),
        ("-0.0", Decimal("0")),
        ("1E+2", Decimal(100)),
        ("17", 17),
        ("-9223372036854775808", -(2**63)),
        ("0.10000000000000001", Decimal("0.10000000000000001")),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("[" * 32 + "]" * 32, json.loads("[" * 32 + "]" * 32)),
        ('"' + "[" * 99 + '\\"' + "[" * 99 + '\\\\"', "[" * 99 + '"' + "[" * 99 + "\\"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_good_value_is_read_exactly(text: str, value: object) -> None:
    read = parse(text.encode(), what="it", size_max=SIZE_MAX)
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_decimal_where_the_caller_allows_it() -> None:
    values = parse(b"[NaN, Infinity, -Infinity]", what="it", size_max=SIZE_MAX, nonfinite=True)
    assert [str(value) for value in values] == ["NaN", "Infinity", "-Infinity"]


DOCUMENT = (
    '{"a": [1.5, -2e-7, NaN, -Infinity, true, false, null], "k\\u00e9\\n": "\\ud83d\\ude00 \\\\ é😀", "n": {"x": -0.25E+3}}'
)


def test_every_true_beginning_of_a_document_is_half_written() -> None:
    data = DOCUMENT.encode()
    for length in range(1, len(data)):
        error = refusal(data[:length], nonfinite=True)
        assert (length, error.code, type(error)) == (length, "HALF_WRITTEN", NotYet)
    assert parse(data, what="it", size_max=SIZE_MAX, nonfinite=True)


def test_no_bytes_are_empty() -> None:
    error = refusal(b"")
    assert error.code == "EMPTY"
    assert isinstance(error, NotYet)


def test_a_text_of_the_size_bound_is_read_and_one_byte_more_is_not() -> None:
    assert parse(b"[1, 2]", what="it", size_max=6) == [1, 2]
    assert refusal(b"[1, 2]", size_max=5).code == "TOO_LARGE"


@pytest.mark.parametrize("opener", [b"[", b'{"a":', b"[[]," * 3 + b"["], ids=["arrays", "objects", "mixed"])
def test_megabytes_of_brackets_are_refused_quickly_in_bounded_memory(opener: bytes) -> None:
    data = opener * (5_000_000 // len(opener))
    tracemalloc.start()
    begin = time.perf_counter()
    error = refusal(data, size_max=len(data))
    seconds = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.code == "TOO_DEEP"
    assert seconds < 30  # a second; minutes where time grows with the square
    assert peak < 25 * len(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 1 + max(map(depth_of, value.values()), default=0) if isinstance(value, dict) else 0


@given(value=json_values, ascii_only=st.booleans())
@example(value={'\\"[': ['"[[[\\', '\\\\"']}, ascii_only=True)
def test_the_scan_counts_the_depth_that_the_parser_sees(value: object, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    depth = depth_of(value)
    assert not nests_deeper(data, depth_max=depth)
    assert depth == 0 or nests_deeper(data, depth_max=depth - 1)


@given(value=json_values)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert parse(json.dumps(value).encode(), what="it", size_max=SIZE_MAX) == value


@given(data=st.binary(max_size=40) | st.text('[]{}",:0123456789eE+-.\\uNaInfty \n', max_size=40).map(str.encode))
def test_any_bytes_give_a_value_or_one_typed_error(data: bytes) -> None:
    with contextlib.suppress(InputError):
        parse(data, what="it", size_max=SIZE_MAX, nonfinite=True)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_the_platform_can_write_is_within_bounds(value: float) -> None:
    assert parse(f"[{value!r}]".encode(), what="it", size_max=99) == [Decimal(repr(value))]


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,70})(\.[0-9]{1,70})?([eE][+-]?[0-9]{1,12})?", fullmatch=True)


@given(text=numbers)
@example(text="0e400")
@example(text="0e-400")
@example(text="-0.0")
@example(text="1e-336")
@example(text="1e401")
@example(text="9.99e400")
@example(text="1e000000000000000000000000000001")
@example(text="0." + "0" * 62)
@example(text="0." + "0" * 63)
@example(text="9" * 64)
@example(text="9" * 65)
def test_a_number_is_read_exactly_or_refused_by_its_text_alone(text: str) -> None:
    """The written length and exponent decide, whichever way the number is read, and whatever stands beside it."""
    mantissa, _, exponent = text.lower().partition("e")
    within = len(text) <= 64 and abs(int(exponent or "0")) <= 400
    for document in (f"[{text}]", f'[{text}, "{"0" * 65}"]', f"[1e-399, {text}]"):
        if not within:
            assert refusal(document.encode()).code == "NUMBER_OUT_OF_BOUNDS"
            continue
        values = parse(document.encode(), what="it", size_max=SIZE_MAX)
        value = values[1] if document.startswith("[1e-399") else values[0]
        whole = "." not in mantissa and not exponent
        assert type(value) is (int if whole else Decimal)
        assert str(Decimal(value)) == (str(int(text)) if whole else str(Decimal(text)))


def test_a_long_text_of_digits_is_no_number() -> None:
    document = '{"hash": "' + "1234567890" * 20 + '", "weight": 0.1}'
    assert parse(document.encode(), what="it", size_max=SIZE_MAX)["weight"] == Decimal("0.1")


def file_refusal(path: Path, size_max: int = 100) -> InputError:
    with pytest.raises(InputError) as caught:
        read_bounded(path, size_max)
    return caught.value


def test_a_file_of_the_bound_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_bounded(path, 100) == b"x" * 100
    assert file_refusal(path, 99).code == "TOO_LARGE"


def test_an_endless_file_that_states_no_size_is_cut_at_the_bound() -> None:
    path = Path("/proc/self/smaps")
    if not path.exists():
        pytest.skip("needs /proc")
    assert file_refusal(path, 10).code == "TOO_LARGE"


def test_a_directory_a_pipe_a_socket_and_a_link_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_bytes(b"1")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        codes = {name: file_refusal(tmp_path / name).code for name in ("directory", "pipe", "socket", "link", "loop", "real/x")}
    assert set(codes.values()) == {"NOT_A_FILE"}


def test_a_missing_file_is_not_yet_there(tmp_path: Path) -> None:
    error = file_refusal(tmp_path / "none")
    assert error.code == "VANISHED"
    assert isinstance(error, NotYet)


NOBODY = 65_534


def test_an_unreadable_file_is_refused() -> None:
    """Who runs as root, who may read everything, is nobody meanwhile."""
    with TemporaryDirectory() as directory:  # pytest's own are root's alone
        os.chmod(directory, 0o755)
        path = Path(directory) / "secret"
        path.write_bytes(b"1")
        path.chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)
        try:
            assert file_refusal(path).code == "UNREADABLE"
            assert file_refusal(path.with_name("none")).code == "VANISHED"  # the directory is open: what is refused is the file
        finally:
            os.seteuid(before)
        path.chmod(0o400)
        assert read_bounded(path, 10) == b"1"


def contained_code(path: Path, root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_contained(path, root=root, size_max=100)
    return caught.value.code


def test_links_are_followed_inside_the_root_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"out")
    (root / "inner" / "file").write_bytes(b"in")
    (root / "good").symlink_to("inner/file")
    (root / "bad").symlink_to("../outside")
    (root / "up").symlink_to(tmp_path)
    (root / "gone").symlink_to("nowhere")
    assert read_contained(root / "good", root=root, size_max=100).data == b"in"
    assert contained_code(root / "bad", root) == "ESCAPES"
    assert contained_code(root / "up" / "outside", root) == "ESCAPES"
    assert contained_code(root / ".." / "outside", root) == "ESCAPES"
    assert contained_code(root / "gone", root) == "VANISHED"
    assert contained_code(root, root) == "NOT_A_FILE"
    assert contained_code(root / "inner", root) == "NOT_A_FILE"


def test_the_mtime_is_told_in_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))
    assert read_contained(path, root=tmp_path, size_max=1).written_ns == 1_700_000_000_123_456_789
