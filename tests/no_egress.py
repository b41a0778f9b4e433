"""A pytest plugin: no process of a run reaches for anything but this machine; one attempt fails its test and the whole run."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).with_name("audit")
if str(AUDIT) not in sys.path:
    sys.path.append(str(AUDIT))

import sluice_audit  # noqa: E402

SEEN: list[str] = sluice_audit.seen  # hosts this process talked to or asked for since the test began, loopback too


def watched(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a Python process is watched as this one is, unless it already says where it reports."""
    paths = environ.get("PYTHONPATH", "").split(os.pathsep)
    found = {name: os.environ[name] for name in (sluice_audit.PLACE, sluice_audit.CANARY) if name in os.environ} | dict(environ)
    found["PYTHONPATH"] = os.pathsep.join([str(AUDIT), *(path for path in paths if path not in ("", str(AUDIT)))])
    return found


@contextmanager
def trying_elsewhere() -> Iterator[list[str]]:
    """For a test which tries on purpose: the hosts it tried, each refused, none held against it. This process alone."""
    sluice_audit.expected = found = []
    try:
        yield found
    finally:
        sluice_audit.expected = None


def attempts(place: str, *, test: str | None = None) -> list[dict[str, Any]]:
    """Return what was tried, by any process that reports there; of one test, with what it started, or of all."""
    file = Path(place, "attempts")
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [each for each in found if test is None or each["test"].rpartition(" (")[0] == test]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run makes the place; its workers and every child inherit it with the environment."""
    if not hasattr(config, "workerinput"):
        place = tempfile.mkdtemp(prefix="sluice-egress-")
        os.chmod(place, 0o777)  # for a child that is another user
        os.environ[sluice_audit.PLACE] = place
        os.environ.update(watched(os.environ))
        config.add_cleanup(lambda: shutil.rmtree(place, ignore_errors=True))
    sluice_audit.install()


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that tried, itself or by a child; what is tried between tests fails the run."""
    sluice_audit.seen.clear()
    yield
    assert attempts(os.environ[sluice_audit.PLACE], test=request.node.nodeid) == []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput") and attempts(os.environ[sluice_audit.PLACE]):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    place = os.environ[sluice_audit.PLACE]
    tried = attempts(place)
    count = len(list(Path(place).glob("watched.*")))
    terminalreporter.write_line(f"egress: {len(tried)} attempts to leave this machine by {count} Python processes")
    for each in tried:
        terminalreporter.write_line(f"  {each}")
