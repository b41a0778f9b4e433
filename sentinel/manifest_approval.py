"""The signed approval of one manifest: who says that it may be traded for real; a DSSE envelope over canonical JSON.

It names the manifest's bytes by sha256, its source run and its stamp, and holds for nothing else. It has no time of its own: how
old a manifest may be is `manifest_age_max_h`, and none is rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orders.canonical import canonical_bytes
from orders.errors import InputError
from orders.values import Record
from sentinel.dsse import NANOSECONDS, canonical_body, opened, sealed

PAYLOAD_TYPE: Final = "application/vnd.sluice.approval+json"
STAMP_MAX: Final = 1 << 63  # nanoseconds


class ManifestApproval(Record, frozen=True, kw_only=True):
    """What a person signed. `environment`: the run config's; `generated_ns`: the manifest's own stamp."""

    manifest_sha256: str
    source_run: str
    generated_ns: int
    environment: str
    by: str


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: str
    environment: str
    generated_ns: str
    manifest_sha256: str
    source_run: str


def approval_bytes(approval: ManifestApproval, *, key: Ed25519PrivateKey) -> bytes:
    """Return the signed file; `approval.by` is the signer's name in the config."""
    body = {
        "by": approval.by,
        "environment": approval.environment,
        "generated_ns": str(approval.generated_ns),
        "manifest_sha256": approval.manifest_sha256,
        "source_run": approval.source_run,
    }
    return sealed(canonical_bytes(body), payload_type=PAYLOAD_TYPE, signer=approval.by, key=key)


def open_approval(data: bytes, *, trusted: Mapping[str, str], revoked: Set[str] = frozenset()) -> ManifestApproval:
    """Return the approval in an envelope, signed by the trusted person it names.

    Raises `InputError`: what `sentinel.dsse.opened` raises, and APPROVAL_MALFORMED.
    """
    payload, signers = opened(data, payload_type=PAYLOAD_TYPE, trusted=trusted, revoked=revoked)
    body = canonical_body(payload, _Body, malformed=_malformed)
    if not NANOSECONDS.fullmatch(body.generated_ns) or not 0 < (stamp := int(body.generated_ns)) < STAMP_MAX:
        raise _malformed(f"generated_ns {body.generated_ns[:40]!r}")
    if body.by not in signers:
        raise _malformed(f"by {body.by[:80]!r}, signed by {', '.join(signers)}")
    return ManifestApproval(
        manifest_sha256=body.manifest_sha256,
        source_run=body.source_run,
        generated_ns=stamp,
        environment=body.environment,
        by=body.by,
    )


def require_covers(
    approval: ManifestApproval, *, manifest_sha256: str, source_run: str, generated_ns: int, environment: str
) -> None:
    """Raise `InputError` APPROVAL_FOREIGN unless the approval is of this manifest, run, stamp and environment."""
    given = (approval.manifest_sha256, approval.source_run, approval.generated_ns, approval.environment)
    wanted = (manifest_sha256, source_run, generated_ns, environment)
    names = ("manifest", "source run", "generated_ns", "environment")
    for name, found, expected in zip(names, given, wanted, strict=True):
        if found != expected:
            raise InputError(
                "APPROVAL_FOREIGN",
                expected=f"an approval of {name} {expected}",
                found=f"one of {str(found)[:80]}",
                action="Approve this manifest with `sluice approve`.",
            )


def _malformed(found: str) -> InputError:
    return InputError(
        "APPROVAL_MALFORMED",
        expected=f"an approval: {', '.join(_Body.__struct_fields__)}",
        found=found,
        action="Sign a new one with `sluice approve`.",
    )
