"""Whether a person has signed for a manifest: asked where a run trades for real, of the file beside the record."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from msgspec.structs import replace

from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, refused
from lakehouse.strict_json import read_bounded
from orders.canonical import sha256_hex
from orders.errors import InputError
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.manifest_approval import open_approval, require_covers


@dataclass(frozen=True, kw_only=True, slots=True)
class Approvals:
    """Those of one data directory. `persons`: public keys by name; `revoked`: keys of theirs that count no more."""

    layout: Layout
    environment: str
    persons: Mapping[str, str]
    revoked: Set[str]

    def judged(self, outcome: ManifestOutcome) -> ManifestOutcome:
        """Return an audited manifest with who approved it; held with APPROVAL_MISSING while there is no file, refused where it is
        not a good approval of this very manifest. What was turned away before comes back as it is.
        """
        if not isinstance(outcome, AuditedManifest):
            return outcome
        path = self.layout.approval(outcome.manifest_sha256)
        if not path.exists():
            return ManifestHeld(
                code="APPROVAL_MISSING",
                message=f"expected an approval of the manifest at {path}; found none. `sluice approve` signs one.",
                manifest_sha256=outcome.manifest_sha256,
                written_ns=outcome.written_ns,
                source_run=outcome.source_run,
                generated_ns=outcome.generated_ns,
            )
        try:
            data = read_bounded(path, ENVELOPE_SIZE_MAX)
            approval = open_approval(data, trusted=self.persons, revoked=self.revoked)
            require_covers(
                approval,
                manifest_sha256=outcome.manifest_sha256,
                source_run=outcome.source_run,
                generated_ns=outcome.generated_ns,
                environment=self.environment,
            )
        except InputError as error:
            return refused(outcome, code=error.code, message=f"the manifest's approval: {error}")
        return replace(outcome, approved_by=approval.by, approval_sha256=sha256_hex(data))
