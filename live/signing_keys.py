"""A person's Ed25519 key: made once, kept in a file that its owner alone can read, shown only by its public half."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakehouse.key_file import load_key_file, make_key_file
from orders.errors import ConfigError
from sentinel.dsse import public_text

NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


def make_key(name: str, *, directory: Path) -> str:
    """Make a person's key and return its public half as it stands in a config. An existing key is never replaced.

    Raises `ConfigError` KEY_NAME, KEY_EXISTS, KEY_UNWRITABLE.
    """
    path = key_path(name, directory=directory)
    key = make_key_file(path)
    if key is None:
        raise ConfigError(
            "KEY_EXISTS",
            expected=f"no key at {path}",
            found="one",
            action="Take another name; `sluice keys show` prints this one.",
        )
    return public_text(key.public_key())


def load_key(name: str, *, directory: Path) -> Ed25519PrivateKey:
    """Return a person's key. Raises `ConfigError` KEY_NAME, KEY_MISSING, KEY_REFUSED (a link, open to others)."""
    path = key_path(name, directory=directory)
    key = load_key_file(path)
    if key is None:
        raise ConfigError(
            "KEY_MISSING", expected=f"the key of {name} at {path}", found="none", action=f"`sluice keys new {name}` makes one."
        )
    return key


def key_path(name: str, *, directory: Path) -> Path:
    """Return where the key of a name lies. Raises `ConfigError` KEY_NAME."""
    if not NAME.fullmatch(name):
        raise ConfigError("KEY_NAME", expected="a name of [A-Za-z0-9._-], 64 at most", found=repr(name[:80]), action="Rename it.")
    return directory / f"{name}.pem"
