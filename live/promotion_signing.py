"""A promotion from what is to be signed to the line that records it.

Nothing here writes the log. Who holds the data directory does, with the line that is made here: `commands.promote_record`, or a
run that goes on (`live.move_desk`). Both ask all of it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.engine_keys import engine_keys
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.move_request import AskedMove, PlainMove, SignedMove
from lakehouse.promotion_files import keep_promotion_file
from lakehouse.promotion_lines import promotion_line
from lakehouse.records import PromotionLine
from lakehouse.strict_json import read_bounded
from live.promoted import evidence_problem, failure_problem
from orders.canonical import decimal_text
from orders.errors import ConfigError, InputError, NotAsked, NotYet
from orders.promotion import ENGINE, Action, Change, Move, Promotions, evidence_needed, gated_move, persons_needed
from orders.values import Record
from orders.way_down import GATE_FAILED
from sentinel.dsse import ENVELOPE_SIZE_MAX, public_text
from sentinel.person_signatures import PersonRules
from sentinel.promotion_statement import (
    SPAN_NS_MAX,
    PromotionStatement,
    open_statement,
    parse_statement,
    require_recordable,
    sign_statement,
    sign_statement_again,
)

if TYPE_CHECKING:
    from analysis.evidence import Evidence

AGAIN: Final = "Ask for it anew with `sluice promote`."


class Request(Record, frozen=True, kw_only=True):
    """A file that is signed or to be signed: its bytes, what it says, and who signed so far, nobody of an unsigned request."""

    data: bytes
    statement: PromotionStatement
    signers: tuple[str, ...]


def statement_of(
    promotions: Promotions,
    move: Move,
    *,
    environment: str,
    evidence: Evidence | None,
    by: str,
    reason: str,
    now_ns: int,
    span_ns: int = SPAN_NS_MAX,
) -> PromotionStatement:
    """Return what is to be signed for a move that is possible now."""
    change = promotions.change(move)
    return PromotionStatement(
        environment=environment,
        move=move,
        fraction=decimal_text(change.after.fraction),
        evidence_sha256=None if evidence is None else evidence.sha256,
        gates_sha256=None if evidence is None else evidence.gates_sha256,
        by=by,
        reason=reason,
        follows=promotions.last_sha256,
        created_ns=now_ns,
        expires_ns=now_ns + min(span_ns, SPAN_NS_MAX),
    )


def rules_of(config: RunConfig) -> PersonRules:
    """Return whose word counts. Raises `ConfigError` PROMOTE_NOBODY."""
    if config.live is None:
        raise ConfigError(
            "PROMOTE_NOBODY",
            expected="a table [live] with persons in the run config",
            found="none",
            action="Name who may promote in [live.persons], which is reviewed.",
        )
    return PersonRules(persons=config.live.persons, revoked=frozenset(config.live.revoked_keys), engine=engine_keys())


def read_request(path: Path, *, rules: PersonRules) -> Request:
    """Return a request, signed or not. Raises `InputError`: PROMOTION_NOTHING where there is none, what reading raises, and that
    it is neither a request nor an envelope with good signatures.
    """
    try:
        data = read_bounded(path, ENVELOPE_SIZE_MAX)
    except NotYet as error:
        raise NotAsked(
            "PROMOTION_NOTHING",
            expected=f"a promotion that was asked for at {path}",
            found=error.found,
            action="`sluice promote BUNDLE --to STATE` asks for one; `sluice promote log` shows what was recorded.",
        ) from error
    return request_of(data, rules=rules)


def request_of(data: bytes, *, rules: PersonRules) -> Request:
    """Return the request in these bytes. Raises `InputError` as `read_request`."""
    if b'"payloadType"' in data[:64]:
        statement, signers = open_statement(data, rules=rules)
        return Request(data=data, statement=statement, signers=signers)
    return Request(data=data, statement=parse_statement(data.removesuffix(b"\n")), signers=())


def require_person(rules: PersonRules, *, signer: str, key: Ed25519PrivateKey) -> None:
    """Return when a key is that of a person whose word counts. Raises `ConfigError` PROMOTE_PERSON: nobody of the config, another
    key, a revoked one.
    """
    public = public_text(key.public_key())
    if rules.persons.get(signer) != public or public in rules.revoked or public in rules.engine:
        raise ConfigError(
            "PROMOTE_PERSON",
            expected=f"{signer} in [live.persons] of the config, with this key, not revoked",
            found="nobody of that name, another key, a revoked one, or the engine's",
            action="Add it to the config, which is reviewed.",
        )


def signed(request: Request, *, rules: PersonRules, signer: str, key: Ed25519PrivateKey) -> Request:
    """Return it with one more signature. Raises `ConfigError` PROMOTE_PERSON as `require_person`; `InputError` as
    `open_statement`, and ENVELOPE_MALFORMED of a second one by the same person.
    """
    require_person(rules, signer=signer, key=key)
    if request.signers:
        data = sign_statement_again(request.data, rules=rules, signer=signer, key=key)
    else:
        data = sign_statement(request.statement, signer=signer, key=key)
    return Request(data=data, statement=request.statement, signers=open_statement(data, rules=rules)[1])


def line_asked(
    promotions: Promotions,
    asked: AskedMove,
    *,
    rules: PersonRules | None,
    layout: Layout,
    environment: str,
    now_ns: int,
    run_id: str,
) -> PromotionLine:
    """Return the line of what is asked for, once everything was asked of the record as it is now. `rules`: of persons who sign;
    None where nobody did.

    Raises as `line_to_record` and `unsigned_line`; `InputError` MOVE_MALFORMED of a command that speaks for the engine and has no
    gate that failed, `NotAsked` EVIDENCE_MISSING where its evidence does not show it.
    """
    match asked:
        case SignedMove(statement=data):
            assert rules is not None
            return line_to_record(
                promotions,
                request_of(data, rules=rules),
                rules=rules,
                layout=layout,
                environment=environment,
                now_ns=now_ns,
                run_id=run_id,
            )
        case PlainMove() as plain:
            if plain.by == ENGINE or plain.code is not None:
                _require_failed_gate(layout, plain, now_ns=now_ns)
            return unsigned_line(
                promotions,
                move_of_now(promotions, plain.move),
                ts_ns=now_ns,
                run_id=run_id,
                environment=environment,
                by=plain.by,
                reason=plain.reason,
                code=plain.code,
                evidence_sha256=plain.evidence_sha256,
                gates_sha256=plain.gates_sha256,
            )


def move_of_now(promotions: Promotions, move: Move) -> Move:
    """Return the move as it is meant: a pause is of wherever the bundle stands by now, which may have stepped down meanwhile."""
    standing = promotions.standing(move.bundle_sha256)
    if move.action is not Action.PAUSE or standing is None:
        return move
    return Move(
        bundle_sha256=move.bundle_sha256,
        action=move.action,
        to_state=standing.state,
        to_step=standing.step,
        steps=standing.steps,
    )


def _require_failed_gate(layout: Layout, plain: PlainMove, *, now_ns: int) -> None:
    """Return when a command may pause in the engine's name: a gate failed, by evidence that is there."""
    if plain.by != ENGINE or plain.code != GATE_FAILED or plain.move.action is not Action.PAUSE:
        raise InputError(
            "MOVE_MALFORMED",
            expected=f"a person's name, or {ENGINE} with {GATE_FAILED} and a pause",
            found=f"by {plain.by}, code {plain.code}, {plain.move.action}",
            action="Say who asks for it.",
        )
    problem = failure_problem(
        layout,
        plain.evidence_sha256,
        bundle_sha256=plain.move.bundle_sha256,
        gates_sha256=plain.gates_sha256,
        before_ns=now_ns,
    )
    if problem:
        raise NotAsked("EVIDENCE_MISSING", expected="evidence in which a gate failed", found=problem, action=AGAIN)


