"""Each case gets a started harness, and its record is examined when the case is over; a run ends with the capability matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.ccxt_harness import CcxtHarness
from tests.conformance.harness import BacktestHarness, Harness
from tests.conformance.ib_harness import IbHarness
from tests.conformance.invariants import check_record, check_start, left_by
from tests.conformance.made import Made
from tests.conformance.node_harness import NodeHarness

HARNESSES: dict[str, type[Harness]] = {
    harness.name: harness for harness in (BacktestHarness, NodeHarness, CcxtHarness, IbHarness)
}
CASE = re.compile(r"test_(c\d\d)_(\w+)\[(\w+)(?:-(.*))?\]$")
RESULTS: dict[tuple[str, str], dict[str, str]] = {}


@pytest.fixture(params=list(HARNESSES))
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    """A started harness. Marker `needs(capability)` skips where a harness has not got it."""
    kind = HARNESSES[request.param]
    for marker in request.node.iter_markers("needs"):
        missing = set(marker.args) - kind.capabilities
        if missing:
            pytest.skip(f"{kind.name} has no {', '.join(sorted(missing))}")
    made = kind(Made(tmp_path, kind.first, kind.other).write())  # type: ignore[call-arg]
    try:
        yield made
        made.settle()
        left = left_by(made)
        made.close_record()
    finally:
        made.stop()
    check_record(made, left)
    if isinstance(made, NodeHarness):
        assert {code for code, _ in made.alarms} <= made.expected_alarms
        assert {reason.partition(":")[0] for reason in made.halts} <= made.expected_halts
        if made.sent():  # where nothing was sent, another start has nothing to tell
            check_start(made, left)


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "needs(capability): skip a conformance case where the harness lacks the capability")


def pytest_sessionfinish() -> None:
    CcxtHarness.end_venue()
    IbHarness.end_venue()


def pytest_runtest_logreport(report: Any) -> None:
    if "tests/conformance/" not in report.nodeid:
        return
    found = CASE.search(report.nodeid)
    if found is None:
        return
    number, claim, harness, variant = found.groups()
    title = claim.replace("_", " ") + (f" ({variant})" if variant else "")
    row = RESULTS.setdefault((number, title), {})
    if report.failed:
        row[harness] = "FAILED"
    elif report.skipped:
        row[harness] = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "skipped"
    elif report.when == "call":
        row.setdefault(harness, "yes")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not RESULTS:
        return
    write = terminalreporter.write_line
    names = list(HARNESSES)
    write("")
    write(f"| case | claim | {' | '.join(names)} |")
    write(f"| --- | --- |{' --- |' * len(names)}")
    for (number, title), row in sorted(RESULTS.items()):
        write(f"| {number} | {title} | {' | '.join(row.get(name, 'not run') for name in names)} |")
