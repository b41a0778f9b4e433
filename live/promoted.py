"""What the record lets a bundle trade, proven: its standing, the statement by which it has its capital, and its evidence.

The log says who signed; here the signatures are looked at again, by the persons of the config as it is now, and held against the
line, so that a record written by somebody who has no person's key trades nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from engine.config_live import LiveSection
from engine.engine_keys import engine_keys
from lakehouse.layout import Layout
from lakehouse.promotion_files import SIZE_MAX, read_promotion_file
from lakehouse.rebuild import LogFold
from lakehouse.strict_json import parse
from live.arming import Promoted
from orders.canonical import decimal_text
from orders.errors import InputError
from orders.gates import Verdict
from orders.promotion import RAISING, WITH_CAPITAL, PromotionFacts, gated_move
from sentinel.person_signatures import PersonRules
from sentinel.promotion_statement import SPAN_NS_MAX, PromotionStatement, open_statement

KEY_REVOKED: Final = "KEY_REVOKED"
LIVE_KIND: Final = "live"
DEPTH_MAX: Final = 12


def promoted_facts(fold: LogFold, *, bundle_sha256: str, layout: Layout, live: LiveSection) -> Promoted:
    """Return what a live start must know of promotions; what cannot be read stands in it as that. Nothing is raised but what
    reading the ledger's keys raises.
    """
    promotions = fold.promotions
    standing, current = promotions.standing(bundle_sha256), promotions.current
    unsigned = revoked = evidence = ""
    if standing is not None and standing.state in WITH_CAPITAL:
        rules = PersonRules(persons=live.persons, revoked=frozenset(live.revoked_keys), engine=engine_keys())
        unsigned, revoked = signature_problems(layout, promotions.granted.get(bundle_sha256), rules=rules)
        passed = promotions.passed.get(bundle_sha256)
        evidence = "none is named in the log" if passed is None else line_evidence_problem(layout, passed)
    others = sorted(fold.fill_kinds - {LIVE_KIND})
    return Promoted(
        bundle_sha256=bundle_sha256,
        governed=promotions.lines > 0,
        state=None if standing is None else standing.state,
        current=None if current is None else current.bundle_sha256,
        paused="" if standing is None else standing.paused,
        environment=promotions.environment,
        unsigned=unsigned,
        revoked=revoked,
        evidence=evidence,
        mixed=f"fills of {' and '.join(others)} runs in the log that is to be traded on" if others else "",
    )


def signature_problems(layout: Layout, granted: PromotionFacts | None, *, rules: PersonRules) -> tuple[str, str]:
    """Return what is wrong with the statement behind a line, and with the keys that signed it; "" for nothing."""
    if granted is None or granted.statement_sha256 is None:
        return "no statement in the log by which it has its capital", ""
    try:
        statement, signers = open_statement(read_promotion_file(layout, granted.statement_sha256), rules=rules)
    except InputError as error:
        words = f"the statement of {granted.action}: {error.code}: {error.expected} was expected, found {error.found}"
        return ("", words) if error.code == KEY_REVOKED else (words, "")
    if sorted(signers) != sorted(granted.signers) or len(signers) < RAISING:
        return f"signed by {', '.join(signers)}; the log says {', '.join(granted.signers)}, and {RAISING} must", ""
    return "; ".join(_differences(statement, granted)), ""


def _differences(statement: PromotionStatement, line: PromotionFacts) -> Iterator[str]:
    """What a statement says otherwise than the line it is to be behind."""
    move = statement.move
    pairs = {
        "bundle": (move.bundle_sha256, line.bundle_sha256),
        "environment": (statement.environment, line.environment),
        "action": (move.action.value, line.action),
        "to_state": (move.to_state.value, line.to_state),
        "to_step": (move.to_step, line.to_step),
        "steps": (tuple(decimal_text(step) for step in move.steps), tuple(line.steps)),
        "fraction": (statement.fraction, line.fraction),
        "evidence": (statement.evidence_sha256, line.evidence_sha256),
        "gates": (statement.gates_sha256, line.gates_sha256),
        "by": (statement.by, line.by),
        "reason": (statement.reason, line.reason),
        "follows": (statement.follows, line.follows),
    }
    for name, (signed, logged) in pairs.items():
        if signed != logged:
            yield f"{name} {str(signed)[:80]} was signed, and {str(logged)[:80]} is in the log"
    if not statement.created_ns <= line.ts_ns < statement.expires_ns:
        yield "it was recorded outside the time it was signed for"


def other_gates(passed: PromotionFacts | None, *, gates_sha256: str, path: Path) -> str:
    """Return, in words, that a gates file is not the one a bundle's last evidence was of; "" where it is, or there was none."""
    if passed is None or passed.gates_sha256 == gates_sha256:
        return ""
    return f"{path} is {gates_sha256}, and the bundle's last evidence was of a gates file {passed.gates_sha256}"


