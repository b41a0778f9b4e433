"""A promotion from the wish to its evidence: which bundle and move are meant, and what the gates before it say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.bundle_carried import BundleDiffers, differing
from engine.inputs import read_inputs
from engine.run_config import RunConfig
from lakehouse.bundles import PREFIX, Bundle, find_bundle, known_bundles, read_bundle
from lakehouse.layout import Layout
from orders.canonical import decimal_text
from orders.errors import ConfigError, NotAsked
from orders.gates import GatesFile, Verdict
from orders.metrics import CANARY
from orders.promotion import (
    STEPS,
    STEPS_CHOSEN,
    Action,
    Change,
    Move,
    Promotions,
    Standing,
    State,
    gated_move,
    step_of,
)

if TYPE_CHECKING:
    from analysis.evidence import Evidence  # imports DuckDB, which a pause must not wait for
    from analysis.gate_approvals import Approvers

GATE_FAILED: Final = "GATE_FAILED"
DIGITS: Final = 16


def bundle_named(layout: Layout, promotions: Promotions, named: str) -> str:
    """Return the hash of a bundle by "current" or "previous", by its beginning, known here or promoted here, or by a path.

    Raises `ConfigError` BUNDLE_UNKNOWN, BUNDLE_AMBIGUOUS; `InputError` of a directory that is no bundle.
    """
    words = {
        "current": None if promotions.current is None else promotions.current.bundle_sha256,
        "previous": promotions.previous,
    }
    if named in words:
        found = words[named]
        if found is None:
            raise ConfigError(
                "BUNDLE_UNKNOWN",
                expected=f"a {named} bundle in {layout.directory}",
                found="none",
                action="`sluice promote log` shows what was promoted here.",
            )
        return found
    if PREFIX.fullmatch(named):
        begun = [one for one in {*promotions.standings, *known_bundles(layout)} if one.startswith(named)]
        if len(begun) == 1:
            return begun[0]
    directory, sha256 = find_bundle(layout, named)
    return read_bundle(directory, sha256=sha256).sha256


def move_of(promotions: Promotions, *, bundle_sha256: str, action: Action, to: State | None, gates: GatesFile | None) -> Move:
    """Return the move that is meant. `to`: of a promotion; `gates`: whose steps a bundle takes that has none yet.

    Raises `NotAsked` PROMOTION_IMPOSSIBLE with why, GATES_STEPS where the file has other steps than the bundle has had.
    """
    before = promotions.standing(bundle_sha256)
    state, step = _target(before, action=action, to=to)
    chosen = action is Action.PROMOTE and state in STEPS_CHOSEN
    own = STEPS if before is None else before.steps
    steps = gates.steps if chosen and gates is not None else own
    if action is Action.PROMOTE and state is State.LIVE:
        step = step_of(state, steps=steps)
    move = Move(bundle_sha256=bundle_sha256, action=action, to_state=state, to_step=step, steps=steps)
    problem = promotions.problem(move)
    if problem:
        raise NotAsked(
            "PROMOTION_IMPOSSIBLE",
            expected=f"a bundle that can be asked to {words_of(action, to)}",
            found=f"{bundle_sha256[:DIGITS]}: {problem}",
            action="`sluice promote log` shows how it came there.",
        )
    if gates is not None and not chosen and gates.steps != own:
        raise NotAsked(
            "GATES_STEPS",
            expected=f"steps {', '.join(map(decimal_text, own))} in the gates file, which the bundle was promoted by",
            found=", ".join(map(decimal_text, gates.steps)),
            action="Give the gates file it entered canary with, or begin it anew as a candidate.",
        )
    return move


def words_of(action: Action, to: State | None) -> str:
    """Return what is asked for, in words."""
    return f"go to {to}" if action is Action.PROMOTE else action.value.replace("_", " ")


def _target(before: Standing | None, *, action: Action, to: State | None) -> tuple[State, int]:
    state, step = (State.CANDIDATE, 0) if before is None else (before.state, before.step)
    match action:
        case Action.PROMOTE:
            assert to is not None
            return to, 0
        case Action.STEP_UP:
            return State.CANARY, step + 1
        case Action.STEP_DOWN:
            return State.CANARY, step - 1
        case _:
            return state, step


def same_bundle(config: RunConfig, *, layout: Layout, bundle_sha256: str) -> Bundle:
    """Return the bundle, every part proven, once the config is what it says. Raises `BundleDiffers` and what reading raises."""
    directory, sha256 = find_bundle(layout, bundle_sha256)
    bundle = read_bundle(directory, sha256=sha256)
    parts = differing(bundle, config, read_inputs(config))
    if parts:
        raise BundleDiffers(bundle.sha256, parts)
    return bundle


def evidence_for(
    change: Change,
    *,
    config: RunConfig,
    bundle: Bundle,
    gates: GatesFile,
    layout: Layout,
    sources: Mapping[str, Path],
    now_ns: int,
) -> Evidence:
    """Measure and judge every gate that stands before a change. `sources`: over those of the gates file."""
    from analysis.evidence import gather

    code = bundle.parts["code"].document()
    before = change.before
    return gather(
        gates,
        bundle_sha256=bundle.sha256,
        code_sha256=str(code["source_sha256"]),
        sources={CANARY: layout.directory, **sources},
        move=gated_move(change.action, change.after.state),
        now_ns=now_ns,
        since_ns=None if before is None else before.since_ns,
        step=None if before is None else before.step,
        approvers=approvers_of(config),
    )


def approvers_of(config: RunConfig) -> Approvers | None:
    """Return whose approvals of manifests count by a config; None: it has no [live], and nobody's do."""
    from analysis.gate_approvals import Approvers

    if config.live is None:
        return None
    return Approvers(
        environment=config.environment,
        persons=config.live.persons,
        revoked=frozenset(config.live.revoked_keys),
        age_max_ns=config.manifest_policy().age_max_ns,
    )


def failed(evidence: Evidence) -> tuple[str, ...]:
    """Return the gates that failed, each in words; () where what stands in the way is only what is missing."""
    blocking = (result for result in evidence.blocking if result.verdict is Verdict.FAIL)
    return tuple(f"{result.gate.name}: {result.failure}" for result in blocking)
