"""A recorded shadow run as a replay needs it: its lines, the record before them, its config, manifests and quotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from engine.kept_inputs import kept_config
from engine.market_time import MarketTime
from engine.run_config import RunConfig
from lakehouse import records
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.log_lines import log_lines
from lakehouse.manifest import ManifestOutcome
from lakehouse.rebuild import LogFold
from lakehouse.run_inputs import MarketFile, Published, judged_of, read_input, read_kept
from lakehouse.segments import has_file
from orders.errors import ConfigError, InputError, NotAsked, NotYet

QUOTE_COLUMNS: Final = ("ts_ns", "received_ns", "symbol", "bid", "ask", "bid_size", "ask_size")


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """One run out of a log. `fold`: what the log said before it. `end_ns`: real time of its last line.

    `finished`: it ended by itself; of another one the last batch of quotes may not have been written.
    """

    layout: Layout
    start: records.RunStart
    lines: Sequence[records.AnyLine]
    fold: LogFold
    config: RunConfig
    published: Sequence[tuple[int, ManifestOutcome]]
    market: Sequence[MarketFile]
    finished: bool
    end_ns: int

    @property
    def market_time(self) -> MarketTime:
        """The run's own: real time is what its clock said then."""
        start = self.start
        return MarketTime(real_epoch_ns=start.real_epoch_ns, market_epoch_ns=start.market_epoch_ns, speed=start.market_speed)


def read_run(layout: Layout, run_id: str | None) -> RecordedRun:
    """Return a shadow run of the log; None: the last one. Checks log, ledger and kept inputs on the way.

    Raises `NotYet` VANISHED (no log), `ConfigError` RUN_UNKNOWN, `NotAsked`: RUN_NOT_SHADOW, INPUTS_NOT_KEPT (it was recorded
    before inputs were); `InputError`: INPUT_MISSING, INPUT_ALTERED; `BadLine`, `StorageError`.
    """
    if not has_file(layout.log):
        raise NotYet(
            "VANISHED", expected=f"a log at {layout.log}", found="no file", action="Name the directory of a run with --lakehouse."
        )
    examine(layout)
    lines = list(log_lines(layout))
    start = _start_of(lines, run_id, layout=layout)
    fold = LogFold()
    for line in lines[: start.seq - 1]:
        fold.apply(line)
    own = [line for line in lines[start.seq - 1 :] if line.run_id == start.run_id]
    stop = own[-1] if isinstance(own[-1], records.RunStop) else None
    assert start.inputs_sha256 is not None
    whole = None if stop is None else stop.inputs_sha256
    kept = read_kept(layout, run_id=start.run_id, begins=start.inputs_sha256, whole=whole)
    return RecordedRun(
        layout=layout,
        start=start,
        lines=own,
        fold=fold,
        config=kept_config(layout, kept),
        published=[(one.ts_ns, judged_of(read_input(layout, one.judged_sha256))) for one in kept if isinstance(one, Published)],
        market=[one for one in kept if isinstance(one, MarketFile)],
        finished=stop is not None,
        end_ns=own[-1].ts_ns,
    )


def cut_off(run: RecordedRun, *, until_ns: int) -> RecordedRun:
    """Return what of a run that did not end by itself can be replayed: its lines up to the last quote that was written.

    Raises `NotAsked` RUN_CUT_SHORT where no quote was.
    """
    end_ns = min(run.end_ns, until_ns)
    if end_ns <= run.start.ts_ns:
        raise NotAsked(
            "RUN_CUT_SHORT",
            expected=f"recorded quotes of run {run.start.run_id}, which did not end by itself",
            found="none: they are written once a minute, and it was killed before",
            action="Replay another run; without its quotes nothing can be compared.",
        )
    return replace(
        run,
        lines=[line for line in run.lines if line.ts_ns <= end_ns],
        published=[(ts_ns, outcome) for ts_ns, outcome in run.published if ts_ns <= end_ns],
        end_ns=end_ns,
    )


def _start_of(lines: Sequence[records.AnyLine], run_id: str | None, *, layout: Layout) -> records.RunStart:
    starts = [line for line in lines if isinstance(line, records.RunStart)]
    found = [line for line in starts if run_id is None or line.run_id == run_id]
    if not found:
        raise ConfigError(
            "RUN_UNKNOWN",
            expected=f"run {run_id} in {layout.log}" if run_id else f"a run in {layout.log}",
            found=f"{', '.join(line.run_id for line in starts[-5:]) or 'none'}",
            action="Name a run that is there, or another directory with --lakehouse.",
        )
    start = found[-1]
    if start.kind != "shadow":
        raise NotAsked(
            "RUN_NOT_SHADOW",
            expected="a shadow run",
            found=f"{start.run_id}, a {start.kind}",
            action="Name a run of `sluice shadow`.",
        )
    if start.inputs_sha256 is None:
        raise NotAsked(
            "INPUTS_NOT_KEPT",
            expected=f"inputs_sha256 in the first line of run {start.run_id}",
            found="none: config, symbol map, limits and manifests of that run were not kept, only their sha256",
            action="Runs of this version keep them; an older one cannot be replayed.",
        )
    return start


def read_quotes(layout: Layout, file: MarketFile) -> Any:
    """Return a batch as a pyarrow table, in the order in which quotes came. Raises `InputError` MARKET_MISSING, _UNREADABLE."""
    path: Path = layout.top_of_book / file.name
    try:
        return pq.read_table(path, columns=list(QUOTE_COLUMNS))
    except FileNotFoundError as error:
        action = "Put it back, or replay another run: without its quotes nothing can be compared."
        raise InputError("MARKET_MISSING", expected=f"recorded quotes in {path}", found="no file", action=action) from error
    except (OSError, pa.ArrowException, KeyError) as error:
        raise InputError(
            "MARKET_UNREADABLE",
            expected=f"recorded quotes with columns {', '.join(QUOTE_COLUMNS)} in {path}",
            found=str(error)[:200],
            action="Change nothing and keep a copy; a person must look.",
        ) from error
