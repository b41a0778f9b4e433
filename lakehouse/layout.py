"""Where everything in a data directory lives. No other module builds a path under it."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orders.errors import InputError, StorageError

SEGMENT_DIGITS: Final = 6
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def safe_name(name: str) -> str:
    """Return `name` when it may be a path component: 1 to 64 of `A-Za-z0-9._-`, neither `.` nor `..`.

    Raises `InputError` UNSAFE_NAME otherwise. For names from outside: venues, symbols, run ids.
    """
    if NAME_PATTERN.fullmatch(name) is None or name in {".", ".."}:
        raise InputError(
            "UNSAFE_NAME",
            expected="1 to 64 characters of A-Z a-z 0-9 . _ - as a file name",
            found=repr(name[:80]),
            action="Rename it where it comes from; it is never used as a path.",
        )
    return name


def segment_path(file: Path, number: int) -> Path:
    """Return where a closed segment of `file` lies, beside it: `audit.jsonl` has `audit.000001.jsonl`."""
    return file.with_name(f"{file.stem}.{number:0{SEGMENT_DIGITS}}{file.suffix}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one data directory ("lakehouse"). Making one touches no disk: see `create`."""

    directory: Path

    @property
    def log(self) -> Path:
        """The journal: every event, one JSON object a line (`lakehouse.records`)."""
        return self.directory / "execution_logs.jsonl"

    @property
    def ledger(self) -> Path:
        """The hash chain over fills, halts and the journal itself (`lakehouse.ledger_format`)."""
        return self.directory / "audit.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Signed statements of how long the ledger was and what was in it (`lakehouse.checkpoints`)."""
        return self.directory / "audit.checkpoints"

    @property
    def state(self) -> Path:
        """What is held, for the platform to read (`lakehouse.state`)."""
        return self.directory / "portfolio_actual_state.json"

    @property
    def lock(self) -> Path:
        """Locked by the one process that writes here (`lakehouse.lock`)."""
        return self.directory / "sluice.lock"

    @property
    def lock_holder(self) -> Path:
        """Who has the lock: `{"pid": ..., "run_id": ..., "process": ...}`."""
        return self.directory / "sluice.lock.json"

    @property
    def permission(self) -> Path:
        """Exists while orders may be sent (`lakehouse.permission`)."""
        return self.directory / "permission_to_send"

    @property
    def halt_note(self) -> Path:
        """Who halted and why, as well as the disk allowed; never required."""
        return self.directory / "halt.json"

    @property
    def flatten_request(self) -> Path:
        """A person's wish to flatten, until the run takes it (`lakehouse.flatten_request`)."""
        return self.directory / "flatten_request.json"

    @property
    def flatten_refused(self) -> Path:
        """The last such file that was refused, for whoever looks into it."""
        return self.directory / "flatten_request.refused"

    @property
    def resume_request(self) -> Path:
        """A person's wish to resume beside a run, until it takes it (`lakehouse.resume_request`)."""
        return self.directory / "resume_request.json"

    @property
    def resume_refused(self) -> Path:
        """Why the last such wish was refused, in words."""
        return self.directory / "resume_request.refused"

    @property
    def override_request(self) -> Path:
        """What a person asks others to sign: an override, unsigned or not signed by all yet (`sentinel.override_token`)."""
        return self.directory / "override_request.json"

    @property
    def override(self) -> Path:
        """A signed override, until the run has used it or turned it away (`sentinel.override_token`)."""
        return self.directory / "override.json"

    @property
    def override_refused(self) -> Path:
        """The last such file that was turned away."""
        return self.directory / "override.refused"

    @property
    def promotion_request(self) -> Path:
        """A promotion that is still to be signed, or not signed by all yet (`sentinel.promotion_statement`)."""
        return self.directory / "promotion_request.json"

    @property
    def move_request(self) -> Path:
        """A move that is asked of the run which holds the directory, until it takes it (`lakehouse.move_request`)."""
        return self.directory / "move_request.json"

    @property
    def move_taken(self) -> Path:
        """Such a file while the run judges it."""
        return self.directory / "move_request.taken"

    @property
    def move_refused(self) -> Path:
        """The last such file that was refused, for whoever looks into it."""
        return self.directory / "move_request.refused"

    @property
    def move_answer(self) -> Path:
        """What became of it, until whoever asked has read it."""
        return self.directory / "move_answer.json"

    @property
    def move_lock(self) -> Path:
        """Locked by the one command that asks, for as long as it waits."""
        return self.directory / "move_request.lock"

    @property
    def handoff(self) -> Path:
        """What an account held when a person handed it over, until a live run has booked it (`sentinel.handoff_statement`)."""
        return self.directory / "handoff.json"

    @property
    def live_note(self) -> Path:
        """Where the last live run trades and under which names its keys are found (`lakehouse.live_note`)."""
        return self.directory / "live.json"

    @property
    def halt_seen(self) -> Path:
        """A live run's answer to a halt, renewed while it is halted and its loop turns (`lakehouse.live_note`)."""
        return self.directory / "halt_seen.json"

    @property
    def dead_man(self) -> Path:
        """What the watchdog of a live run did for an engine that was gone (`lakehouse.live_note`)."""
        return self.directory / "dead_man.json"

    def approval(self, manifest_sha256: str) -> Path:
        """The signed approval of a manifest (`sentinel.manifest_approval`). Raises `InputError` UNSAFE_NAME."""
        return self.directory / "approvals" / f"{safe_name(manifest_sha256)}.json"

    @property
    def snapshots(self) -> Path:
        """Directory of dated snapshots: quotes, book, limits."""
        return self.directory / "snapshots"

    @property
    def catalog(self) -> Path:
        """Directory of the Nautilus Parquet catalog a run records its quotes into."""
        return self.directory / "catalog"

    @property
    def top_of_book(self) -> Path:
        """Directory of plain Parquet files of the top of book, for analysis."""
        return self.directory / "top_of_book"

    @property
    def trades(self) -> Path:
        """Directory of plain Parquet files of a live market's public trades, for analysis."""
        return self.directory / "trades"

    @property
    def inputs(self) -> Path:
        """Directory of what runs worked on: bytes by their sha256, and a list for each run (`lakehouse.run_inputs`)."""
        return self.directory / "inputs"

    @property
    def bundles(self) -> Path:
        """Directory of bundles, each a directory called by its hash (`lakehouse.bundles`)."""
        return self.directory / "bundles"

    @property
    def promotions(self) -> Path:
        """Directory of evidence and signed statements of promotions, each called by its hash (`lakehouse.promotion_files`)."""
        return self.directory / "promotions"

    @property
    def reports(self) -> Path:
        """Directory of results about runs: `replay-<run id>.json` (`analysis.replay_result`)."""
        return self.directory / "reports"

    @property
    def tearsheet(self) -> Path:
        """Nautilus' tearsheet of a backtest, one HTML page that fetches nothing."""
        return self.directory / "tearsheet.html"

    @property
    def calibrations(self) -> Path:
        """Directory of calibrated assumptions, numbered, each with its report (`lakehouse.assumptions_file`)."""
        return self.directory / "calibrations"

    def torn(self, file: Path, *, size: int, run_id: str) -> Path:
        """Where run `run_id` saves the torn last line it cut from `file` at `size` bytes. Raises `InputError` on an unsafe id."""
        return self.directory / f"{file.name}.torn-{size}-{safe_name(run_id)}"

    def inside(self, *names: str) -> Path:
        """Return the path of `names` below the directory, each checked by `safe_name`, symbolic links followed.

        Raises `InputError` UNSAFE_NAME or OUTSIDE_LAKEHOUSE (a link leads out).
        """
        path = self.directory.joinpath(*(safe_name(name) for name in names))
        if not path.resolve().is_relative_to(self.directory.resolve()):
            raise InputError(
                "OUTSIDE_LAKEHOUSE",
                expected=f"a path inside {self.directory}",
                found=f"{path}, which leads to {path.resolve()}",
                action="Remove the symbolic link.",
            )
        return path

    def create(self) -> None:
        """Make the directory if it is not there. Raises `StorageError` when it cannot be made."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.directory) from error


_ADVICE: Final = {
    errno.ENOSPC: ("DISK_FULL", "Free space on the disk, then start again."),
    errno.EDQUOT: ("DISK_FULL", "Free space on the disk, then start again."),
    errno.EROFS: ("DISK_READ_ONLY", "Mount it for writing or name another lakehouse."),
    errno.EACCES: ("DISK_REFUSED", "Give this user write permission or name another lakehouse."),
    errno.EPERM: ("DISK_REFUSED", "Give this user write permission or name another lakehouse."),
}


def storage_error(error: OSError, path: Path) -> StorageError:
    """Return the typed error for what the disk said about `path`: DISK_FULL, DISK_READ_ONLY, DISK_REFUSED or DISK_ERROR."""
    code, action = _ADVICE.get(error.errno or 0, ("DISK_ERROR", "Look at the disk before starting again; nothing is retried."))
    return StorageError(code, expected=f"{path} to be read and written", found=error.strerror or str(error), action=action)


def sync_directory(directory: Path) -> None:
    """Make names created, renamed or removed in `directory` durable. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`; a short write goes on where it stopped. Raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def replace_file(path: Path, data: bytes, *, changed_ns: int | None = None) -> None:
    """Replace `path` by `data` at once: new file beside it, fsync, rename, fsync of the directory.

    `changed_ns`: the time of change it is given, before it is there; None: now. After a crash either the old or the new
    content is there. Raises `OSError`; the new file is removed then.
    """
    fresh = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            write_all(descriptor, data)
            if changed_ns is not None:
                os.utime(descriptor, ns=(changed_ns, changed_ns))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
