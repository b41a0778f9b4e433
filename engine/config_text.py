"""Where each key of a TOML text stands, so that a problem can name its line. `tomllib` does the parsing; this only counts.

Keys of inline tables and elements of arrays are found at the line of the key that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
KEY_PART: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
DECODE_LINE: Final = re.compile(r"\(at line (\d+)")


def dotted(parts: tuple[str, ...]) -> str:
    """Return the key as TOML would write it: parts that are not bare are quoted."""
    return ".".join(part if BARE_KEY.fullmatch(part) else f'"{part}"' for part in parts)


def line_of(lines: Mapping[tuple[str, ...], int], key: tuple[str, ...]) -> int:
    """Return the line of `key`, or of the nearest table above it; 1 when none of them is in the text."""
    for end in range(len(key), 0, -1):
        if key[:end] in lines:
            return lines[key[:end]]
    return 1


def decode_error_line(message: str) -> int:
    """Return the line a `tomllib.TOMLDecodeError` names; 1 when it names none (the end of the document)."""
    match = DECODE_LINE.search(message)
    return int(match.group(1)) if match else 1


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line number (from 1) of every table header and key of a valid TOML text; the first mention counts."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    value = _Value()
    for number, line in enumerate(text.splitlines(), start=1):
        if value.open:
            value.feed(line)
            continue
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("["):
            table, _ = _dotted_key(stripped.lstrip("["))
            lines.setdefault(table, number)
            continue
        key, rest = _dotted_key(stripped)
        for end in range(1, len(key) + 1):
            lines.setdefault(table + key[:end], number)
        value.feed(rest.removeprefix("="))
    return lines


def _dotted_key(text: str) -> tuple[tuple[str, ...], str]:
    """Return the parts of the dotted key `text` begins with, and the text after it."""
    parts: list[str] = []
    at = 0
    while match := KEY_PART.match(text, at):
        parts.append(next(group for group in match.groups() if group is not None))
        at = match.end()
        if at >= len(text) or text[at] != ".":
            break
        at += 1
    return tuple(parts), text[at:]


class _Value:
    """Tells whether a value goes on after the end of a line: brackets and triple-quoted strings may."""

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""

    @property
    def open(self) -> bool:
        return self.depth > 0 or bool(self.quote)

    def feed(self, line: str) -> None:
        at = 0
        while at < len(line):
            if self.quote:
                at = self._in_string(line, at)
                continue
            character = line[at]
            if character == "#":
                return
            if character in "\"'":
                self.quote = character * 3 if line.startswith(character * 3, at) else character
                at += len(self.quote)
                continue
            self.depth += (character in "[{") - (character in "]}")
            at += 1
        if len(self.quote) == 1:
            self.quote = ""  # a one-line string cannot go on; tomllib has refused it already

    def _in_string(self, line: str, at: int) -> int:
        if self.quote[0] == '"' and line[at] == "\\":
            return at + 2
        if line.startswith(self.quote, at):
            at += len(self.quote)
            self.quote = ""
            return at
        return at + 1
