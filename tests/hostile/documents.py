"""What is done to a good document to make it hostile: bytes of any format, then JSON, TOML and CSV, each change with a name."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

type Change = Callable[[bytes], bytes]

DIGITS = 1_000_000
MANY = 100_000
LARGE = 100_000_000

RTL = "\u202e"
NUMBERS = {
    "a huge exponent": "1e999999999",
    "a tiny exponent": "1e-999999999",
    "not a number": "NaN",
    "a signalling not a number": "sNaN",
    "infinity": "Infinity",
    "minus infinity": "-inf",
    "negative zero": "-0",
    "digits of another script": "１２",
    "arabic digits": "\u0661\u0662",
    "underscores": "1_000",
    "a comma": "1,5",
    "a plus sign": "+1",
    "blanks around": " 1 ",
    "a newline behind": "1\n",
    "hexadecimal": "0x10",
    "a zero byte behind": "1\x00",
    "nothing": "",
    "a million digits": "9" * DIGITS,
    "a million zeros behind the point": "0." + "0" * DIGITS + "1",
}
NAMES = {
    "a path out": "../../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a zero byte": "a\x00b",
    "a control sequence": "\x1b]0;owned\x07\x1b[2J",
    "a line break": "a\nerror    FAKE_CODE  all is well",
    "text that runs backwards": f"{RTL}TSUJ",
    "letters that look alike": "BINANCE:ВТСUSDT",
    "a name without width": "BINANCE\u200b:BTCUSDT",
    "a hundred kilobytes": "A" * MANY,
    "a surrogate half": "\ud800",
    "a format string": "%s%n{0.__class__}",
    "only blanks": "   ",
}
TYPES: dict[str, Any] = {
    "true for it": True,
    "null for it": None,
    "a list for it": [],
    "a table for it": {},
    "a nested list for it": [[[[]]]],
    "an integer beyond 64 bits": 2**64,
    "minus one": -1,
    "a fraction": 0.5,
    "an empty text": "",
}


def _middle(data: bytes, put: bytes) -> bytes:
    return data[: len(data) // 2] + put + data[len(data) // 2 :]


def _noise(data: bytes) -> bytes:
    return random.Random(7).randbytes(max(len(data), 1_000))


BYTES: dict[str, Change] = {
    "empty": lambda data: b"",
    "one zero byte": lambda data: b"\0",
    "blanks alone": lambda data: b" \n\t " * 100,
    "cut in half": lambda data: data[: len(data) // 2],
    "cut before its last byte": lambda data: data.rstrip()[:-1],
    "twice": lambda data: data + data,
    "a zero byte in the middle": lambda data: _middle(data, b"\0"),
    "a byte that is no UTF-8": lambda data: _middle(data, b"\xff"),
    "an overlong UTF-8 slash": lambda data: _middle(data, b"\xc0\xaf"),
    "a surrogate in UTF-8": lambda data: _middle(data, b"\xed\xa0\x80"),
    "a byte order mark in front": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    "UTF-32": lambda data: data.decode("utf-8", "replace").encode("utf-32"),
    "compressed": lambda data: gzip.compress(data, mtime=0),
    "noise": _noise,
    "carriage returns": lambda data: data.replace(b"\n", b"\r"),
    "text that runs backwards in front": lambda data: RTL.encode() + data,
    "a control sequence in front": lambda data: b"\x1b[2J\x1b]0;owned\x07" + data,
    "an executable": lambda data: b"\x7fELF\x02\x01\x01" + bytes(200),
    "ten megabytes behind it": lambda data: data + b" " * 10_000_000,
}


# Whole documents of one letter: made once, and linked to where they are read.
HUGE: dict[str, bytes] = {
    "a hundred megabytes of zero bytes": b"\0",
    "a hundred megabytes of brackets": b"[",
    "a hundred megabytes of line ends": b"\n",
}


def _first(data: bytes, pattern: bytes, put: bytes) -> bytes:
    changed, count = re.subn(pattern, lambda _: put, data, count=1)
    assert count, pattern
    return changed


def _nested(data: bytes, *, levels: int, left: bytes, right: bytes) -> bytes:
    """A deep value behind the first key of the document."""
    return _first(data, rb'"\s*:\s*', b'": ' + left * levels + right * levels + b', "x": ')


def _numbered(data: bytes, put: bytes) -> bytes:
    """The first bare number replaced."""
    return _first(data, rb'(?<=":)\s*-?[0-9][0-9.e+-]*(?=[,\s}\]])', b" " + put)


JSON: dict[str, Change] = {
    "null": lambda data: b"null",
    "a number": lambda data: b"1",
    "a text": lambda data: b'"text"',
    "an empty list": lambda data: b"[]",
    "an empty table": lambda data: b"{}",
    "a list of it": lambda data: b"[" + data + b"]",
    "a million lists in one another": lambda data: b"[" * 1_000_000 + b"]" * 1_000_000,
    "a hundred lists in one another inside": lambda data: _nested(data, levels=100, left=b"[", right=b"]"),
    "ten thousand lists in one another inside": lambda data: _nested(data, levels=10_000, left=b"[", right=b"]"),
    "ten thousand tables in one another inside": lambda data: _first(
        data, rb'"\s*:\s*', b'": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b', "x": '
    ),
    "a key twice": lambda data: _first(data, rb"\{", b'{"twice": 1, "twice": 2, '),
    "a key more": lambda data: _first(data, rb"\{", b'{"nobody knows it": 1, '),
    "a hundred thousand keys more": lambda data: _first(
        data, rb"\{", b"{" + b"".join(b'"k%d": 1, ' % number for number in range(MANY))
    ),
    "a key of a hundred kilobytes": lambda data: _first(data, rb"\{", b'{"' + b"k" * MANY + b'": 1, '),
    "a key with a control sequence": lambda data: _first(data, rb"\{", b'{"\\u001b[2J": 1, '),
    "NaN for a number": lambda data: _numbered(data, b"NaN"),
    "Infinity for a number": lambda data: _numbered(data, b"-Infinity"),
    "a million digits for a number": lambda data: _numbered(data, b"9" * DIGITS),
    "a huge exponent for a number": lambda data: _numbered(data, b"1e999999999"),
    "a million digits behind the point": lambda data: _numbered(data, b"0." + b"3" * DIGITS),
    "true for a number": lambda data: _numbered(data, b"true"),
    "negative zero for a number": lambda data: _numbered(data, b"-0"),
    "half a surrogate pair": lambda data: _first(data, rb'"([a-z_A-Z])', b'"\\ud800'),
    "an escape of nothing": lambda data: _first(data, rb'"([a-z_A-Z])', b'"\\x'),
    "a comment": lambda data: b"// hello\n" + data,
    "a comma too many": lambda data: _first(data, rb"\}\s*\Z", b",}"),
    "quotes of the wrong kind": lambda data: data.replace(b'"', b"'"),
}

DEEP = 20_000
TOML: dict[str, Change] = {
    "a key twice": lambda data: b"twice = 1\ntwice = 2\n" + data,
    "a table twice": lambda data: data + b"\n[twice]\na = 1\n[twice]\nb = 1\n",
    "a key more": lambda data: b"nobody_knows_it = 1\n" + data,
    "ten thousand keys more": lambda data: b"".join(b"k%d = 1\n" % number for number in range(10_000)) + data,
    "ten thousand tables more": lambda data: data + b"".join(b"\n[t%d]\n" % number for number in range(10_000)),
    "a key of a hundred kilobytes": lambda data: b"k" * MANY + b" = 1\n" + data,
    "a key with a control sequence": lambda data: b'"\\u001b[2J" = 1\n' + data,
    "a key that runs backwards": lambda data: f'"{RTL}yek" = 1\n'.encode() + data,
    "lists in one another": lambda data: b"deep = " + b"[" * DEEP + b"]" * DEEP + b"\n" + data,
    "inline tables in one another": lambda data: b"deep = " + b"{a = " * DEEP + b"1" + b"}" * DEEP + b"\n" + data,
    "a key of twenty thousand parts": lambda data: b".".join([b"a"] * DEEP) + b" = 1\n" + data,
    "a table of twenty thousand parts": lambda data: data + b"\n[" + b".".join([b"a"] * DEEP) + b"]\n",
    "a thousand keys of a hundred parts": lambda data: (
        b"".join(b".".join([b"a"] * 100) + b".k%d = 1\n" % number for number in range(1_000)) + data
    ),
    "a list of four hundred thousand": lambda data: b"wide = [" + b"1," * 400_000 + b"]\n" + data,
    "a million digits": lambda data: b"big = " + b"9" * 900_000 + b"\n" + data,
    "a million hexadecimal digits": lambda data: b"big = 0x" + b"f" * 900_000 + b"\n" + data,
    "a million digits behind the point": lambda data: b"big = 0." + b"3" * 900_000 + b"\n" + data,
    "a day that is none": lambda data: b"day = 2022-02-31\n" + data,
    "a year without end": lambda data: b"day = 99999-01-01\n" + data,
    "an offset that is none": lambda data: b"day = 2022-01-01T00:00:00+99:99\n" + data,
    "a text that does not end": lambda data: b'text = """' + b"a" * 900_000,
    "half a surrogate pair": lambda data: b'text = "\\ud800"\n' + data,
    "blanks without end": lambda data: b"a =" + b" " * 900_000 + b"1\n" + data,
    "a comment without end": lambda data: b"#" * 900_000 + b"\n" + data,
    "dots without end": lambda data: b"a" + b"." * 900_000 + b" = 1\n" + data,
    "quotes without end": lambda data: b"a = " + b'"' * 900_000 + b"\n" + data,
    "backslashes without end": lambda data: b'a = "' + b"\\\\" * 400_000 + b'"\n' + data,
    "JSON": lambda data: b'{"a": 1}',
}


CSV: dict[str, Change] = {
    "another header": lambda data: b"a,b,c\n" + data.split(b"\n", 1)[1],
    "its header alone": lambda data: data.split(b"\n", 1)[0] + b"\n",
    "a field of a megabyte": lambda data: data + b"a" * 1_000_000 + b",1,1,1\n",
    "a quote that does not end": lambda data: data + b'"' + b"a" * 200_000,
    "a line with fields too many": lambda data: data + b"," * 100_000 + b"\n",
    "a line with fields too few": lambda data: data + b"a\n",
    "a line twice": lambda data: data + data.rstrip(b"\n").rsplit(b"\n", 1)[1] + b"\n",
    "a formula": lambda data: data + b"=cmd|' /C calc'!A0,1,1,1\n",
}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a JSON value that hold no further one, the first of each list only."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))
    else:
        yield path


def placed(document: Any, path: tuple[Any, ...], value: Any) -> bytes:
    """The document as JSON, another value at one place."""
    copy = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(copy).encode()
