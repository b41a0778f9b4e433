"""`sluice doctor [CONFIG]`: is this machine fit to run that config — Python, packages, clock, disk, keys, dated files.

Each check says what it found and, where it is not well, what to do. Nothing is changed but two files of a few bytes in the data
directory, which are removed again.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from statistics import median
from typing import Final

from commands.doctor_files import examine_files
from commands.findings import FAIL as FAIL
from commands.findings import WARN as WARN
from commands.findings import WELL as WELL
from commands.findings import Finding as Finding
from commands.halt_state import is_halted
from commands.output import Exit, one_line, print_json
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.lock import current_holder
from lakehouse.permission import read_halt
from lakehouse.private_file import KEYS
from lakehouse.regime_audit import STALE, read_regime_audit
from lakehouse.segments import has_file
from lakehouse.verifier import verify
from orders.errors import SluiceError

NS: Final = 1_000_000_000
PYTHON: Final = (3, 13)
FREE_FAIL_BYTES: Final = 100_000_000  # a journal of 100,000 lines
FREE_WARN_BYTES: Final = 2_000_000_000
SYNC_TRIES: Final = 5
SYNC_WARN_MS: Final = 50.0  # every group commit waits this long
CLOCK_SKEW_MAX_S: Final = 2.0  # between this process and the file system


def run(path: Path, *, as_json: bool) -> int:
    """Print every finding; exit 1 when one of them is a FAIL. A config that is not sound is a finding, not an error."""
    found = list(examine_machine(path, now_ns=time.time_ns()))
    bad = sum(finding.state == FAIL for finding in found)
    if as_json:
        print_json({"config": str(path), "findings": found, "failed": bad})
    else:
        width = max(len(finding.name) for finding in found)
        for finding in found:
            print(f"{finding.state:<5}{finding.name:<{width}}  {finding.found}")
            if finding.action:
                print(f"{'':<{width + 7}}{finding.action}")
        warned = sum(finding.state == WARN for finding in found)
        print(f"\n{len(found)} checks, {bad} failed, {warned} to look at")
    return Exit.FAILED if bad else Exit.DONE


def examine_machine(path: Path, *, now_ns: int) -> Iterator[Finding]:
    """Yield every finding about this machine and the config at `path`; `now_ns` is what ages are counted to."""
    yield _python()
    yield from _packages()
    try:
        config = load_config(path)
    except SluiceError as error:
        yield Finding(
            name="config", state=FAIL, found=one_line(error), action=f"`sluice config check {path}` names every problem at once."
        )
        return
    yield Finding(name="config", state=WELL, found=f"{path} has no problems, sha256 {config.sha256[:12]}…")
    layout = Layout(config.lakehouse.directory)
    yield from _guarded("disk", lambda: _disk(layout))
    yield from _guarded("clock", lambda: _clock(layout, now_ns=now_ns))
    yield _keys()
    yield from _record(layout)
    yield from examine_files(config, now_ns=now_ns)
    yield _manifest(config)
    yield from _regime_log(config, now_ns=now_ns)


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check of files: what the disk refuses is a finding."""
    try:
        yield from check()
    except OSError as error:
        action = "Make the data directory, give it to this user, or name another in [lakehouse]."
        yield Finding(name=name, state=FAIL, found=f"{error.filename or ''}: {error.strerror}", action=action)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    well = sys.version_info[:2] == PYTHON
    action = "" if well else "Run `make setup`; it finds an installed Python 3.13."
    return Finding(name="python", state=WELL if well else FAIL, found=f"{found} at {sys.executable}", action=action)


def _packages() -> Iterator[Finding]:
    """What Sluice names with an exact version is what it was proven on."""
    pins = [entry.split(";")[0].strip() for entry in requires("sluice") or () if "==" in entry]
    for name, pinned in ((name.partition("[")[0], pinned) for name, pinned in (pin.split("==", 1) for pin in pins)):
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        well = found == pinned
        action = "" if well else f"{pinned} is what Sluice was proven on: run `make setup`."
        yield Finding(name=name, state=WELL if well else FAIL, found=found, action=action)


def _disk(layout: Layout) -> Iterator[Finding]:
    """Room, and how long a durable write takes: every order waits for one."""
    directory = layout.directory
    if not directory.is_dir():
        yield Finding(name="disk", state=WARN, found=f"{directory} does not exist yet", action="The first run makes it.")
        return
    free = shutil.disk_usage(directory).free
    state = FAIL if free < FREE_FAIL_BYTES else WARN if free < FREE_WARN_BYTES else WELL
    action = "" if state == WELL else "Make room, or move [lakehouse] directory to a larger disk."
    yield Finding(name="disk", state=state, found=f"{free / 1e9:.1f} GB free at {directory}", action=action)
    taken = [_sync_ms(directory / f".doctor-{os.getpid()}") for _ in range(SYNC_TRIES)]
    slow = median(taken) > SYNC_WARN_MS
    action = f"Above {SYNC_WARN_MS:.0f} ms every order waits noticeably: a local SSD is better." if slow else ""
    yield Finding(name="sync", state=WARN if slow else WELL, found=f"{median(taken):.1f} ms for a durable write", action=action)


