"""Line numbers of keys, against what tomllib reads."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config_text import dotted, key_lines, line_of

TEXT = '''# [not.a.table]
a = 1
b = [  # [still.not]
  "x", "]",
  [1, 2],
]
"q.k" = "# no comment"
d.e = 2

[t]
s = """
[in.a.string]
k = 1
"""
u = 1  # after the string
[t.'x y'."rank:1"]
k = { inline = 1, "}" = 2 }
l = 'C:\\'
m = "a\\"#"
n = 3
'''


def test_lines_are_those_of_the_keys() -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT) == {
        ("a",): 2,
        ("b",): 3,
        ("q.k",): 7,
        ("d",): 8,
        ("d", "e"): 8,
        ("t",): 10,
        ("t", "s"): 11,
        ("t", "u"): 15,
        ("t", "x y", "rank:1"): 16,
        ("t", "x y", "rank:1", "k"): 17,
        ("t", "x y", "rank:1", "l"): 18,
        ("t", "x y", "rank:1", "m"): 19,
        ("t", "x y", "rank:1", "n"): 20,
    }


@pytest.mark.parametrize(
    ("key", "line"), [(("t", "u"), 15), (("t", "gone"), 10), (("gone",), 1), (("t", "x y", "rank:1", "k", "inline"), 17)]
)
def test_missing_key_is_placed_at_its_table(key: tuple[str, ...], line: int) -> None:
    assert line_of(key_lines(TEXT), key) == line


def test_parts_that_are_not_bare_are_quoted() -> None:
    assert dotted(("capital", "winners", "rank:1")) == 'capital.winners."rank:1"'


values = st.recursive(
    st.integers(0, 9) | st.text(alphabet="ab[]{}#='", max_size=6), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
names = st.text(alphabet="ab1_-", min_size=1, max_size=4)


def written(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {written(item)},  # ]\n" for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@given(tables=st.dictionaries(names, st.dictionaries(names, values, max_size=4), max_size=4))
def test_every_key_of_a_written_text_is_found_where_it_stands(tables: dict[str, dict[str, Any]]) -> None:
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for table, rows in tables.items():
        lines.append(f"[{table}]")
        expected[(table,)] = len(lines)
        for key, value in rows.items():
            expected[(table, key)] = len(lines) + 1
            lines += f"{key} = {written(value)}".split("\n")
    text = "\n".join(lines)
    assert tomllib.loads(text) == tables
    assert key_lines(text) == expected
