"""An Ed25519 private key in a file of its own: PEM, mode 0400, made once and never replaced."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakehouse.private_file import Unfit, read_private
from orders.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIZE_MAX: Final = 4_096  # bytes; an Ed25519 key in PEM is 119


def make_key_file(path: Path) -> Ed25519PrivateKey | None:
    """Make a key, its file and the directory, 0700; None where there is a file already, which stays.

    The file appears whole or not at all, also for another process that makes it at the same time. Raises `ConfigError`
    KEY_UNWRITABLE.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(prefix=".key-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
                file.flush()
                os.fchmod(handle, 0o400)
                os.fsync(handle)
            os.link(fresh, path)
        finally:
            os.unlink(fresh)
    except FileExistsError:
        return None
    except OSError as error:
        raise ConfigError(
            "KEY_UNWRITABLE",
            expected=f"a directory {path.parent} that can be written",
            found=error.strerror or "an I/O error",
            action="Mend its rights, or name another directory: --directory of `sluice keys`, SLUICE_KEYS for all.",
        ) from error
    return key


def load_key_file(path: Path) -> Ed25519PrivateKey | None:
    """Return the key in a file, None where there is none. Raises `ConfigError` KEY_REFUSED (a link, open to others, no key)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        data = read_private(path, owners=frozenset({os.getuid()}), mode_fits=lambda mode: not mode & 0o077, size_max=SIZE_MAX)
    except Unfit as error:
        raise _refused(path, str(error)) from error
    if data is None:
        return None
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise _refused(path, "no private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(path, f"a key of another kind, {type(key).__name__}")
    return key


def _refused(path: Path, found: str) -> ConfigError:
    return ConfigError(
        "KEY_REFUSED",
        expected=f"{path} to be an Ed25519 key in PEM, a plain file of yours that nobody else can read",
        found=found,
        action=f"chmod 400 {path}; a key that others could read is made anew and taken out of every config.",
    )
