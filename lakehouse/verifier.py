"""`sluice verify`: do log, ledger and state agree, and if not, which is the first line that does not?

Shares the format (`ledger_format`, `records`) and the fold (`rebuild`) with the writer, and none of the writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lakehouse.checkpoints import Checkpoint
from lakehouse.examine import Examination, examine
from lakehouse.examine_halves import examine_halves
from lakehouse.layout import Layout
from lakehouse.ledger_format import BadLine
from lakehouse.lock import current_holder
from lakehouse.rebuild import LogFold
from lakehouse.rotation import check_cut_off
from lakehouse.run_inputs import check_list, missing_quotes
from lakehouse.segments import is_recorded
from lakehouse.state import OwnState, own_states
from orders.book import Book
from orders.canonical import decimal_text
from orders.errors import InputError, fit
from orders.public_keys import public_key_text
from orders.values import Record


class BadPlace(Record, frozen=True, kw_only=True):
    """The first line that does not agree; `line` counts in `file` from 1, 0 where the file as a whole is meant.

    `overall`: its number over all segments of that log or ledger; the same where there is one.
    """

    file: str
    line: int
    code: str
    what: str
    overall: int


class VerifyReport(Record, frozen=True, kw_only=True):
    """What was found. `ok` exactly when `first_bad` is None.

    `notes` are in words: what a running or a killed process leaves open, and lines nothing protects yet. Counts, positions
    (signed units), cash, fees and financing (kind -> currency, above 0 was credited) are rebuilt from the log; all zero or
    empty when `first_bad` is in log or ledger.
    `rebuilt` False: only the record was looked at, so they are zero or empty as well.
    `anchored_line`: the log up to here cannot be altered without a trace in the ledger. Neither hash chain nor anchors show
    that log and ledger were cut or rewritten together; checkpoints do, up to `signed_lines` of the ledger, to whoever lacks their
    key. `unsigned_lines` come after. `ledger_root`: hex Merkle root over all `ledger_records`. `segments`: files of the log, the
    one that grows included. `signers`: public keys whose signatures were found good; empty where none was looked at.
    `current_bundle`: what may trade live here by the record's promotions; None: nothing.
    """

    ok: bool
    first_bad: BadPlace | None
    notes: tuple[str, ...]
    environment: str | None
    run_active: bool
    rebuilt: bool
    segments: int
    log_lines: int
    ledger_records: int
    ledger_root: str
    anchored_line: int
    checkpoints: int
    signed_lines: int
    unsigned_lines: int
    signers: tuple[str, ...]
    fills: int
    open_orders: int
    unknown_orders: int
    unexplained_fills: int
    financings: int
    transfers: int
    state_line: int | None
    current_bundle: str | None
    positions: Mapping[str, Decimal]
    cash: Mapping[str, Mapping[str, Decimal]]
    fees: Mapping[str, Decimal]
    financing: Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True)
class _Booked:
    book: Book
    fees: Mapping[str, Decimal]
    financing: Mapping[str, Mapping[str, Decimal]]


def verify(
    directory: Path,
    *,
    trusted: Sequence[bytes] = (),
    kept: Sequence[Checkpoint] = (),
    processes: int = 1,
    record_only: bool = False,
) -> VerifyReport:
    """Check everything durable in `directory`; change nothing.

    (1) log, ledger and checkpoints, as `lakehouse.examine`; each checkpoint signed by one of the public keys `trusted` (none:
    signatures are not looked at), and those `kept` elsewhere hold as well; (2) no torn tail, no fill without its record, unless
    a run is active or the last line is no `run_stop`, so that somebody may have been killed: then it is a note, the next start
    mends it; (3) the state equals positions, cash, fees and financing of the log up to the line it names, and nothing that moves
    the book comes after it, unless a run is active or the last one was killed; (4) what runs kept of their inputs is what the log
    says, and so are recorded quotes still there.

    `processes`: 2 has a second process do half of it where nobody writes meanwhile; what is found is the same. `record_only`:
    (1) and (2) alone, and of (1) not that the log's lines follow from each other; nothing is rebuilt, and `rebuilt` says so.

    Raises `InputError` LAKEHOUSE_MISSING or NOTHING_RECORDED, `StorageError` when a file cannot be read.
    """
    layout = Layout(directory)
    if not directory.is_dir():
        raise _nothing("LAKEHOUSE_MISSING", f"a data directory {directory}", "none")
    kept_files = (layout.log, layout.ledger, layout.checkpoints, layout.state)
    if not any(path.exists() for path in kept_files) and not any(map(is_recorded, kept_files[:2])):
        raise _nothing("NOTHING_RECORDED", f"a log, a ledger and a state in {directory}", "none of them")
    run_active = current_holder(layout) is not None
    try:
        states = own_states(layout.state)  # before the log: a run that is writing meanwhile only makes the log longer
    except InputError as error:
        return _bad(BadPlace(file=layout.state.name, line=0, code=error.code, what=str(error), overall=0), run_active=run_active)
    wanted = {state.log_line for state in states.values()}
    books: dict[int, _Booked] = {}

    def remember(fold: LogFold) -> None:
        keeper = fold.keeper
        financing = {kind: dict(row) for kind, row in keeper.financing.items()}
        books[fold.log_line] = _Booked(keeper.snapshot(), dict(keeper.fees), financing)

    if record_only:
        return _record_only(layout, trusted=trusted, kept=kept, run_active=run_active)
    try:
        examined = examine_halves if processes > 1 and not run_active else examine
        found = examined(layout, at=wanted, look=remember, trusted=trusted, kept=kept, counts=False)
        if not run_active:
            check_cut_off(layout, found)
    except BadLine as error:
        return _bad(_place(error), run_active=run_active)
    open_end = run_active or not found.fold.run_finished
    gone: list[str] = []
    state = states.get(found.fold.environment or "")
    bad = (
        _tail(layout, found, open_end=run_active or not found.ended_well or found.rotating)
        or (None if state is None else _state(layout, state, found, books, open_end=open_end))
        or (_state_absent(layout, found, open_end=open_end) if state is None else None)
        or _inputs(layout, found, gone)
    )
    return _report(bad, found, state, run_active=run_active, gone=gone)


def _record_only(layout: Layout, *, trusted: Sequence[bytes], kept: Sequence[Checkpoint], run_active: bool) -> VerifyReport:
    try:
        found = examine(layout, trusted=trusted, kept=kept, folds=False)
        if not run_active:
            check_cut_off(layout, found)
    except BadLine as error:
        return _bad(_place(error), run_active=run_active)
    bad = _tail(layout, found, open_end=run_active or not found.ended_well or found.rotating)
    found.fold.run_finished = found.ended_well
    return _report(bad, found, None, run_active=run_active, rebuilt=False)


def _place(error: BadLine) -> BadPlace:
    overall = error.line if error.overall is None else error.overall
    return BadPlace(file=error.file, line=error.line, code=error.code, what=error.what, overall=overall)


def _tail(layout: Layout, found: Examination, *, open_end: bool) -> BadPlace | None:
    if open_end:
        return None
    torn = (
        (layout.log, found.log_torn, found.log_own_lines, found.fold.log_line),
        (layout.ledger, found.ledger_torn, found.ledger_own_lines, found.ledger_records),
    )
    for path, rest, own_lines, lines in torn:
        if rest:
            what = f"a whole line was expected after a run that ended well, found {len(rest)} bytes without a newline"
            return BadPlace(file=path.name, line=own_lines + 1, code="TORN_TAIL", what=what, overall=lines + 1)
    if found.checks is not None and found.checks.torn:
        what = f"a whole checkpoint was expected after a run that ended well, found {len(found.checks.torn)} bytes of one"
        line = found.checks.next_line
        return BadPlace(file=layout.checkpoints.name, line=line, code="TORN_TAIL", what=what, overall=line)
    if found.missing:
        what = "its record in the ledger was expected after a run that ended well, found none"
        line, overall = found.missing_at
        return BadPlace(file=layout.log.name, line=line, code="LEDGER_SHORT", what=what, overall=overall)
    return None


def _state(
    layout: Layout,
    state: OwnState,
    found: Examination,
    books: Mapping[int, _Booked],
    *,
    open_end: bool,
) -> BadPlace | None:
    def bad(what: str) -> BadPlace:
        return BadPlace(file=layout.state.name, line=0, code="STATE_DISAGREES", what=fit(what), overall=0)

    if state.log_line not in books:
        return bad(f"a state of log line {found.fold.log_line} or before was expected, found line {state.log_line}")
    booked = books[state.log_line]
    pairs = (
        ("position", _texts(booked.book.positions), _texts(state.positions)),
        ("cash", _texts(_flat(booked.book.cash)), _texts(_flat(state.cash))),
        ("fee", _texts(booked.fees), _texts(state.fees)),
        ("booked", _texts(_flat(booked.financing, "of")), _texts(_flat(state.financing, "of"))),
    )
    for name, log_says, state_says in pairs:
        for key in sorted(log_says.keys() | state_says.keys()):
            expected, seen = log_says.get(key, "0"), state_says.get(key, "0")
            if expected != seen:
                return bad(f"{name} {key} {expected} was expected from the log up to line {state.log_line}, found {seen}")
    last = found.fold.last_booked_line
    if last > state.log_line and not open_end:
        return bad(
            f"no fill, financing or transfer after the state's log line {state.log_line} was expected, found one at {last}"
        )
    return None


def _state_absent(layout: Layout, found: Examination, *, open_end: bool) -> BadPlace | None:
    if open_end or not found.fold.last_booked_line:
        return None
    what = f"a state of environment {found.fold.environment} was expected, found none"
    return BadPlace(file=layout.state.name, line=0, code="STATE_MISSING", what=what, overall=0)


def _inputs(layout: Layout, found: Examination, gone: list[str]) -> BadPlace | None:
    """Hold what runs kept against the log; `gone` takes the batches of quotes that are not there any more."""
    for run_id, kept in found.fold.inputs.items():
        try:
            gone += missing_quotes(layout, check_list(layout, run_id=run_id, begins=kept.begins, whole=kept.whole))
        except InputError as error:
            what = f"{error.expected} was expected, found {error.found}; log line {kept.line} is of run {run_id}"
            return BadPlace(file=layout.inputs.name, line=0, code=error.code, what=what, overall=0)
    return None


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: decimal_text(value) for key, value in amounts.items() if value}


def _flat(rows: Mapping[str, Mapping[str, Decimal]], word: str = "at") -> dict[str, Decimal]:
    return {f"{currency} {word} {name}": amount for name, row in rows.items() for currency, amount in row.items()}


def _notes(
    found: Examination, state: OwnState | None, *, run_active: bool, gone: Sequence[str], rebuilt: bool
) -> tuple[str, ...]:
    fold = found.fold
    notes = []
    if run_active:
        notes.append("a run is active: its last lines may not all be in ledger and state yet")
    elif not fold.run_finished:
        notes.append("the last run did not end by itself: the next start mends what it left")
    if found.rotating and not run_active:
        notes.append(f"closing segment {found.log_closed} was cut off: the next start goes on with it")
    if found.log_torn:
        notes.append(f"execution_logs.jsonl ends in {len(found.log_torn)} bytes of a torn line, counted nowhere")
    if found.ledger_torn:
        notes.append(f"audit.jsonl ends in {len(found.ledger_torn)} bytes of a torn line, counted nowhere")
    if found.missing:
        notes.append(f"{len(found.missing)} records, from log line {found.missing[0][0]} on, are not in audit.jsonl yet")
    if not rebuilt:
        notes.append("nothing was rebuilt: positions, cash, orders and state were not looked at")
    if fold.last_booked_line > (0 if state is None else state.log_line):
        notes.append(f"portfolio_actual_state.json does not have what was booked up to log line {fold.last_booked_line} yet")
    if fold.log_line > found.anchored_line:
        notes.append(
            f"of log lines {found.anchored_line + 1} to {fold.log_line} the ledger hashes only what was"
            " booked, halts and recoveries"
        )
    notes += _checkpoint_notes(found)
    if gone:
        notes.append(f"{len(gone)} batches of recorded quotes are gone, {gone[0]} first: those runs cannot be replayed")
    if fold.flattens.open is not None:
        notes.append(f"a flatten by {fold.flattens.open.by} has not ended: the run, or the next start, goes on with it")
    if fold.unexplained_fills:
        notes.append(f"{fold.unexplained_fills} fills belong to no order in the log")
    return tuple(notes)


def _checkpoint_notes(found: Examination) -> list[str]:
    checks = found.checks
    if checks is None or not found.ledger_records:
        return []
    notes = []
    unsigned = found.ledger_records - checks.signed
    if checks.torn:
        notes.append(f"audit.checkpoints ends in {len(checks.torn)} bytes of a torn checkpoint, counted nowhere")
    if not checks.notes:
        notes.append(f"audit.jsonl was never signed: nothing shows if its {unsigned} lines were cut or written anew")
    elif unsigned:
        notes.append(
            f"{unsigned} lines of audit.jsonl after the last checkpoint: nothing shows if they are cut off or written anew"
        )
    return notes


def _report(
    bad: BadPlace | None,
    found: Examination,
    state: OwnState | None,
    *,
    run_active: bool,
    gone: Sequence[str] = (),
    rebuilt: bool = True,
) -> VerifyReport:
    fold, checks = found.fold, found.checks
    return VerifyReport(
        ok=bad is None,
        first_bad=bad,
        notes=_notes(found, state, run_active=run_active, gone=gone, rebuilt=rebuilt),
        rebuilt=rebuilt,
        environment=fold.environment,
        run_active=run_active,
        segments=found.log_closed + 1,
        log_lines=fold.log_line,
        ledger_records=found.ledger_records,
        ledger_root="" if checks is None else checks.frontier.root().hex(),
        anchored_line=found.anchored_line,
        checkpoints=0 if checks is None else len(checks.notes),
        signed_lines=0 if checks is None else checks.signed,
        unsigned_lines=found.ledger_records - (0 if checks is None else checks.signed),
        signers=() if checks is None else tuple(sorted(public_key_text(key) for key in checks.signers)),
        fills=fold.fill_count,
        open_orders=len(fold.open_orders),
        unknown_orders=len(fold.unknown_orders),
        unexplained_fills=fold.unexplained_fills,
        financings=fold.financing_count,
        transfers=len(fold.transfer_keys),
        state_line=None if state is None else state.log_line,
        current_bundle=None if fold.promotions.current is None else fold.promotions.current.bundle_sha256,
        positions=dict(fold.keeper.positions),
        cash=fold.keeper.snapshot().cash,
        fees=dict(fold.keeper.fees),
        financing={kind: dict(row) for kind, row in fold.keeper.financing.items()},
    )


def _bad(place: BadPlace, *, run_active: bool) -> VerifyReport:
    report = _report(place, Examination(), None, run_active=run_active)
    return VerifyReport(**{name: getattr(report, name) for name in report.__struct_fields__} | {"notes": ()})


def _nothing(code: str, expected: str, found: str) -> InputError:
    return InputError(code, expected=expected, found=found, action="Run `make paper` first, or name another directory.")
