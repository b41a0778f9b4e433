"""The links of a chain from research to a fill, each judged on its own by the bytes that are there.

`holds`: the bytes, or the lines, say the same; `differs`: they do not; `not here`: there is nothing to hold it against.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from lakehouse.bundles import Bundle
from lakehouse.kept_bytes import MANIFEST_SIZE_MAX, Kept
from lakehouse.log_index import FillPlace, LedgerPlace
from lakehouse.platform_ledger import verify_platform_ledger
from lakehouse.records import Fill, Intent, ManifestLine, PlanLineRecord
from lakehouse.shapes import parse_manifest
from lakehouse.winners import NO_RUN, Winner
from orders.canonical import sha256_hex
from orders.errors import InputError, NotYet
from orders.ids import client_order_id
from orders.plan import document_sha256
from orders.values import Record
from sentinel.manifest_approval import open_approval, require_covers

WEIGHT_ABS_MAX: Final = Decimal(1_000_000)  # only the run a manifest names is asked of it here
ID_PART_MIN: Final = 1  # cycles and lines count from it


class State(StrEnum):
    """What became of a link."""

    HOLDS = "holds"
    DIFFERS = "differs"
    NOT_HERE = "not here"


class Link(Record, frozen=True, kw_only=True):
    """One link. `stated`: the hash or the name that was held against something, "" for none; `detail`: against what, in words."""

    what: str
    stated: str
    state: State
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the bytes behind the log's hashes come from. `persons` None: no config says whose signatures count."""

    manifest: Callable[[str], Kept]
    approval: Callable[[str], Kept]
    run_ledger: Callable[[str], Kept]
    bundle: Callable[[str], Bundle | InputError]
    persons: Mapping[str, str] | None = None
    revoked: Set[str] = frozenset()
    environment: str = ""


def holds(what: str, stated: str, detail: str) -> Link:
    return Link(what=what, stated=stated, state=State.HOLDS, detail=detail)


def differs(what: str, stated: str, detail: str) -> Link:
    return Link(what=what, stated=stated, state=State.DIFFERS, detail=detail)


def not_here(what: str, stated: str, detail: str) -> Link:
    return Link(what=what, stated=stated, state=State.NOT_HERE, detail=detail)


def _unread(what: str, stated: str, error: InputError) -> Link:
    words = f"{error.expected} was expected, found {error.found}"
    return not_here(what, stated, words) if isinstance(error, NotYet) else differs(what, stated, f"{error.code}: {words}")


def run_ledger_link(data: Kept, *, head: str, faults: Collection[str]) -> Link:
    """Hold a source run's ledger against the head that was written down; `faults`: codes that were known of it then.

    A ledger that went on since holds where it still has that head, and is sound up to it but for those faults.
    """
    what = "ledger head"
    if isinstance(data, InputError):
        return _unread(what, head, data)
    place = data.find(b'"hash": "%s"' % head.encode())
    if place < 0:
        return differs(what, head, "no record of the run's audit.jsonl has this hash")
    end = data.find(b"\n", place)
    report = verify_platform_ledger(data if end < 0 else data[: end + 1])
    found = [fault for fault in report.faults if fault.code not in faults]
    if found or report.head != head:
        words = f"line {found[0].line} of it: {found[0].code}, {found[0].detail}" if found else f"its head is {report.head}"
        return differs(what, head, f"the run's audit.jsonl is not sound up to there; {words}")
    more = 0 if end < 0 else data.count(b"\n", end + 1)
    return holds(
        what, head, f"record {report.records} of the run's audit.jsonl{f', {more} lines more since' if more else ', its last'}"
    )


def manifest_links(data: Kept, *, sha256: str, source_run: str | None) -> tuple[Link, ...]:
    """Hold kept bytes against their sha256, and the run they name against the one that the log does."""
    if isinstance(data, InputError):
        return (_unread("bytes", sha256, data),)
    found = sha256_hex(data)
    if found != sha256:
        return (differs("bytes", sha256, f"inputs/{sha256} has sha256 {found}"),)
    kept = holds("bytes", sha256, f"{len(data)} bytes in inputs/")
    if source_run is None:
        return (kept,)
    what = "names the run"
    try:
        made = parse_manifest(
            data, what="the manifest", size_max=MANIFEST_SIZE_MAX, zone=ZoneInfo("UTC"), weight_abs_max=WEIGHT_ABS_MAX
        )
    except InputError as error:
        return kept, not_here(what, source_run, f"the bytes alone do not tell: {error.code}")
    named = sorted({one.source_run for one in made.winners if isinstance(one, Winner)} - {NO_RUN})
    if source_run in named:
        return kept, holds(what, source_run, f"in the manifest's bytes, shape {made.shape}")
    if named:
        return kept, differs(what, source_run, f"the manifest's bytes name {', '.join(named)[:200]}")
    return kept, not_here(what, source_run, f"a manifest of shape {made.shape} names none; it lay in the run's directory")


