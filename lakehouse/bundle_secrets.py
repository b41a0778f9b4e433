"""Nothing that looks like a secret goes into a bundle: bundles are kept, copied and shown. Pure.

A config names under which name a key is found and never holds one, so whatever is refused here stands in the wrong place. Found
is what has the shape of a key, not every secret: a password of words passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from lakehouse.bundles import SHA256, Bundle
from orders.errors import ConfigError

MADE_HERE: Final = frozenset({"code"})  # names of files and packages and their hashes: nobody wrote a value of it
PUBLIC_KEY: Final = re.compile(r"ed25519:[A-Za-z0-9+/]{43}=")
HASH_KEY: Final = re.compile(r"(?:.*_)?sha256")
SHAPES: Final = (
    ("a private key", re.compile(r"-----BEGIN")),
    ("a name and password in an address", re.compile(r"://[^/\s@]*@")),
    ("a key in an address", re.compile(r"[?&;](?:[a-z_-]*(?:key|token|secret|signature|password))=", re.IGNORECASE)),
    ("a token", re.compile(r"\b(?:AKIA[0-9A-Z]{12,}|gh[pousr]_\w{20,}|xox[abprs]-\w{8,}|sk[-_][A-Za-z0-9_-]{16,})")),
    ("an identity of the form of a key", re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)),
)
RUN: Final = re.compile(r"[A-Za-z0-9+/=_.-]{24,}")  # a key of an exchange has 32 characters and more
SEPARATORS: Final = re.compile(r"[-_./=]")
PIECE_MIN: Final = 16  # of a key written as words are: no word and no date is as long and has digits too


def refuse_secrets(bundle: Bundle) -> None:
    """Raise `ConfigError` BUNDLE_SECRET where a text of a part has the shape of a key; the message has its place alone."""
    for name, part in bundle.parts.items():
        if name in MADE_HERE:
            continue
        for key, text in _texts("", part.document()):
            shape = _shape(key, text)
            if shape:
                raise ConfigError(
                    "BUNDLE_SECRET",
                    expected="a bundle without secrets",
                    found=f"what looks like {shape} ({len(text)} characters) at {key[:200]} of part {name}",
                    action="Take it out of the file, and out of use; a config holds the names of keys alone.",
                )


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text with its path; a key of an object is a text of that object."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield path or "(top)", key
            yield from _texts(f"{path}.{key}" if path else key, one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(path, one)
    elif isinstance(value, str):
        yield path, value


def _shape(key: str, text: str) -> str:
    """What the text looks like; "" for nothing."""
    if PUBLIC_KEY.fullmatch(text) or (SHA256.fullmatch(text) and HASH_KEY.fullmatch(key.rpartition(".")[2])):
        return ""
    for words, shape in SHAPES:
        if shape.search(text):
            return words
    for run in RUN.findall(text):
        if any(len(piece) >= PIECE_MIN and _mixed(piece) for piece in SEPARATORS.split(run)):
            return "a key"
    return ""


def _mixed(piece: str) -> bool:
    """Letters and digits together, or capitals among small letters again and again: no word."""
    letters = any(one.isalpha() for one in piece)
    turns = sum(one.islower() != other.islower() for one, other in pairwise(piece))
    return letters and (any(one.isdigit() for one in piece) or turns >= len(piece) // 3)
