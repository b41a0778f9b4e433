"""The line that uses an override up."""

from __future__ import annotations

from typing import Any

from orders.canonical import decimal_text
from sentinel.override_values import SignedOverride


def use_of(signed: SignedOverride, *, cycle: int, plan_sha256: str) -> dict[str, Any]:
    """Return the fields of the log line that uses an override up for the plan of a cycle."""
    token = signed.token
    return {
        "token_id": token.token_id,
        "cycle": cycle,
        "manifest_sha256": token.manifest_sha256,
        "plan_sha256": plan_sha256,
        "lines": [one.line for one in token.lines],
        "controls": list(token.controls),
        "notional_max": decimal_text(token.notional_max),
        "venues": list(token.venues),
        "signers": list(token.approvers),
        "requester": token.requester,
        "reason": token.reason,
        "not_before_ns": token.not_before_ns,
        "expires_ns": token.expires_ns,
        "envelope_sha256": signed.envelope_sha256,
    }
