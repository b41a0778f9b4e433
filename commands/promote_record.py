"""A move of a bundle into the record: by this process under the data directory's lock, or by the run that holds it, on request.

Here alone it is decided which of the two. Both judge the same on what the record says then (`live.promotion_signing.line_asked`).
"""

from __future__ import annotations

from commands.append_line import command_journal
from commands.move_wait import ask_the_run
from engine.run_config import RunConfig
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.move_request import AskedMove
from lakehouse.permission import FilePermission
from lakehouse.rebuild import LogFold
from lakehouse.segments import has_file
from live.promotion_signing import line_asked
from orders.errors import ConfigError, LockHeld
from orders.values import Record
from sentinel.person_signatures import PersonRules


class InLog(Record, frozen=True, kw_only=True):
    """The number of the line that records a move; `by_run`: the run that wrote it, None: this process did."""

    line: int
    by_run: str | None = None


def record(layout: Layout, asked: AskedMove, *, rules: PersonRules | None, environment: str, now_ns: int, run_id: str) -> InLog:
    """Record what is asked for, as things stand in the record by then; a line that cannot follow is not written. `rules`: of
    persons who sign; None where nobody did.

    Raises what `line_asked` raises, from here or from the run; `LockHeld` where something else than a live run holds the data
    directory, or the run does not answer (`ask_the_run`); and as `command_journal`.
    """
    try:
        with DataDirectoryLock(layout, run_id=run_id):
            FilePermission(layout).arm_if_new(by=run_id, now_ns=now_ns)  # a first run would find a log, and take it for halted
            with command_journal(layout, now_ns=now_ns, run_id=run_id) as journal:
                line = line_asked(
                    journal.fold.promotions,
                    asked,
                    rules=rules,
                    layout=layout,
                    environment=environment,
                    now_ns=now_ns,
                    run_id=run_id,
                )
                journal.fold.apply(line, seq=journal.fold.log_line + 1)
                return InLog(line=journal.append(line))
    except LockHeld as held:
        number, run = ask_the_run(layout, held, asked)
        return InLog(line=number, by_run=run)


def fold_of(layout: Layout) -> LogFold:
    """Return what the log says, an empty fold where there is none. Raises `RecordCorrupt`, `StorageError`."""
    return examine(layout).fold if has_file(layout.log) else LogFold()


def environment_of(config: RunConfig | None, fold: LogFold, *, layout: Layout) -> str:
    """Return the environment of a record. Raises `ConfigError` ENVIRONMENT_MIXED, PROMOTE_NO_CONFIG where nothing says it."""
    known = fold.environment or fold.promotions.environment
    if config is None and known is None:
        raise no_config(f"an environment: {layout.directory} has none yet")
    if config is not None and known not in (None, config.environment):
        raise ConfigError(
            "ENVIRONMENT_MIXED",
            expected=f"environment {known}, that of {layout.directory}",
            found=config.environment,
            action="Name the config whose runs are recorded there, or another --lakehouse.",
        )
    return known or (config.environment if config is not None else "")


def no_config(what: str) -> ConfigError:
    """What to raise where only a config knows."""
    return ConfigError("PROMOTE_NO_CONFIG", expected=what, found="no --config", action="Give the run config with --config.")