def approval_links(data: Kept, *, line: ManifestLine, sources: Sources) -> tuple[Link, ...]:
    """Hold an approval's bytes against what the log says of them, and, where the config's persons are known, the signature."""
    stated = line.approval_sha256
    if isinstance(data, InputError):
        return (_unread("approval", stated, data),)
    found = sha256_hex(data)
    if found != stated:
        return (differs("approval", stated, f"the approval that lies there has sha256 {found}"),)
    same = holds("approval", stated, f"{len(data)} bytes in approvals/")
    if sources.persons is None:
        return same, not_here("signature", line.approved_by, "no --config says whose key counts")
    try:
        approval = open_approval(data, trusted=sources.persons)
        require_covers(
            approval,
            manifest_sha256=line.manifest_sha256 or "",
            source_run=line.source_run or "",
            generated_ns=line.generated_ns or 0,
            environment=sources.environment,
        )
    except InputError as error:
        words = f"{error.code}: {error.expected} was expected, found {error.found}"
        return same, (not_here if error.code == "SIGNER_UNKNOWN" else differs)("signature", line.approved_by, words)
    if approval.by != line.approved_by:
        return same, differs("signature", line.approved_by, f"signed by {approval.by}")
    revoked = ", whose key the config revokes now" if sources.persons[approval.by] in sources.revoked else ""
    return same, holds("signature", approval.by, f"over this manifest, run, stamp and environment{revoked}")


def plan_links(record: PlanLineRecord) -> tuple[Link, ...]:
    """Hold the plan object of a line against the sha256 beside it; none where no plan was made."""
    if record.plan_sha256 is None:
        return ()
    found = document_sha256(record.plan)
    if found == record.plan_sha256:
        return (holds("plan_sha256", found, f"of the plan in log line {record.seq}"),)
    return (differs("plan_sha256", record.plan_sha256, f"the plan in log line {record.seq} has sha256 {found}"),)


def bundle_links(data: Bundle | InputError, *, sha256: str, run_id: str) -> tuple[Link, ...]:
    """Hold the parts of a run's bundle, which was read and proven or could not be, against the hash of its first line."""
    if isinstance(data, InputError):
        return (_unread("bundle", sha256, data),)
    return (holds("bundle", data.sha256, f"of run {run_id}: {len(data.parts)} parts in bundles/"),)


def id_link(order_id: str, *, environment: Any, manifest_sha256: str, cycle: int, line: int, child: int) -> Link:
    """Derive an order's id from what it comes from, and hold it against the one it has. `environment` None: it is not known."""
    what = "id"
    if not isinstance(environment, str) or "\n" in environment or min(cycle, line) < ID_PART_MIN or child < 0:
        return not_here(what, order_id, "no plan of the log says what it is made of")
    made = client_order_id(environment=environment, manifest_sha256=manifest_sha256, cycle=cycle, line=line, child=child)
    words = f"environment {environment}, this manifest, cycle {cycle}, line {line}{f', child {child}' if child else ''}"
    return holds(what, order_id, f"follows from {words}") if made == order_id else differs(what, order_id, f"{words} make {made}")


def names_link(of: Intent | Fill, *, expected: Mapping[str, object], where: str) -> Link:
    """Hold the names and hashes that a line carries against those of where it comes from."""
    what = "names"
    wrong = [name for name, value in expected.items() if getattr(of, name) != value]
    if not wrong:
        return holds(what, "", f"{', '.join(expected)} as {where}")
    words = "; ".join(f"{name} {str(getattr(of, name))[:80]}, {where} has {str(expected[name])[:80]}" for name in wrong)
    return differs(what, "", f"log line {of.seq}: {words}")


def fill_links(place: FillPlace, record: LedgerPlace | None, *, in_log: bool, recorded_line: int) -> tuple[Link, ...]:
    """Hold a fill's line against its record in the ledger, and that against the line after it.

    `in_log`: the log's line is a fill. `recorded_line`: the last line of the log that the ledger names.
    """
    what = "fill_hash"
    if record is None:
        words = "the ledger has no record of it"
        if recorded_line > place.line:
            return (differs(what, place.fill_hash, f"log line {place.line}: {words}, and goes on to log line {recorded_line}"),)
        return (
            not_here(what, place.fill_hash, f"{words} yet: a run that writes, or was killed, leaves its last lines to the next"),
        )
    stated = record.fill.fill_hash
    if not in_log:
        first = differs(what, stated, f"ledger line {record.line} says that log line {place.line} is this fill; it is none")
    elif place.fill_hash != stated:
        first = differs(what, stated, f"log line {place.line} has sha256 {place.fill_hash}; ledger line {record.line} has this")
    elif place != record.fill:
        first = differs(what, stated, f"ledger line {record.line} names another trade, order, manifest, run or head than it")
    else:
        first = holds(what, stated, f"sha256 of log line {place.line}, in ledger line {record.line}")
    return first, _ledger_link(record)


def _ledger_link(record: LedgerPlace) -> Link:
    what, after = "ledger line", record.line + 1
    if record.seq != record.line:
        return differs(what, record.sha256, f"ledger line {record.line} is numbered {record.seq}")
    if record.next_prev is None:
        return not_here(what, record.sha256, f"ledger line {record.line}: no line after it names it")
    if record.next_prev != record.sha256:
        return differs(what, record.sha256, f"ledger line {record.line}: line {after} follows {record.next_prev}")
    return holds(what, record.sha256, f"ledger line {record.line}, followed by line {after}")
