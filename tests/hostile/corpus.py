"""The corpus: every hostile document by kind and name, with exit code and code of its refusal, in tests/golden/hostile.

`SLUICE_HOSTILE=write` makes the tables anew; then they are read, line by line, like any change.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.children import FULL
from tests.hostile.documents import HUGE
from tests.hostile.kinds import Kind
from tests.hostile.places import PLACES
from tests.hostile.stand import Answer, Stand, stand

GOLDEN = Path(__file__).parents[1] / "golden" / "hostile"
WRITE = os.environ.get("SLUICE_HOSTILE") == "write"
SHORT = 5  # outside a campaign one document in so many is tried, with all that are huge, and all that are no plain file


@dataclass(frozen=True)
class Desk:
    """A stand, and the good documents of one group on disk."""

    stand: Stand
    kinds: dict[str, Kind]
    huge: Path

    def line(self, kind: str, name: str) -> str:
        """Give one hostile document to its command, put the good one back; return what came back as a line of the table."""
        one = self.kinds[kind]
        one.put(name, self.huge)
        try:
            answer = self.stand.ask(*one.words)
        finally:
            one.mend()
        assert answer.faults(coded=one.coded) == [], answer
        return line_of(name, answer)


def line_of(name: str, answer: Answer) -> str:
    """One line of a table."""
    return f"{answer.code} {answer.token or '-':<24} {name}"


@cache
def outcomes(kind: str) -> dict[str, str]:
    """The table of one kind: line by name."""
    path = GOLDEN / f"{kind}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split(maxsplit=2)[2]: line for line in lines}


def cases(*kinds: str) -> list[Any]:
    """Kind and name of the documents that are tried now, as parameters."""
    found = [(kind, name) for kind in kinds for name in outcomes(kind)]
    always = HUGE.keys() | PLACES.keys()
    tried = [pair for number, pair in enumerate(found) if FULL or number % SHORT == 0 or pair[1] in always]
    return [pytest.param(kind, name, id=f"{kind}: {name}") for kind, name in tried]


@contextmanager
def desk(root: Path, *modules: str, group: Callable[[Path], Iterator[Kind]]) -> Iterator[Desk]:
    """A desk with the documents of a group; its process has imported `modules`."""
    with stand(root, *modules) as served:
        made = Desk(stand=served, kinds={kind.name: kind for kind in group(root)}, huge=root)
        for kind in made.kinds.values():
            answer = served.ask(*kind.words)
            assert answer.code in kind.fit, answer
        if WRITE:
            write(made)
        yield made
    for name in HUGE:
        (root / name).unlink(missing_ok=True)


def write(made: Desk) -> None:
    """Write the tables of a desk."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for kind in made.kinds.values():
        lines = [made.line(kind.name, name) for name in kind.names()]
        (GOLDEN / f"{kind.name}.txt").write_text("\n".join(lines) + "\n")
    outcomes.cache_clear()
