"""What commands print holds no character that steers a terminal, whatever a document says of itself.

Names, reasons and numbers out of files are printed in a hundred places; here all of it passes once, below `print`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

# Control characters but for line ends, tabs and the two that redraw a line of progress; marks of invisible width or that turn the
# direction of writing; halves of surrogate pairs, which cannot be printed at all.
STEERING: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
    "|\x1b(?!\\[K)"
)


def plain_text(text: str) -> str:
    """Return the text with each such character as its escape."""
    return STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


class PlainStream:
    """A text stream that writes `plain_text`; everything else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it and return the length of what was given."""
        self._stream.write(plain_text(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Make both streams of the process plain, as long as the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (None if stream is None else PlainStream(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
