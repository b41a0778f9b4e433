"""The line of a promotion, into the record on which nothing runs: judged on what the record says under its lock, then durable."""

from __future__ import annotations

from collections.abc import Callable

from commands.append_line import command_journal
from engine.run_config import RunConfig
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.lock import DataDirectoryLock
from lakehouse.permission import FilePermission
from lakehouse.rebuild import LogFold
from lakehouse.records import PromotionLine
from lakehouse.segments import has_file
from orders.errors import ConfigError
from orders.promotion import Promotions

type Make = Callable[[Promotions], PromotionLine]


def record(layout: Layout, make: Make, *, now_ns: int, run_id: str) -> tuple[int, PromotionLine]:
    """Append what `make` returns for the record as it is now; return its number and the line. A line that cannot follow is not
    written. Raises `LockHeld` while a run goes on, whatever `make` raises, and as `command_journal`.
    """
    with DataDirectoryLock(layout, run_id=run_id):
        FilePermission(layout).arm_if_new(by=run_id, now_ns=now_ns)  # a first run would find a log, and take it for halted
        with command_journal(layout, now_ns=now_ns, run_id=run_id) as journal:
            line = make(journal.fold.promotions)
            journal.fold.apply(line, seq=journal.fold.log_line + 1)
            return journal.append(line), line


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