def _sync_ms(path: Path) -> float:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        started = time.perf_counter()
        os.write(descriptor, b"doctor\n")
        os.fdatasync(descriptor)
        return (time.perf_counter() - started) * 1e3
    finally:
        os.close(descriptor)
        path.unlink()


def _clock(layout: Layout, *, now_ns: int) -> Iterator[Finding]:
    """The clock against the disk's and against the newest file of the record: it must not have gone back."""
    if not layout.directory.is_dir():
        return
    probe = layout.directory / f".doctor-{os.getpid()}"
    probe.touch()
    try:
        skew = abs(time.time_ns() - probe.stat().st_mtime_ns) / NS
    finally:
        probe.unlink()
    newest = max((file.stat().st_mtime_ns for file in (layout.log, layout.ledger, layout.state) if file.is_file()), default=0)
    if skew > CLOCK_SKEW_MAX_S:
        action = "Check what disk this is, and both clocks."
        yield Finding(name="clock", state=FAIL, found=f"{skew:.1f} s apart from the clock of the disk", action=action)
    elif newest > now_ns + CLOCK_SKEW_MAX_S * NS:
        back = (newest - now_ns) / NS
        action = "Set the clock right (NTP) before a run."
        yield Finding(name="clock", state=FAIL, found=f"the record was written {back:.0f} s after now", action=action)
    else:
        yield Finding(name="clock", state=WELL, found=f"agrees with the disk within {max(skew, 0.001):.3f} s")


def _keys() -> Finding:
    """Private keys, where there are any, are readable by their owner alone."""
    directory = KEYS.expanduser()
    if not directory.is_dir():
        return Finding(name="keys", state=WELL, found=f"none at {KEYS}; simulated venues need none")
    loose = sorted(file.name for file in directory.iterdir() if file.is_symlink() or file.stat().st_mode & 0o077)
    if loose:
        action = f"chmod 400 them in {KEYS}; a symbolic link is refused too."
        return Finding(name="keys", state=FAIL, found=f"open to others: {', '.join(loose)[:200]}", action=action)
    return Finding(name="keys", state=WELL, found=f"all at {KEYS} are this user's alone")


def _record(layout: Layout) -> Iterator[Finding]:
    """Lock, halt, and whether the record proves itself."""
    if not has_file(layout.log) and not has_file(layout.ledger):
        yield Finding(name="record", state=WELL, found="none yet")
        return
    try:
        report = verify(layout.directory)
    except SluiceError as error:
        yield Finding(name="record", state=FAIL, found=one_line(error), action="Do not start a run on it.")
        return
    words = f"{report.log_lines} log lines, {report.fills} fills"
    action = "" if report.ok else "`sluice verify` names the first line that does not agree; do not start a run on it."
    yield Finding(name="record", state=WELL if report.ok else FAIL, found=words, action=action)
    holder = current_holder(layout)
    if holder is not None:
        yield Finding(name="lock", state=WELL, found=f"a run with pid {holder.pid} writes here now")
    if is_halted(layout):
        note = read_halt(layout)
        why = f"by {note.by}: {note.reason}" if note is not None else "the permission file is missing"
        action = "`sluice resume --by NAME --reason WHY` once the reason is gone."
        yield Finding(name="halt", state=WARN, found=f"halted {why}", action=action)


def _manifest(config: RunConfig) -> Finding:
    path = config.lakehouse.manifest
    try:
        status = path.stat()
    except OSError as error:
        action = "Nothing is traded until research writes it (a replay installs its own)."
        return Finding(name="manifest", state=WARN, found=f"{path}: {error.strerror}", action=action)
    hours = (time.time_ns() - status.st_mtime_ns) / NS / 3_600
    return Finding(name="manifest", state=WELL, found=f"{path}, {status.st_size} bytes, written {hours:.1f} h ago")


def _regime_log(config: RunConfig, *, now_ns: int) -> Iterator[Finding]:
    """Of live data its age counts; a replay reads it as of its own time, so only what cannot be read is said."""
    policy = config.regime_audit_policy()
    if policy is None:
        return
    audit = read_regime_audit(policy, as_of_ns=now_ns)
    bad = bool(audit.code) and (audit.code != STALE or config.data.live)
    hours = "" if audit.stamp_ns is None else f", written {(now_ns - audit.stamp_ns) / NS / 3_600:.1f} h ago"
    yield Finding(
        name="regime log",
        state=WARN if bad else WELL,
        found=f"{audit.code}: {audit.message}" if bad else f"{policy.path}: {audit.name}, quadrant {audit.quadrant}{hours}",
        action="Until it can be believed the regime counts as CRISIS." if bad else "",
    )
