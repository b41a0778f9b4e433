"""Each case gets a started harness, and its record is examined when the case is over; a run ends with the capability matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.ccxt_harness import CcxtHarness
from tests.conformance.harness import BacktestHarness, Harness, NodeHarness
from tests.conformance.invariants import check_record
from tests.conformance.made import Made

HARNESSES = {harness.name: harness for harness in (BacktestHarness, NodeHarness, CcxtHarness)}
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
    made = kind(Made(tmp_path).write())  # type: ignore[abstract]
    try:
        yield made
        made.settle()
        balances = {venue: (made.venue_balances(venue), made.book_balances(venue)) for venue in made.parts.config.venues}
        shares = made.share_positions()
        made.close_record()
    finally:
        made.stop()
    check_record(made, balances=balances, shares=shares)


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "needs(capability): skip a conformance case where the harness lacks the capability")


def pytest_sessionfinish() -> None:
    CcxtHarness.end_exchange()


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
        row[harness] = "skipped: " + (report.longrepr[2] if isinstance(report.longrepr, tuple) else "")
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
