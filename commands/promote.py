"""`sluice promote BUNDLE --to STATE | --step-up | --step-down | --pause | --resume`, and `promote sign`: a bundle moves.

What raises capital, or begins a state, needs evidence and persons; what only takes away needs a name and a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from commands.halt import require_words
from commands.output import Exit, print_json
from commands.promote_record import InLog, environment_of, fold_of, no_config, record
from commands.promote_request import record_request
from commands.promote_view import change_document, change_lines, evidence_lines, move_words, recorded_words
from engine.gates_file import load_gates
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.move_request import PlainMove
from lakehouse.person_file import REASON_LENGTH_MAX, write_statement
from lakehouse.promotion_files import keep_promotion_file
from lakehouse.rebuild import LogFold
from live.promoting import GATE_FAILED, bundle_named, evidence_for, failed, move_of, same_bundle
from live.promotion_signing import (
    Request,
    require_person,
    rules_of,
    signed,
    statement_of,
)
from live.signing_keys import load_key
from orders.errors import ConfigError, InputError, LockHeld, NotAsked, fit
from orders.promotion import ENGINE, Action, Change, Move, State, evidence_needed, persons_needed
from orders.values import Record
from sentinel.promotion_statement import PromotionStatement, statement_bytes

if TYPE_CHECKING:
    from analysis.evidence import Evidence  # imports DuckDB, which a pause must not wait for

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
HOUR_NS: Final = 3_600 * 1_000_000_000


class Said(Record, frozen=True, kw_only=True):
    """What the command line says of a move. `signer`: whose key signs at once; None: nobody's."""

    named: str
    action: Action
    to: State | None
    config: Path | None
    lakehouse: Path | None
    gates: Path
    sources: Mapping[str, Path]
    by: str
    reason: str
    hours: int
    signer: str | None
    keys: Path
    output: Path | None
    as_json: bool


class Desk(Record, frozen=True, kw_only=True):
    """What a move is done with. `told`: what changes was shown before, and `more` belongs to its document."""

    said: Said
    config: RunConfig | None
    layout: Layout
    fold: LogFold
    environment: str
    now_ns: int
    told: bool = False
    more: Mapping[str, Any] = NOTHING

    @property
    def run_id(self) -> str:
        return f"promote-{self.now_ns}"


def run_move(said: Said, *, otherwise: Path, now_ns: int) -> int:
    """Evaluate, show what changes, and record it, or write what is still to be signed; 3 where a gate does not pass.

    `otherwise`: the data directory where neither --lakehouse nor a config names one. Raises what reading raises, `NotAsked`
    PROMOTION_IMPOSSIBLE, `BundleDiffers`, `ConfigError`, `InputError` of signatures, `LockHeld`.
    """
    require_words(by=said.by, reason=said.reason)
    if said.by == ENGINE:
        raise ConfigError("USAGE", expected="--by with a person's name", found=ENGINE, action="Say who; it goes into the log.")
    config = None if said.config is None else load_config(said.config)
    layout = Layout(said.lakehouse or (otherwise if config is None else config.lakehouse.directory))
    fold = fold_of(layout)
    environment = environment_of(config, fold, layout=layout)
    desk = Desk(said=said, config=config, layout=layout, fold=fold, environment=environment, now_ns=now_ns)
    promotions = fold.promotions
    bundle_sha256 = bundle_named(layout, promotions, said.named)
    gated = said.action is Action.STEP_UP or (said.action is Action.PROMOTE and said.to is not State.RETIRED)
    gates = load_gates(said.gates) if gated else None
    move = move_of(promotions, bundle_sha256=bundle_sha256, action=said.action, to=said.to, gates=gates)
    change = promotions.change(move, paused=said.reason)
    if not persons_needed(change):
        return _record_unsigned(desk, move, change)
    if config is None:
        raise no_config("persons who sign")
    _refuse_mixed(fold, layout)
    bundle = same_bundle(config, layout=layout, bundle_sha256=bundle_sha256)
    _require_signable(desk, move)
    evidence = None
    if gates is not None and evidence_needed(change):
        evidence = evidence_for(
            change, config=config, bundle=bundle, gates=gates, layout=layout, sources=said.sources, now_ns=now_ns
        )
        layout.create()
        keep_promotion_file(layout, evidence.data())
        if not evidence.allows:
            return _not_passed(desk, change, evidence)
    return _ask_persons(desk, move, change, evidence)


def carry_out(desk: Desk, move: Move) -> int:
    """Record a possible move that no gate stands before, or write what persons have to sign. Raises as `run_move`."""
    change = desk.fold.promotions.change(move)
    if not persons_needed(change):
        return _record_unsigned(desk, move, change)
    _refuse_mixed(desk.fold, desk.layout)
    return _ask_persons(desk, move, change, None)


def _record_unsigned(desk: Desk, move: Move, change: Change) -> int:
    asked = PlainMove(move=move, by=desk.said.by, reason=desk.said.reason)
    return _tell(desk, change, evidence=None, recorded=_record(desk, asked))


def _record(desk: Desk, asked: PlainMove) -> InLog:
    return record(desk.layout, asked, rules=None, environment=desk.environment, now_ns=desk.now_ns, run_id=desk.run_id)


