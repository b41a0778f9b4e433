"""`sluice rollback`: the alias moves back to `previous`, after what that will trade was shown and a person said yes.

A run that goes on is ended first, in order: what rests at the venue stays there, and the next run takes it up. Nothing is traded
here. The next `sluice live` under the previous bundle's config does it, through the same guard and gate.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from commands.halt import require_words
from commands.output import Exit
from commands.promote import Desk, Said, carry_out
from commands.promote_record import environment_of, fold_of
from commands.promote_view import change_lines
from commands.transition import transition_document, transition_lines, transition_of
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.live_note import read_live_note
from lakehouse.lock import Holder, current_holder
from lakehouse.process_identity import end_process
from live.promoting import same_bundle
from orders.capital_granted import capital_of
from orders.errors import ConfigError, LockHeld, NotAsked
from orders.promotion import Action, Move, Promotions, Standing, State, persons_needed

WORD: Final = "rollback"
END_S: Final = 90.0  # for a run to end in order: it compares book and account first
LOOK_S: Final = 0.1


def run(said: Said, *, no_more: bool, yes: bool, now_ns: int) -> int:
    """Show what moves and what will be traded, ask, end a run that goes on, record the move or write what is to be signed.

    `no_more`: come back at the highest step that has no more capital than now, which one person may do. Exit 0: recorded, or
    waiting for signatures; 3: the person said no. Raises `NotAsked` PROMOTION_IMPOSSIBLE, `BundleDiffers` where the config is
    not the previous bundle's, `LockHeld` of a run that does not end, and what reading and signing raise.
    """
    assert said.config is not None
    require_words(by=said.by, reason=said.reason)
    config = load_config(said.config)
    if said.lakehouse is not None:
        config = config.recorded_in(said.lakehouse)
    layout = Layout(config.lakehouse.directory)
    fold = fold_of(layout)
    environment = environment_of(config, fold, layout=layout)
    move = rollback_move(fold.promotions, no_more=no_more)
    same_bundle(config, layout=layout, bundle_sha256=move.bundle_sha256)
    change = fold.promotions.change(move)
    transition = transition_of(config, capital_of(change.after))
    if not said.as_json:
        print("\n".join(change_lines(change, fold=fold, environment=environment)))
        print("\n".join(transition_lines(transition, drift_check_s=config.policy.drift_check_s)), flush=True)
    going = _going(layout)
    ended = None if persons_needed(change) else going
    if going is not None and ended is None and not said.as_json:
        print(f"note     run {going.run_id} (pid {going.pid}) goes on: end it before the last person signs, who is refused else")
    if not yes and not _confirmed(ended, as_json=said.as_json):
        print("refused  NOT_CONFIRMED  nothing has moved and nothing was sent", file=sys.stderr)
        return Exit.REFUSED
    if ended is not None:
        _end(layout, ended)
        fold = fold_of(layout)  # it may have stepped down meanwhile, and has ended its record
        move = rollback_move(fold.promotions, no_more=no_more)
    desk = Desk(
        said=said,
        config=config,
        layout=layout,
        fold=fold,
        environment=environment,
        now_ns=now_ns,
        told=True,
        more={"transition": transition_document(transition)},
    )
    return carry_out(desk, move)


def rollback_move(promotions: Promotions, *, no_more: bool) -> Move:
    """Return the move that brings `previous` back as it was; `no_more`: at the highest step within the capital of now.

    Raises `NotAsked` PROMOTION_IMPOSSIBLE: there is nothing to go back to, or no step is small enough.
    """
    had = promotions.previous_had
    if had is None:
        raise _impossible("a bundle that was in canary or live before this one", "none: nothing was replaced here since")
    state, step = had.state, had.step
    if no_more:
        step = _step_within(had, promotions)
        state = had.state if step == had.step else State.CANARY
    return Move(bundle_sha256=had.bundle_sha256, action=Action.ROLLBACK, to_state=state, to_step=step, steps=had.steps)


def _step_within(had: Standing, promotions: Promotions) -> int:
    now = promotions.live_fraction
    within = [step for step in range(had.step + 1) if had.steps[step] <= now]
    if not within:
        raise _impossible(f"a step of {had.bundle_sha256[:16]} with no more than {now} of equity", f"{had.steps[0]} at least")
    return within[-1]


def _impossible(expected: str, found: str) -> NotAsked:
    return NotAsked("PROMOTION_IMPOSSIBLE", expected=expected, found=found, action="`sluice promote log` shows them.")


def _going(layout: Layout) -> Holder | None:
    """Return the live run that goes on here; None: none does. Raises `LockHeld` of anything else that holds the directory."""
    holder = current_holder(layout)
    if holder is None:
        return None
    note = read_live_note(layout)
    if holder.pid is None or note is None or note.run_id != holder.run_id:
        raise _held(layout, f"a process that is no live run (run {holder.run_id})")
    return holder


def _end(layout: Layout, holder: Holder) -> None:
    assert holder.pid is not None
    problem = end_process(holder.pid, identity=holder.process)
    deadline = time.monotonic() + END_S
    while not problem and current_holder(layout) is not None:
        if time.monotonic() > deadline:
            problem = f"run {holder.run_id} (pid {holder.pid}) goes on {END_S:.0f} s after it was asked to end"
        time.sleep(LOOK_S)
    if problem:
        raise _held(layout, problem)


def _held(layout: Layout, found: str) -> LockHeld:
    return LockHeld("LOCK_HELD", expected=f"{layout.directory} free, or a run that ends", found=found, action="Stop it first.")


def _confirmed(going: Holder | None, *, as_json: bool) -> bool:
    """Ask the person at the terminal. Raises `ConfigError` USAGE where there is none."""
    if as_json or not sys.stdin.isatty():
        found = "--json" if as_json else "no terminal"
        raise ConfigError("USAGE", expected="a person at a terminal, or --yes", found=found, action="Add --yes to mean it.")
    also = "" if going is None else f" and end run {going.run_id}"
    sys.stderr.write(f"type {WORD} to do this{also}, anything else to leave it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == WORD