def line_to_record(
    promotions: Promotions, request: Request, *, rules: PersonRules, layout: Layout, environment: str, now_ns: int, run_id: str
) -> PromotionLine:
    """Return the line of a request that enough persons have signed; its statement is kept before this returns.

    Everything is asked again: the move, who signed, whether it follows the log's last promotion and holds now, its evidence.
    Raises `InputError` PROMOTION_UNSIGNED, and what `require_recordable`, `open_statement` and reading the evidence raise;
    `NotAsked` PROMOTION_IMPOSSIBLE; `StorageError`.
    """
    statement, signers = open_statement(request.data, rules=rules) if request.signers else (request.statement, ())
    require_recordable(statement, environment=environment, follows=promotions.last_sha256, now_ns=now_ns)
    move = statement.move
    require_possible(promotions, move)
    change = promotions.change(move)
    require_signers(change, signers)
    if statement.fraction != decimal_text(change.after.fraction):
        raise InputError(
            "PROMOTION_MALFORMED",
            expected=f"fraction {decimal_text(change.after.fraction)}",
            found=statement.fraction,
            action=AGAIN,
        )
    require_evidence(layout, change, statement)
    return promotion_line(
        promotions,
        move,
        ts_ns=now_ns,
        run_id=run_id,
        environment=environment,
        by=statement.by,
        reason=statement.reason,
        evidence_sha256=statement.evidence_sha256,
        gates_sha256=statement.gates_sha256,
        statement_sha256=keep_promotion_file(layout, request.data) if signers else None,
        signers=signers,
    )


def require_evidence(layout: Layout, change: Change, statement: PromotionStatement) -> None:
    """Return when a change needs no evidence, or that of the statement let it pass. Raises `NotAsked` EVIDENCE_MISSING."""
    if not evidence_needed(change):
        return
    problem = evidence_problem(
        layout,
        statement.evidence_sha256,
        bundle_sha256=statement.move.bundle_sha256,
        gates_sha256=statement.gates_sha256,
        move=gated_move(change.action, change.after.state),
        before_ns=statement.created_ns,
    )
    if problem:
        raise NotAsked("EVIDENCE_MISSING", expected="evidence by which gates let it pass", found=problem, action=AGAIN)


def unsigned_line(promotions: Promotions, move: Move, **said: Any) -> PromotionLine:
    """Return the line of a move that takes away and nobody need sign, for the record as it is now; `said` as `promotion_line`.

    Raises `NotAsked` PROMOTION_IMPOSSIBLE, `InputError` PROMOTION_UNSIGNED where it would raise capital by now.
    """
    require_possible(promotions, move)
    require_signers(promotions.change(move), ())
    return promotion_line(promotions, move, **said)


def require_possible(promotions: Promotions, move: Move) -> None:
    """Return when a move is possible. Raises `NotAsked` PROMOTION_IMPOSSIBLE."""
    if problem := promotions.problem(move):
        raise NotAsked("PROMOTION_IMPOSSIBLE", expected="a move that is possible now", found=problem, action=AGAIN)


def require_signers(change: Change, signers: tuple[str, ...]) -> None:
    """Return when as many persons signed as the change needs. Raises `InputError` PROMOTION_UNSIGNED."""
    needed = persons_needed(change)
    if len(signers) < needed:
        raise InputError(
            "PROMOTION_UNSIGNED",
            expected=f"signatures of {needed} different persons of [live.persons]",
            found=f"signed by {', '.join(signers) or 'nobody'}",
            action="Have another person sign it: `sluice promote sign --key NAME --config CONFIG`.",
        )