def _refuse_mixed(fold: LogFold, layout: Layout) -> None:
    """A record that no live run may trade on is no place for promotions."""
    others = sorted(fold.fill_kinds - {"live"})
    if others:
        raise NotAsked(
            "KIND_MIXED",
            expected=f"the data directory of live runs at {layout.directory}",
            found=f"fills of {' and '.join(others)} runs in its log",
            action="Name the live one with --lakehouse, or give shadow runs one of their own.",
        )


def _not_passed(desk: Desk, change: Change, evidence: Evidence) -> int:
    """Say why; a gate that failed pauses the bundle where it trades."""
    failures, current = failed(evidence), desk.fold.promotions.current
    pause: int | None = None
    held = ""
    of_current = current is not None and current.bundle_sha256 == change.after.bundle_sha256
    if failures and of_current and current is not None and not current.paused:
        move = Move(
            bundle_sha256=current.bundle_sha256,
            action=Action.PAUSE,
            to_state=current.state,
            to_step=current.step,
            steps=current.steps,
        )
        words = f"{desk.said.by} asked to {move_words(desk.said.action, desk.said.to)}: {'; '.join(failures)}"
        asked = PlainMove(
            move=move,
            by=ENGINE,
            reason=fit(words)[:REASON_LENGTH_MAX],
            code=GATE_FAILED,
            evidence_sha256=evidence.sha256,
            gates_sha256=evidence.gates_sha256,
        )
        try:
            pause = _record(desk, asked).line
        except (LockHeld, InputError) as error:
            held = f"not paused: {error} `sluice halt` stops what trades."
    code = GATE_FAILED if failures else "GATE_INCONCLUSIVE"
    if desk.said.as_json:
        document = change_document(change, evidence=evidence) | {"recorded": False, "refused": code, "paused_line": pause}
        print_json(document | {"not_paused": held})
        return Exit.REFUSED
    print("\n".join([*change_lines(change, fold=desk.fold, environment=desk.environment), *evidence_lines(evidence)]))
    word = "a gate failed" if failures else "not enough was seen, or not enough of it on the right side"
    print(f"refused  {code}  {word}; nothing moves")
    if pause is not None:
        print(f"paused   until persons resume it, log line {pause}: `sluice promote current --resume`")
    if held:
        print(f"alarm    {held}")
    return Exit.REFUSED


def _statement(desk: Desk, move: Move, evidence: Evidence | None) -> PromotionStatement:
    said = desk.said
    return statement_of(
        desk.fold.promotions,
        move,
        environment=desk.environment,
        evidence=evidence,
        by=said.by,
        reason=said.reason,
        now_ns=desk.now_ns,
        span_ns=said.hours * HOUR_NS,
    )


def _require_signable(desk: Desk, move: Move) -> None:
    """Return when what is asked can be signed, by whoever is to sign at once: before gates are asked, which takes long.

    Raises as `_ask_persons`.
    """
    said = desk.said
    assert desk.config is not None
    rules = rules_of(desk.config)
    statement_bytes(_statement(desk, move, None))
    if said.signer is not None:
        require_person(rules, signer=said.signer, key=load_key(said.signer, directory=said.keys))


def _ask_persons(desk: Desk, move: Move, change: Change, evidence: Evidence | None) -> int:
    said, config = desk.said, desk.config
    assert config is not None
    rules = rules_of(config)
    statement = _statement(desk, move, evidence)
    request = Request(data=statement_bytes(statement) + b"\n", statement=statement, signers=())
    if said.signer is not None:
        key = load_key(said.signer, directory=said.keys)
        request = signed(request, rules=rules, signer=said.signer, key=key)
    if len(request.signers) >= persons_needed(change) and said.output is None:
        recorded = record_request(desk.layout, request, config=config, now_ns=desk.now_ns, run_id=desk.run_id)
        return _tell(desk, change, evidence=evidence, recorded=recorded, signers=request.signers)
    path = said.output or desk.layout.promotion_request
    write_statement(path, request.data)
    return _tell(desk, change, evidence=evidence, signers=request.signers, request=path)


def _tell(
    desk: Desk,
    change: Change,
    *,
    evidence: Evidence | None,
    recorded: InLog | None = None,
    signers: tuple[str, ...] = (),
    request: Path | None = None,
) -> int:
    said, needed = desk.said, persons_needed(change)
    if said.as_json:
        facts: dict[str, Any] = {
            "recorded": recorded is not None,
            "log_line": None if recorded is None else recorded.line,
            "by_run": None if recorded is None else recorded.by_run,
            "signers": list(signers),
        }
        print_json(
            change_document(change, evidence=evidence)
            | dict(desk.more)
            | facts
            | {"request": None if request is None else str(request)}
        )
        return Exit.DONE
    if not desk.told:
        print("\n".join(change_lines(change, fold=desk.fold, environment=desk.environment)))
    if evidence is not None:
        print("\n".join(evidence_lines(evidence)))
    if needed:
        print(f"signed   {', '.join(signers) or 'by nobody'}; {needed} {'person' if needed == 1 else 'different persons'} must")
    if recorded is not None:
        print(recorded_words(recorded.line, layout=desk.layout, by_run=recorded.by_run))
    else:
        print(f"request  {request}   nothing has moved yet")
        print(f"next     sluice promote sign {request} --key NAME --config {said.config}")
    return Exit.DONE
