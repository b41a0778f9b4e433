"""A pytest plugin: the keys of a test run are unguessable, and whatever the run says, writes or starts is searched for them.

Searched are: what tests and children print (captured, read back, or in a traceback), what is left in files of the run's
temporary directory, and arguments and environment of every Python process and of all it starts. One find fails the whole run.
The keys lie in a directory of their own, whose path alone is in the environment.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.capture import CaptureFixture

AUDIT = Path(__file__).with_name("audit")
if str(AUDIT) not in sys.path:
    sys.path.append(str(AUDIT))

import sluice_audit  # noqa: E402

ALPHABET = string.ascii_lowercase + string.digits
KEY_FILES = frozenset({"rehearsal", "binance"})  # names under which a test keeps a key: two lines, which are meant to be there
PART = 1 << 24
OVERLAP = 4_096
READ_MAX = 1 << 28  # bytes of one file that are searched; what is longer was made to be too long
KEY, SECRET, KEY_FILE = "key", "secret", "key_file"


def _place() -> Path:
    """Where the keys lie; made for this process alone where no run made it, as when a helper is tried by hand."""
    if sluice_audit.CANARY not in os.environ:
        os.environ[sluice_audit.CANARY] = str(_made())
    return Path(os.environ[sluice_audit.CANARY])


def _made() -> Path:
    place = Path(tempfile.mkdtemp(prefix="sluice-canary-"))
    place.chmod(0o711)  # a child that is another user reports here too
    marker = "".join(secrets.choice(ALPHABET) for _ in range(18))
    key, secret = (f"{_drawn(9)}{marker}{_drawn(30)}" for _ in range(2))
    facts = {"marker": marker, KEY: key, SECRET: secret}
    (place / "keys.json").write_text(json.dumps(facts))
    (place / "forms").write_bytes(b"\n".join(name.encode() + b" " + form for name, form in sluice_audit.forms(marker).items()))
    (place / "rehearsal").write_text(f"{key}\n{secret}\n")
    (place / "rehearsal").chmod(0o400)
    (place / "leaks").touch()
    (place / "leaks").chmod(0o666)
    return place


def _drawn(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def key() -> str:
    """The key of this run: 57 letters and digits."""
    return str(json.loads((_place() / "keys.json").read_text())[KEY])


def secret() -> str:
    """The secret of this run."""
    return str(json.loads((_place() / "keys.json").read_text())[SECRET])


def key_file() -> Path:
    """Both in a file as Sluice reads one: two lines, mode 0400."""
    return _place() / "rehearsal"


def hear(said: str | bytes | None, *, where: str) -> None:
    """Search what was said; a find is written down."""
    if said:
        data = said.encode("utf-8", "surrogatepass") if isinstance(said, str) else said
        sluice_audit.search(data, where)


def leaks() -> list[dict[str, Any]]:
    """What was found so far."""
    file = _place() / "leaks"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def search_files(root: Path) -> None:
    """Search every plain file below a directory."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            try:
                if stat.S_ISREG(path.lstat().st_mode) and not _is_key_file(path):
                    for part in _parts(path):
                        hear(part, where=f"file {path}")
            except OSError:
                continue  # gone, or made so that nobody reads it


def _is_key_file(path: Path) -> bool:
    return path.name in KEY_FILES and path.stat().st_size < 1_000 and len(path.read_bytes().split()) == 2


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        tail, left = b"", READ_MAX
        while left > 0 and (part := file.read(PART)):
            yield tail + part
            tail, left = part[-OVERLAP:], left - len(part)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run draws the keys; its workers and every child find them by the path."""
    if not hasattr(config, "workerinput"):
        place = os.environ[sluice_audit.CANARY] = str(_made())
        config.add_cleanup(lambda: shutil.rmtree(place, ignore_errors=True))
    sluice_audit.install_canary()
    _listen()


def _listen() -> None:
    """Hear what a test reads back of a child, and of itself, which is then in no report."""
    communicate, readouterr = subprocess.Popen.communicate, CaptureFixture.readouterr
    if getattr(communicate, "heard", False):
        return

    def communicated(self: Any, *given: Any, **options: Any) -> Any:
        found = communicate(self, *given, **options)
        for said in found:
            hear(said, where=f"output of {self.args!r}")
        return found

    def read(self: Any) -> Any:
        found = readouterr(self)
        for said in found:
            hear(said, where="output that a test read")
        return found

    communicated.heard = True  # type: ignore[attr-defined]
    subprocess.Popen.communicate = communicated  # type: ignore[method-assign]
    CaptureFixture.readouterr = read  # type: ignore[method-assign]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What was captured of a test, and its traceback."""
    for name, text in report.sections:
        hear(text, where=f"{name} of {report.nodeid}")
    if report.failed:
        hear(str(report.longrepr), where=f"traceback of {report.nodeid}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        search_files(factory.getbasetemp())
    if leaks():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found = leaks()
    terminalreporter.write_line(f"canary: the keys of this run were found {len(found)} times outside their files")
    for each in found:
        terminalreporter.write_line(f"  {each['form']} in {each['where']}, {each['test'] or 'between tests'}")
