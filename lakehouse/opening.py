"""Opening the journal: check everything there is, mend what a killed process leaves, refuse the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, overload

import msgspec

from lakehouse.examine import Examination, examine
from lakehouse.journal import CHECKPOINT_S, Callback, DurableJournal, SyncJournal
from lakehouse.layout import Layout, replace_file, safe_name, storage_error, sync_directory
from lakehouse.ledger import LedgerChain
from lakehouse.ledger_format import BadLine
from lakehouse.ledger_key import Signer, key_missing, keys_directory, made_signer, trusted_keys
from lakehouse.record_files import RecordFiles
from lakehouse.records import AnyLine, Recovery
from lakehouse.rotation import check_cut_off, check_room, close_segment, is_due
from orders.errors import InputError, StorageError


@overload
def open_journal(
    layout: Layout,
    *,
    now_ns: int,
    run_id: str,
    durable: Literal[False],
    keys: Path | None = None,
    rotate_above: int | None = None,
) -> SyncJournal: ...


@overload
def open_journal(
    layout: Layout,
    *,
    now_ns: int,
    run_id: str,
    durable: Literal[True],
    post: Callable[[Callback], object],
    on_failure: Callable[[StorageError], None],
    keys: Path | None = None,
    checkpoint_s: float = CHECKPOINT_S,
    rotate_above: int | None = None,
) -> DurableJournal: ...


def open_journal(
    layout: Layout,
    *,
    now_ns: int,
    run_id: str,
    durable: bool,
    post: Callable[[Callback], object] | None = None,
    on_failure: Callable[[StorageError], None] | None = None,
    keys: Path | None = None,
    checkpoint_s: float = CHECKPOINT_S,
    rotate_above: int | None = None,
) -> SyncJournal | DurableJournal:
    """Open log and ledger for one run; the caller holds the data directory's lock. `journal.fold` is what the log says.

    (1) examine both: any bad line, gap or disagreement refuses, and so does a ledger that lags behind a run that ended well;
    (2) a first opening writes the genesis record; (3) torn last lines are saved aside and cut; (4) ledger records that the
    log's last lines lack are appended, a rotation that was cut off is gone on with; (5) a recovery line and its record say so;
    (6) the log is anchored. Everything of this is synced, `durable` or not; (7) the ledger is signed; (8) log and ledger are
    closed, and go on in new segments, where one of them has more than `rotate_above` bytes (None: never; `lakehouse.rotation`).
    Killed in between, the next opening goes on. `now_ns` stamps genesis, segment and recovery lines, in real and in market time.
    `keys`: where the key that signs lies, made if there is none (None: `ledger_key.keys_directory`). `checkpoint_s`: how long a
    durable journal's ledger may go unsigned. The state file is the caller's to rewrite.

    Raises `BadLine` (a `RecordCorrupt`), `StorageError`, `InputError` UNSAFE_NAME (the run id) or SEGMENTS_FULL, `ConfigError`
    for a key that cannot be used: LEDGER_KEY_MISSING, KEY_REFUSED, KEY_UNWRITABLE, TRUSTED_REFUSED.
    """
    safe_name(run_id)
    layout.create()
    directory = keys_directory() if keys is None else keys
    trusted = trusted_keys(directory)
    if not trusted and layout.checkpoints.exists():
        raise key_missing(layout.checkpoints, directory=directory)
    found = examine(layout, trusted=trusted)
    check_cut_off(layout, found)
    if found.ended_well and found.missing and not found.rotating:
        line, overall = found.missing_at
        raise BadLine(
            "LEDGER_SHORT",
            file=layout.log.name,
            line=line,
            expected=f"its record in {layout.ledger.name}, for the last run ended well",
            found="none",
            overall=overall,
        )
    signer = made_signer(directory)
    try:
        files = _mend(layout, found, now_ns=now_ns, run_id=run_id, signer=signer, rotate_above=rotate_above)
        if not durable:
            files.sync_no_more()
    except OSError as error:
        raise storage_error(error, layout.log) from error
    if not durable:
        return SyncJournal(layout, files, found.fold)
    assert post is not None
    assert on_failure is not None
    return DurableJournal(layout, files, found.fold, post=post, on_failure=on_failure, checkpoint_s=checkpoint_s)


def _mend(
    layout: Layout, found: Examination, *, now_ns: int, run_id: str, signer: Signer, rotate_above: int | None
) -> RecordFiles:
    fold, checks = found.fold, found.checks
    assert checks is not None
    assert found.log_hash is not None
    _save_and_cut(layout, layout.log, found.log_torn, size=found.log_bytes, run_id=run_id)
    _save_and_cut(layout, layout.ledger, found.ledger_torn, size=found.ledger_bytes, run_id=run_id)
    if checks.torn:  # a signature that was not written whole says nothing, so it is not saved
        _cut(layout.checkpoints, size=checks.whole_bytes)
    if found.ledger_closed < found.log_closed:  # a rotation was cut off between the two
        close_segment(layout.ledger, number=found.log_closed)
    chain = LedgerChain(
        frontier=checks.frontier,
        head=found.ledger_head,
        kind=found.ledger_kind,
        log_line=found.ledger_log_line,
        ts=found.ledger_ts,
    )
    files = RecordFiles(
        layout,
        chain=chain,
        log_hash=found.log_hash,
        log_line=fold.log_line,
        last_ts_ns=fold.last_ts_ns or now_ns,
        anchored=found.anchored_line,
        signer=signer,
        origin=checks.origin,
        signed=checks.signed,
    )

    def begin_segment(number: int) -> None:
        fold.apply(files.begin_segment(number=number, run_id=run_id, ts_ns=now_ns))

    try:
        if chain.records == 0:
            files.begin(run_id=run_id, ts_ns=now_ns)
        own_lines = found.log_own_lines
        if found.log_closed and not own_lines:
            begin_segment(found.log_closed + 1)
        if found.missing:
            files.add_records(found.missing)
        recoveries = _recoveries(layout, found, now_ns=now_ns, run_id=run_id)
        if recoveries:
            lines: list[tuple[int, AnyLine, bytes]] = []
            for recovery in recoveries:
                line = msgspec.structs.replace(recovery, seq=fold.log_line + 1)
                fold.apply(line)
                lines.append((line.seq, line, msgspec.json.encode(line)))
            files.write(lines)
            own_lines += len(lines)
        files.anchor()
        files.sign()
        if is_due(files.sizes, lines=own_lines, closed=found.log_closed, above_bytes=rotate_above):
            check_room(found.log_closed)
            files.rotate(number=found.log_closed + 1)
            begin_segment(found.log_closed + 2)
            files.anchor()
            files.sign()
        sync_directory(layout.directory)
    except (OSError, InputError):
        files.close()
        raise
    return files


def _recoveries(layout: Layout, found: Examination, *, now_ns: int, run_id: str) -> list[Recovery]:
    """One line for each saved tail the log does not name yet (a kill may have come between), and for a ledger that lagged."""

    def line(cause: str, saved_as: str | None, cut: int, records: int) -> Recovery:
        return Recovery(
            ts_ns=now_ns, market_ns=now_ns, run_id=run_id, cause=cause, saved_as=saved_as, bytes_cut=cut, records=records
        )

    lines = []
    for file, cause in ((layout.log, "TORN_LOG"), (layout.ledger, "TORN_LEDGER")):
        for path in sorted(layout.directory.glob(f"{file.name}.torn-*")):
            if path.name not in found.fold.saved_torn and ".tmp-" not in path.name:
                size = path.stat().st_size
                lines.append(line(cause, path.name, size, 0))
    if found.missing and not found.rotating:  # what a rotation left to do is said by its own line
        lines.append(line("LEDGER_BEHIND", None, 0, len(found.missing)))
    return lines


def _save_and_cut(layout: Layout, file: Path, torn: bytes, *, size: int, run_id: str) -> None:
    if not torn:
        return
    replace_file(layout.torn(file, size=size, run_id=run_id), torn)
    _cut(file, size=size)


def _cut(file: Path, *, size: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
