"""Whether persons approved what a shadow traded: signed approvals beside the live record, read now, each named by its sha256.

A shadow asks for none: to trade a manifest there is how a person looks at it before signing. What its log could say would be of
that instant, of keys that may be revoked since, and in the word of whoever writes the log; so the files themselves are judged
when evidence is gathered, by the persons of the config as it is then, exactly as a live run judges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from lakehouse.layout import Layout
from lakehouse.strict_json import read_bounded
from orders.canonical import canonical_bytes, plain, sha256_hex
from orders.errors import InputError
from orders.exact import fraction
from orders.values import Record
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.manifest_approval import open_approval, require_covers

NAMED_MAX: Final = 2_000  # approvals that evidence lists, the newest: 600 kB; the hash over all of them is of every one
LACKING_MAX: Final = 3  # manifests in a sentence
DIGITS: Final = 16
NO_FILE: Final = "no approval"
ANEW: Final = "shadow anew in another directory, and approve while it trades"

type Traded = tuple[str, str, int]  # of a manifest: sha256, source run, its own stamp in nanoseconds


class Approvers(Record, frozen=True, kw_only=True):
    """Whose word counts. `persons`: public keys by name; `revoked`: keys that count no more; `environment`: what an approval must
    be of; `age_max_ns`: how old a manifest may be that `sluice approve` still signs.
    """

    environment: str
    persons: Mapping[str, str]
    revoked: frozenset[str]
    age_max_ns: int


class SeenApproval(Record, frozen=True, kw_only=True):
    """An approval that holds. `approval_sha256`: of its file's bytes; `key`: the signer's, by the config of that day."""

    manifest_sha256: str
    approval_sha256: str
    by: str
    key: str


class Lacking(Record, frozen=True, kw_only=True):
    """A manifest without one. `late`: it is too old for `sluice approve` to sign."""

    manifest_sha256: str
    why: str
    late: bool


class Approved(Record, frozen=True, kw_only=True):
    """What there is of approvals for the manifests a source accepted, in their order."""

    seen: tuple[SeenApproval, ...]
    lacking: tuple[Lacking, ...]

    @property
    def named(self) -> tuple[SeenApproval, ...]:
        """Those that evidence lists."""
        return self.seen[-NAMED_MAX:]

    @property
    def sha256(self) -> str:
        """Hex sha256 over all that hold, as canonical JSON."""
        return sha256_hex(canonical_bytes([plain(one) for one in self.seen]))

    @property
    def mends(self) -> str:
        """Which manifests lack one, why, and what to do, in words; "" where none does."""
        if not self.lacking:
            return ""
        late = [one for one in self.lacking if one.late]
        told = [*late, *(one for one in self.lacking if not one.late)]
        words = ", ".join(_words(one) for one in told[:LACKING_MAX])
        more = f" and {len(told) - LACKING_MAX:,} more" if len(told) > LACKING_MAX else ""
        return f"{words}{more}; {ANEW if late else '`sluice approve MANIFEST` signs'}"

    @property
    def reach(self) -> Decimal:
        """The share that can still be approved: all but what is too old."""
        count = len(self.seen) + len(self.lacking)
        return fraction(Decimal(count - sum(one.late for one in self.lacking)), Decimal(count))


def approved(manifests: Iterable[Traded], *, layout: Layout, approvers: Approvers, now_ns: int) -> Approved:
    """Return what approvals say of manifests. `layout`: the live data directory, where `sluice approve` writes them."""
    seen, lacking = [], []
    for sha256, source_run, generated_ns in manifests:
        found = _judged(sha256, source_run, generated_ns, layout=layout, approvers=approvers)
        if isinstance(found, SeenApproval):
            seen.append(found)
        else:
            late = now_ns - generated_ns > approvers.age_max_ns
            lacking.append(Lacking(manifest_sha256=sha256, why=found, late=late))
    return Approved(seen=tuple(seen), lacking=tuple(lacking))


def _judged(sha256: str, source_run: str, generated_ns: int, *, layout: Layout, approvers: Approvers) -> SeenApproval | str:
    """An approval that holds, or why there is none."""
    try:
        path = layout.approval(sha256)
        if not path.exists():
            return NO_FILE
        data = read_bounded(path, ENVELOPE_SIZE_MAX)
        approval = open_approval(data, trusted=approvers.persons, revoked=approvers.revoked)
        require_covers(
            approval,
            manifest_sha256=sha256,
            source_run=source_run,
            generated_ns=generated_ns,
            environment=approvers.environment,
        )
    except InputError as error:
        return error.code
    return SeenApproval(
        manifest_sha256=sha256, approval_sha256=sha256_hex(data), by=approval.by, key=approvers.persons[approval.by]
    )


def _words(lacking: Lacking) -> str:
    return f"{lacking.manifest_sha256[:DIGITS]} {lacking.why}{' and too old now' if lacking.late else ''}"
