"""The public keys of ledgers on this account: the engine's, which are no person's. Apart, because a command that asks for nothing
more must not wait for Nautilus.
"""

from __future__ import annotations

from lakehouse.ledger_key import keys_directory, trusted_keys
from orders.public_keys import public_key_text


def engine_keys() -> frozenset[str]:
    """Return the public keys that sign ledgers on this account, which are no person's. Raises `ConfigError`."""
    return frozenset(public_key_text(raw) for raw in trusted_keys(keys_directory()))
