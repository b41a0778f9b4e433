"""A person's Ed25519 key: made once, kept in a file that its owner alone can read, shown only by its public half."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from lakehouse.private_file import Unfit, read_private
from orders.errors import ConfigError
from sentinel.dsse import public_text

NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
SIZE_MAX: Final = 4_096  # bytes; an Ed25519 key in PEM is 119


def make_key(name: str, *, directory: Path) -> str:
    """Make a person's key and return its public half as it stands in a config. An existing key is never replaced.

    Raises `ConfigError` KEY_NAME, KEY_EXISTS, KEY_UNWRITABLE.
    """
    path = key_path(name, directory=directory)
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ConfigError(
            "KEY_EXISTS",
            expected=f"no key at {path}",
            found="one",
            action="Take another name; `sluice keys show` prints this one.",
        ) from error
    except OSError as error:
        raise ConfigError(
            "KEY_UNWRITABLE",
            expected=f"a directory {directory} that can be written",
            found=error.strerror or "an I/O error",
            action="Mend its rights, or name another with --directory.",
        ) from error
    return public_text(key.public_key())


def load_key(name: str, *, directory: Path) -> Ed25519PrivateKey:
    """Return a person's key. Raises `ConfigError` KEY_NAME, KEY_MISSING, KEY_REFUSED (a link, open to others)."""
    path = key_path(name, directory=directory)
    try:
        data = read_private(path, owners=frozenset({os.getuid()}), mode_fits=lambda mode: not mode & 0o077, size_max=SIZE_MAX)
    except Unfit as error:
        raise _refused(path, str(error)) from error
    if data is None:
        raise ConfigError(
            "KEY_MISSING", expected=f"the key of {name} at {path}", found="none", action=f"`sluice keys new {name}` makes one."
        )
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise _refused(path, "no private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(path, f"a key of another kind, {type(key).__name__}")
    return key


def key_path(name: str, *, directory: Path) -> Path:
    """Return where the key of a name lies. Raises `ConfigError` KEY_NAME."""
    if not NAME.fullmatch(name):
        raise ConfigError("KEY_NAME", expected="a name of [A-Za-z0-9._-], 64 at most", found=repr(name[:80]), action="Rename it.")
    return directory / f"{name}.pem"


def _refused(path: Path, found: str) -> ConfigError:
    return ConfigError(
        "KEY_REFUSED",
        expected=f"{path} to be an Ed25519 key in PEM, a plain file of yours that nobody else can read",
        found=found,
        action=f"chmod 400 {path}; a key that others could read is made anew and taken out of every config.",
    )
