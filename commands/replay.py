"""`sluice replay`: a recorded shadow run through the backtest, and what differs. Thin over `sim.replay_run`."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Final

from analysis.replay_paper import PaperParity
from analysis.replay_result import ReplayResult, result_bytes
from commands.output import Exit

SHOWN_MAX: Final = 20  # differences on the screen; the file has more


def run(
    lakehouse: Path,
    *,
    run_id: str | None,
    config: Path | None,
    output: Path | None,
    orders_max_fraction: Decimal | None,
    price_max_bps: Decimal | None,
    bundle: str | None,
    as_json: bool,
) -> int:
    """Replay and print; return 0 within the budget, 1 over it."""
    from sim.replay_run import run_replay  # Nautilus takes seconds to import

    def say(done: int, total: int) -> None:
        if not as_json and sys.stdout.isatty():
            sys.stdout.write(f"\rreplaying batch {done} of {total} of the recorded quotes\x1b[K\r")
            sys.stdout.flush()

    result, path = run_replay(
        lakehouse,
        run_id=run_id,
        config_path=config,
        output=output,
        orders_max_fraction=orders_max_fraction,
        price_max_bps=price_max_bps,
        bundle=bundle,
        say=say,
    )
    if as_json:
        sys.stdout.write(result_bytes(result).decode())
    else:
        print("\n".join(words(result, path, kept=output)))
    return Exit.DONE if result.ok else Exit.FAILED


def words(result: ReplayResult, path: Path, *, kept: Path | None) -> list[str]:
    """Return what a person reads, answers first."""
    same = result.orders - result.orders_differing
    verdict = "within the budget" if result.ok else "OVER THE BUDGET"
    lines = [
        f"replayed {result.run_id} ({result.environment}): {same} of {result.orders} orders are the same, {verdict}",
        *(f"         {why}" for why in result.over),
        "",
        f"  manifests  {result.manifests:>8,}",
        f"  plans      {result.plans:>8,}  {result.plans_same:,} with the same sha256",
        f"  lines      {result.lines:>8,}  {result.lines_differing:,} not traded for another reason",
        f"  orders     {result.orders:>8,}  {result.orders_differing:,} differ, {result.fills:,} fills",
    ]
    for name, skew in (("planned", result.planned_skew_us), ("filled", result.filled_skew_us)):
        if skew is not None:
            lines.append(f"  {name:<9}  {skew[0] / 1_000:>8.3f}  ms apart in the middle, {skew[1] / 1_000:.3f} ms at most")
    if result.paper is not None:
        lines += ["", *_paper_words(result.paper)]
    if result.differences:
        counts = ", ".join(f"{cause} {count}" for cause, count in result.causes.items() if count)
        lines += ["", f"causes   {counts}"]
    for one in result.differences[:SHOWN_MAX]:
        follows = f" (follows from {one.follows[:8]})" if one.follows else ""
        lines.append(
            f"  {one.cause:<13}  {one.symbol:<18}  cycle {one.cycle}  {one.stage}: {one.recorded} | {one.replayed}{follows}"
        )
    hidden = len(result.differences) + result.left_out - SHOWN_MAX
    lines += [f"  and {hidden} more"] if hidden > 0 else []
    lines += [f"by hand  {one.action} by {one.by}: {one.reason}" for one in result.manual]
    lines += [f"note     {remark}" for remark in result.remarks]
    lines += ["", f"result   {path}"]
    return [*lines, f"record   {kept}   of the replay"] if kept is not None else lines


def _paper_words(paper: PaperParity) -> list[str]:
    """Whether paper was easier than the market, and what the targets would have earned against what was."""
    score = "" if paper.score is None else f", score {paper.score.normalize():f}"
    unproven = f"; the book of {paper.unproven:,} is not in the recorded quotes" if paper.unproven else ""
    less = f"{paper.paper_base - paper.real_base:,.2f} less, {'which is' if paper.adds_up else 'which is NOT'}"
    left = f"; {paper.left_out:,} wishes without a price or a rate are in none of it" if paper.left_out else ""
    return [
        f"paper    {paper.better:,} of {paper.judged:,} fills were better than the book they met{score}{unproven}",
        f"         the targets at their decision prices earned {paper.paper_base:,.2f}, the fills after fees "
        f"{paper.real_base:,.2f}: {less} the cost tree's {paper.shortfall_base:,.2f}{left}",
    ]
