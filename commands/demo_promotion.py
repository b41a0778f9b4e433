"""`sluice demo promotion`: a bundle from research to a canary at a rehearsal exchange and back, every step a real command.

Nothing of a decision is shortened: gates, signatures, records and orders are what they are elsewhere. Accelerated are the gates'
minima (`data/gates/rehearsal.toml`: seconds and a few orders in place of days), the research, a sample of sixteen days that comes
within minutes, and the backtest's market, which is recorded. The live market is a random walk in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from commands.demo_capital import canary, candidates, drills, ramp, regression, report, rollback, twin
from commands.demo_desk import FIRST, SECOND, DemoDesk, new_desk
from commands.demo_evidence import backtest, research, shadow
from commands.demo_stage import Stage, say
from commands.demo_story import Story
from commands.output import Exit, print_json
from orders.errors import SluiceError

KEYS_VARIABLE: Final = "SLUICE_KEYS"

type Chapter = Callable[[Story], None]

TOLD: Final[Sequence[tuple[str, Chapter]]] = (
    ("research", research),
    ("backtest", backtest),
    ("shadow", shadow),
    ("drills", drills),
    ("canary", canary),
    ("twin", twin),
    ("ramp", ramp),
    ("regression", regression),
    ("rollback", rollback),
    ("report", report),
)


def run(*, directory: Path | None, until: str, as_json: bool) -> int:
    """Tell the story to the end of a chapter; return 0 when every step was as told, else 1. Raises `ConfigError` DEMO_EXISTS."""
    desk = new_desk(directory)
    desk.make()
    tell: Callable[[str], None] = (lambda text: None) if as_json else say
    stage = Stage(desk.outputs, say=tell, environ={KEYS_VARIABLE: str(desk.keys)})
    story = Story(stage=stage, desk=desk)
    tell(
        f"demo     everything lies below {desk.directory}; {KEYS_VARIABLE}={desk.keys} for every command: no key of yours is used"
    )
    failed: SluiceError | None = None
    told = []
    try:
        for name, chapter in TOLD:
            chapter(story)
            if name == "backtest":
                candidates(story)
            told.append(name)
            if name == until:
                break
    except SluiceError as error:
        failed = error
    finally:
        stage.close()
    if as_json:
        print_json(_document(desk, stage, told, failed))
    else:
        print("\n".join(_verdict(desk, stage, told, failed)))
    return Exit.FAILED if failed is not None else Exit.DONE


def _document(desk: DemoDesk, stage: Stage, told: Sequence[str], failed: SluiceError | None) -> dict[str, Any]:
    return {
        "directory": str(desk.directory),
        "chapters": list(told),
        "checked": stage.checked,
        "seconds": round(stage.seconds),
        "failed": None if failed is None else str(failed),
    }


def _verdict(desk: DemoDesk, stage: Stage, told: Sequence[str], failed: SluiceError | None) -> list[str]:
    lines = [
        "",
        f"told     {', '.join(told) or 'nothing'} in {stage.seconds:.0f} s; {stage.checked} things were held to the story",
    ]
    if failed is not None:
        lines.append(f"failed   {failed}")
    lines.append(f"verdict  {'every step was as told' if failed is None else 'a step was not as told'}")
    lines.append(
        f"lies in  {desk.directory}: {FIRST}.toml, {SECOND}.toml, gates, keys, evidence, live (record and promotions), outputs"
    )
    return lines
