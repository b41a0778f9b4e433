"""The values of an override: what it names, and whose word counts. Signing is `sentinel.override_token`, judging `override`."""

from __future__ import annotations

from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Final

from orders.values import Record, Side

OVERRIDABLE: Final = frozenset({"REGIME_PARITY"})
"""Controls a person may override: those that can answer NEEDS_OVERRIDE. Leverage, halt, allow list, provenance and what denies
are none of them.
"""
SPAN_MAX_NS: Final = 4 * 3_600 * 1_000_000_000
NAMES_MAX: Final = 16


class OverrideLine(Record, frozen=True, kw_only=True):
    """One order of the refused plan: its line number, side and symbol."""

    line: int
    side: Side
    symbol: str


class OverrideToken(Record, frozen=True, kw_only=True):
    """What persons sign. `notional_max` > 0: base currency, the most the plan may open; `approvers`: who signs, all of them;
    it holds from `not_before_ns` until just before `expires_ns`, on the engine's clock.
    """

    token_id: str
    environment: str
    manifest_sha256: str
    lines: tuple[OverrideLine, ...]
    controls: tuple[str, ...]
    notional_max: Decimal
    base_currency: str
    venues: tuple[str, ...]
    not_before_ns: int
    expires_ns: int
    reason: str
    requester: str
    approvers: tuple[str, ...]


class SignedOverride(Record, frozen=True, kw_only=True):
    """A token whose signatures are good. `envelope_sha256`: of the file's bytes."""

    token: OverrideToken
    envelope_sha256: str


class OverrideRules(Record, frozen=True, kw_only=True):
    """Whose word counts. `persons`: public keys by name; `revoked`, `engine`: keys that count for nobody; `signatures` >= 1: how
    many different persons must sign.
    """

    persons: Mapping[str, str]
    signatures: int
    revoked: Set[str] = frozenset()
    engine: Set[str] = frozenset()
