"""The key that signs checkpoints of ledgers: this account's own, made by its first run, and those it trusts beside it.

It is no person's: it lies beside their keys under a name that none of theirs can have, and signs nothing but checkpoints.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakehouse.checkpoints import note_body, signature_line
from lakehouse.key_file import load_key_file, make_key_file
from lakehouse.private_file import KEYS, Unfit, read_private
from orders.errors import ConfigError, InputError
from orders.public_keys import public_key_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_NAME: Final = "ledger.key"
TRUSTED_NAME: Final = "ledger.trusted"  # public keys, one a line, whose checkpoints count beside the own
TRUSTED_SIZE_MAX: Final = 64_000  # bytes
ENVIRONMENT: Final = "SLUICE_KEYS"


class Signer:
    """Signs checkpoints with one key; `public` are its 32 bytes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def note(self, *, origin: str, size: int, root: bytes) -> bytes:
        """Return a signed checkpoint: body, empty line, one signature. The same in, the same bytes out."""
        body = note_body(origin=origin, size=size, root=root)
        return body + b"\n" + signature_line(origin, public=self.public, signature=self._key.sign(body))


def keys_directory() -> Path:
    """Return where this account's keys lie: what SLUICE_KEYS says, else `~/.config/sluice/keys`."""
    return Path(os.environ.get(ENVIRONMENT) or KEYS).expanduser()


def own_signer(directory: Path) -> Signer | None:
    """Return the account's signer, None where it has no key yet. Raises `ConfigError` KEY_REFUSED."""
    key = load_key_file(directory / KEY_NAME)
    return None if key is None else Signer(key)


def made_signer(directory: Path) -> Signer:
    """Return the account's signer, its key made if it has none. Raises `ConfigError` KEY_REFUSED, KEY_UNWRITABLE."""
    signer = own_signer(directory)
    if signer is None:
        make_key_file(directory / KEY_NAME)
        signer = own_signer(directory)  # another process may have made it meanwhile
        assert signer is not None
    return signer


def trusted_keys(directory: Path) -> tuple[bytes, ...]:
    """Return the public keys whose checkpoints count: the own, if there is one, then `also_trusted`. Raises `ConfigError`."""
    signer = own_signer(directory)
    return (() if signer is None else (signer.public,)) + also_trusted(directory)


def trusted_by(keys: Sequence[str]) -> tuple[bytes, ...]:
    """Return the public keys named, `ed25519:…`; with none named, those of this account. Raises `InputError`, `ConfigError`."""
    return tuple(public_key_bytes(key) for key in keys) or trusted_keys(keys_directory())


def key_missing(checkpoints: Path, *, directory: Path) -> ConfigError:
    """Return the error for checkpoints that no key here can be held against."""
    return ConfigError(
        "LEDGER_KEY_MISSING",
        expected=f"the key that signed {checkpoints} at {directory / KEY_NAME}",
        found="none",
        action=f"Bring it back; if it is lost, write its public half, ed25519:…, into {directory / TRUSTED_NAME}.",
    )


def also_trusted(directory: Path) -> tuple[bytes, ...]:
    """Return the public keys that `ledger.trusted` names; empty without the file. Lines that begin with `#` are comments.

    Raises `ConfigError` TRUSTED_REFUSED: a link, another's, writable by others, no keys.
    """
    path = directory / TRUSTED_NAME
    owners = frozenset({os.getuid(), 0})
    try:
        data = read_private(path, owners=owners, mode_fits=lambda mode: not mode & 0o022, size_max=TRUSTED_SIZE_MAX)
        lines = (data or b"").decode().split("\n")
        return tuple(public_key_bytes(line.strip()) for line in lines if line.strip() and not line.startswith("#"))
    except (Unfit, UnicodeDecodeError, InputError) as error:
        raise ConfigError(
            "TRUSTED_REFUSED",
            expected=f"{path} to be a plain file of yours that nobody else can write, with a public key such as ed25519:… a line",
            found=error.found if isinstance(error, InputError) else str(error),
            action="Mend or remove it.",
        ) from error