def line_evidence_problem(layout: Layout, line: PromotionFacts) -> str:
    """Return what is wrong with the evidence a line names, in words; "" for nothing."""
    return evidence_problem(
        layout,
        line.evidence_sha256,
        bundle_sha256=line.bundle_sha256,
        gates_sha256=line.gates_sha256,
        move=gated_move(line.action, line.to_state),
        before_ns=line.ts_ns,
    )


def evidence_problem(
    layout: Layout, sha256: str | None, *, bundle_sha256: str, gates_sha256: str | None, move: str, before_ns: int
) -> str:
    """Return what is wrong with the evidence under a hash, in words; "" where it is there, of this bundle, these gates and this
    move (`gated_move`), judged within the day before `before_ns`, and every gate that counts has passed in it.
    """
    problem, verdicts = _verdicts(
        layout, sha256, of={"bundle_sha256": bundle_sha256, "gates_sha256": gates_sha256, "move": move}, before_ns=before_ns
    )
    if problem:
        return problem
    failed = [name for name, verdict in verdicts if verdict != Verdict.PASS]
    if failed:
        return f"gates did not pass in it: {', '.join(failed)[:160]}"
    return "" if verdicts else "no gate counted in it"


def failure_problem(layout: Layout, sha256: str | None, *, bundle_sha256: str, gates_sha256: str | None, before_ns: int) -> str:
    """Return why the evidence under a hash does not show a gate that failed, of this bundle and these gates within the day before
    `before_ns`; "" where it does.
    """
    of = {"bundle_sha256": bundle_sha256, "gates_sha256": gates_sha256}
    problem, verdicts = _verdicts(layout, sha256, of=of, before_ns=before_ns)
    return problem or ("" if any(verdict == Verdict.FAIL for _, verdict in verdicts) else "no gate failed in it")


def _verdicts(
    layout: Layout, sha256: str | None, *, of: Mapping[str, str | None], before_ns: int
) -> tuple[str, list[tuple[str, str]]]:
    """Return what is wrong with evidence, "" for nothing, and what each gate that counts came to in it."""
    if sha256 is None:
        return "none is named", []
    try:
        document: Any = parse(read_promotion_file(layout, sha256), what="evidence", size_max=SIZE_MAX, depth_max=DEPTH_MAX)
    except InputError as error:
        return f"{error.code}: {error.expected} was expected, found {error.found}", []
    try:
        for name, wanted in of.items():
            if document[name] != wanted:
                return f"it is of {name} {str(document[name])[:16]}, and not of {str(wanted)[:16]}", []
        if not 0 <= before_ns - int(document["evaluated_ns"]) <= SPAN_NS_MAX:
            return "it was not judged within the day before", []
        counted = [one for one in document["results"] if not one["gate"]["dry_run"]]
        return "", [(str(one["gate"]["name"]), str(one["verdict"])) for one in counted]
    except (KeyError, TypeError, AttributeError, ValueError):
        return "it is no evidence that gates were judged on", []
