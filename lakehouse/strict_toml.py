"""TOML that others wrote, in bounds: what takes the standard library's reader the square of a key's length is refused."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

KEY_PARTS_MAX: Final = 32  # of one dotted key; the deepest of a run config has 5
# A part is bare, or quoted. None is looked for inside another, so a text is walked once.
_LONG_KEY: Final = re.compile(
    rf"""(?:(?:(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{KEY_PARTS_MAX}}}"""
)
_LONG_NUMBER: Final = re.compile(r"\b0[xob][0-9a-fA-F_]{1000}")  # Python reads it, and then cannot say it in decimal


def parse_toml(text: str) -> dict[str, Any]:
    """Return the document of a text whose size is bounded already.

    Raises `ValueError`: not TOML (`tomllib.TOMLDecodeError` then, which names the line), a number with more digits than Python
    reads, a dotted key of more than `KEY_PARTS_MAX` parts, a value nested too deeply.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a dotted key of more than {KEY_PARTS_MAX} parts")
    if _LONG_NUMBER.search(text):
        raise ValueError("a number of more than 1000 digits")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
