"""What a row of the fail-open matrix is: one control at one stage, and six cells, each run or a reason why it does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from orders.plan import Decision, Outcome, Plan
from sentinel.guard import judge_plan
from sentinel.register import control_of
from tests.sentinel.cases import facts, limits, made_plan, standing
from tests.sentinel.gate_stand import Stand

PASSES: Final = "passes"
DENIES: Final = "denies"
HALTS: Final = "denies and halts"
COLUMNS: Final = {
    "at the limit": PASSES,
    "one unit above": DENIES,
    "input missing": DENIES,
    "input stale": DENIES,
    "NaN or zero": DENIES,
    "exception inside": HALTS,
}

type Cell = Callable[[], str] | str
"""Return what the control did, or say why the cell does not apply."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """`cells` in the order of `COLUMNS`. `what`: which of several limits of one code. `halts`: a denial of it halts by design."""

    number: int
    code: str
    stage: str
    cells: tuple[Cell, ...]
    what: str = ""
    halts: bool = False

    @property
    def name(self) -> str:
        control = control_of(self.code)
        assert control is not None
        which = f", {self.what}" if self.what else ""
        return f"{self.number} {control.name}: {self.code} at the {self.stage}{which}"


class BrokenError(Exception):
    """What is raised inside a control."""


def broken(*args: Any, **kwargs: Any) -> Any:
    raise BrokenError("inside a control")


def row(number: int, code: str, stage: str, *cells: Cell, what: str = "", halts: bool = False) -> Row:
    assert len(cells) == len(COLUMNS), code
    return Row(number=number, code=code, stage=stage, cells=cells, what=what, halts=halts)


def plan(
    code: str,
    *,
    made: Plan | None = None,
    st: dict[str, Any] | None = None,
    sha256: str | None = None,
    lim: dict[str, Any] | None = None,
    **f: Any,
) -> Cell:
    """Judge a plan: the made one of a sell and a buy. Passing means that every line of it is approved, whole.

    A denial counts when a verdict of `code` itself denies, resizes or asks for an override, and that line is not approved whole.
    """

    def run() -> str:
        whole = made if made is not None else made_plan()
        known = facts(**({"standing": standing(**(st or {}))} | f))
        judgement = judge_plan(whole, facts=known, limits=limits(**(lim or {})), sha256=sha256)
        trading = {line.line: line.quantity for line in whole.lines if line.trades}
        approved = {approval.line: approval.quantity for approval in judgement.approvals}
        no = [one for one in judgement.verdicts if one.control == code and one.outcome is not Outcome.ALLOW]
        if judgement.must_halt:
            assert judgement.approvals == ()
            return HALTS if no else "halts, and another control broke"
        if no:
            lines = {verdict.line for verdict in no}
            gone = judgement.decision is Decision.REFUSED if 0 in lines else all(approved.get(n) != trading[n] for n in lines)
            return DENIES if gone else "denies, and approves the line"
        others = sorted({one.control for one in judgement.verdicts if one.outcome is not Outcome.ALLOW})
        return PASSES if approved == trading else f"passes, but {', '.join(others) or 'something'} does not"

    return run


def gate(
    code: str,
    *,
    act: Callable[[Stand], tuple[str, bool]] = lambda stand: stand.send(),
    prepare: Callable[[Stand], object] = lambda stand: None,
    **made: Any,
) -> Cell:
    """Send an order through the real gate. A denial counts when a verdict of `code` itself denies, a halt when nothing left."""

    def run() -> str:
        stand = Stand(**made)
        prepare(stand)
        denied, halted = act(stand)
        if not denied:
            return PASSES
        own = stand.last is not None and any(
            one.control == code and one.outcome is not Outcome.ALLOW for one in stand.last.verdicts
        )
        if halted:
            return HALTS if own or stand.last is None else f"halts by {denied}"
        return DENIES if own else f"denied by {denied} alone"

    return run
