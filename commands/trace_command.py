"""`sluice trace FILL|ORDER|MANIFEST|RUN`: from a source run to what it caused and back, every link held against the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from analysis.trace import Chain, chain_of, document
from analysis.trace_links import Link, Sources, State
from analysis.trace_search import find_start
from analysis.trace_step import Step
from commands.output import Exit, print_json
from engine.run_config import load_config
from lakehouse.kept_bytes import kept_approval, kept_bundle, kept_manifest, run_ledger
from lakehouse.layout import Layout
from lakehouse.log_index import log_index

LINES_SHOWN_MAX: Final = 2_000
DIFFERENCES_SHOWN_MAX: Final = 20
LABEL: Final = 9  # columns


def run(asked: str, *, lakehouse: Path, config: Path | None, as_json: bool) -> int:
    """Print the chain. Exit 1 where a link differs. Raises `ConfigError` TRACE_UNKNOWN, TRACE_AMBIGUOUS, `NotYet` VANISHED."""
    layout, sources = _sources(lakehouse, config)
    with log_index(layout) as index:
        start = find_start(index, asked)
        chain = chain_of(index, start, sources=sources)
    if as_json:
        print_json(document(chain))
    else:
        print("\n".join(words(chain, where=str(layout.log))))
    return Exit.FAILED if chain.counts()[State.DIFFERS] else Exit.DONE


def _sources(lakehouse: Path, config_path: Path | None) -> tuple[Layout, Sources]:
    """With a config it is known where source runs lie, and whose approvals count."""
    config = None if config_path is None else load_config(config_path)
    layout = Layout(lakehouse if config is None else config.lakehouse.directory)
    live = None if config is None else config.live
    runs = None if config is None else config.lakehouse.runs_directory
    return layout, Sources(
        manifest=lambda sha256: kept_manifest(layout, sha256),
        approval=lambda sha256: kept_approval(layout, sha256),
        bundle=lambda sha256: kept_bundle(layout, sha256),
        run_ledger=lambda name: run_ledger(runs, name),
        persons=None if live is None else live.persons,
        revoked=frozenset() if live is None else frozenset(live.revoked_keys),
        environment="" if config is None else config.environment,
    )


def words(chain: Chain, *, where: str) -> list[str]:
    """Return what a person reads: the chain from its source run down, then what differs, then the sums."""
    lines = [f"trace    {chain.start.kind} {chain.start.id}   of {where}", ""]
    steps, left = list(reversed(chain.runs)), 0
    while steps:
        step = steps.pop()
        if len(lines) < LINES_SHOWN_MAX:
            lines += _step_lines(step)
        else:
            left += 1
        steps.extend(reversed(step.below))
    if left:
        lines += ["", f"         and {left:,} cycles, plans, lines, orders and fills more: --json"]
    counts = chain.counts()
    return [*lines, "", *_differences(chain, counts[State.DIFFERS]), *_sums(counts)]


def _step_lines(step: Step) -> list[str]:
    numbers = step.log_lines if len(step.log_lines) <= 2 else (step.log_lines[0], step.log_lines[-1])
    between = "–" if len(step.log_lines) > 2 else ", "
    place = f"log line{'s' if len(numbers) > 1 else ''} {between.join(map(str, numbers))}" if numbers else ""
    own = "" if step.kind == "plan" else step.id  # a plan's hash stands in its link
    said = "   ".join(part for part in (own, step.words, place) if part)
    return [
        f"{step.kind:<{LABEL}}{said}".rstrip(),
        *(f"{'':<{LABEL}}{_link_line(link, of=step)}" for link in step.links),
        *(f"{'':<{LABEL}}{text}" for text in step.events),
    ]


def _link_line(link: Link, *, of: Step) -> str:
    stated = "" if link.stated == of.id and of.kind != "plan" else link.stated  # it stands in the line above
    return f"{link.state.value:<{LABEL}}{'  '.join(part for part in (link.what, stated, link.detail) if part)}"


def _differences(chain: Chain, number: int) -> list[str]:
    found = [(step, link) for step, link in chain.links() if link.state is State.DIFFERS]
    lines = [
        f"differs  {'record' if step is None else f'{step.kind} {step.id[:16]}'}: {link.what}: {link.detail}"
        for step, link in found[:DIFFERENCES_SHOWN_MAX]
    ]
    more = number - len(lines)
    return [*lines, f"         and {more} more: --json"] if more > 0 else lines


def _sums(counts: Mapping[State, int]) -> list[str]:
    hold, differ, gone = counts[State.HOLDS], counts[State.DIFFERS], counts[State.NOT_HERE]
    return [
        f"links    {hold:,} hold, {differ:,} differ, {gone:,} not here",
        "         Only these links were looked at, each by itself; `sluice verify` proves the record as a whole.",
    ]
