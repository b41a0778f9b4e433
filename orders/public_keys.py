"""An Ed25519 public key as text: "ed25519:" and its 32 bytes in base64. So it stands in a config, and so it is printed."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from orders.errors import InputError

PREFIX: Final = "ed25519:"
BYTES: Final = 32


def public_key_text(raw: bytes) -> str:
    """Return the text of a key's 32 bytes (RFC 8032)."""
    assert len(raw) == BYTES
    return PREFIX + base64.b64encode(raw).decode()


def public_key_bytes(text: str) -> bytes:
    """Return the 32 bytes of `public_key_text`. Raises `InputError` KEY_MALFORMED."""
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        if len(raw) != BYTES:
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise InputError(
            "KEY_MALFORMED",
            expected=f"a public key such as {PREFIX}… of {BYTES} bytes in base64",
            found=repr(text[:80]),
            action="`sluice keys show NAME` prints a person's, `sluice ledger key` the one that signs the ledger.",
        ) from error
    return raw
