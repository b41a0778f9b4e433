"""The line of a promotion, made from what a log says already and one move: what it says of before and after always agrees."""

from __future__ import annotations

from typing import Any

from lakehouse.records import PromotionLine
from orders.canonical import decimal_text
from orders.promotion import Move, Promotions


def promotion_fields(
    promotions: Promotions,
    move: Move,
    *,
    environment: str,
    by: str,
    reason: str,
    code: str | None = None,
    evidence_sha256: str | None = None,
    gates_sha256: str | None = None,
    statement_sha256: str | None = None,
    signers: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return what a `PromotionLine` says of a move that is possible now (`Promotions.problem`), without instants and run.

    Whoever may do it, and on what evidence, is judged before; the fold refuses what has too few signers.
    """
    change = promotions.change(move, paused=reason)
    return {
        "bundle_sha256": move.bundle_sha256,
        "environment": environment,
        "action": move.action.value,
        "from_state": None if change.before is None else change.before.state.value,
        "to_state": move.to_state.value,
        "from_step": 0 if change.before is None else change.before.step,
        "to_step": move.to_step,
        "steps": tuple(decimal_text(step) for step in move.steps),
        "fraction": decimal_text(change.after.fraction),
        "previous": None if change.previous is None else change.previous.bundle_sha256,
        "by": by,
        "reason": reason,
        "code": code,
        "evidence_sha256": evidence_sha256,
        "gates_sha256": gates_sha256,
        "statement_sha256": statement_sha256,
        "signers": signers,
        "follows": promotions.last_sha256,
    }


def promotion_line(promotions: Promotions, move: Move, *, ts_ns: int, run_id: str, **said: Any) -> PromotionLine:
    """Return the line of a move, from a process that knows no market time; `said` as `promotion_fields` has it."""
    return PromotionLine(ts_ns=ts_ns, market_ns=ts_ns, run_id=run_id, **promotion_fields(promotions, move, **said))
