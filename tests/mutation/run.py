"""Mutation testing of `sentinel/`: `make mutation`, or `python -m tests.mutation.run`. What it found is in docs/mutation.md.

(1) Every test of `TESTS` is run once without a mutant, and the lines it runs are kept. (2) Every mutant is tried by the tests
that reach its line, until one fails; those that failed of its function before come first, then the quickest. (3) What survives,
and what stands outside of functions, is tried with everything imported anew. Exit 1: one survives that nobody has judged.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutation import forked
from tests.mutation.forked import KILLED, ROOM, ROOT, SURVIVED, Reach, Session
from tests.mutation.operators import Mutant, mutants
from tests.mutation.page import PAGE, Tried, judgements, page

TESTS: Final = (
    "tests/sentinel",
    "tests/overrides/test_forgery.py",
    "tests/overrides/test_token_parse.py",
    "tests/promotion/test_handoff_bounds.py",
    "tests/promotion/test_statement.py",
    "tests/schedules/test_conservation.py",
    "tests/schedules/test_child_check.py",
    "tests/limits/test_share_of_volume.py",
    "tests/orders/test_reconcile.py",
)
"""Tests that judge without a node, a venue or a clock; the oracle's take longer than all others together."""
TOLD_S: Final = 10.0
VALUES: Final = "tests/sentinel/test_values.py"  # of what stands at the top of modules
LIKELY_FILES: Final = 3
type Told = Callable[[str], None]


@dataclass(frozen=True)
class Reaches:
    """What the tests reach: node ids by place, and what each runs."""

    ids: list[str]
    tests: list[Reach]

    def of(self, mutant: Mutant) -> list[Reach]:
        """The tests that reach a mutant, the quickest first. What stands outside of functions runs while it is imported, so any
        test may tell it; those that run something of its module come first.
        """
        lines = set(mutant.lines)
        if not mutant.in_function:
            return sorted(self.tests, key=lambda test: (mutant.module not in test.lines, test.took_s, test.place))
        found = [test for test in self.tests if not lines.isdisjoint(test.lines.get(mutant.module, ()))]
        return sorted(found, key=lambda test: (test.took_s, test.place))

    def by_file(self, found: Sequence[Reach], *, module: str) -> list[list[str]]:
        """Node ids by file, which is collected as a whole: `VALUES`, then those that run much of `module` in little time."""
        files: dict[str, list[Reach]] = {}
        for test in found:
            files.setdefault(self.file(test), []).append(test)

        def worth(file: str) -> tuple[bool, float, str]:
            much = sum(len(test.lines.get(module, ())) for test in files[file])
            return file != VALUES, sum(test.took_s for test in files[file]) - 0.01 * much, file

        return [
            [self.ids[test.place] for test in sorted(files[file], key=lambda test: test.place)]
            for file in sorted(files, key=worth)
        ]

    def file(self, test: Reach) -> str:
        return self.ids[test.place].partition("::")[0]


def room(names: Iterable[str] = ()) -> list[Mutant]:
    """Return the mutants of these modules, or of all."""
    wanted = set(names)
    paths = [path for path in sorted(ROOM.glob("*.py")) if not wanted or path.stem in wanted]
    return [mutant for path in paths for mutant in mutants(path.read_text(), module=path.stem)]


def try_all(
    chosen: Sequence[Mutant], *, tests: Sequence[str], lives: Iterable[str], anew: bool, control: bool, told: Told
) -> list[Tried]:
    """Return what became of each mutant, in their order. `lives`: names of those that are judged, and not tried a second time;
    `anew` false: what stands outside of functions is left out, and nothing that survives is tried again; `control`: see first
    that the tests pass without a mutant in the order they are used in.
    """
    answers, modules, reaches = _in_functions(chosen, tests=tests, control=control, told=told)
    known = set(lives)
    if anew:
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:  # what cannot be imported by itself the tests import
                continue
        assert not [name for name in sys.modules if name.partition(".")[0] == "sentinel"]
        left = [one for one in chosen if answers.get(one.name, "") != KILLED and not (one.name in answers and one.name in known)]
        if (
            control
            and _anew(None, reaches.by_file(reaches.tests, module=""), took_s=sum(one.took_s for one in reaches.tests)) == KILLED
        ):
            raise RuntimeError("tests that pass when they are imported anew were expected, without a mutant one does not")
        progress = _Progress(len(left), "imported anew", told)
        for mutant in left:
            found = reaches.of(mutant)
            answers[mutant.name] = _anew(
                mutant, reaches.by_file(found, module=mutant.module), took_s=sum(test.took_s for test in found)
            )
            progress.one(mutant, answers[mutant.name], reached=bool(found))
    return [Tried(one, answers[one.name] == KILLED) for one in chosen if one.name in answers]


def _anew(mutant: Mutant | None, files: Sequence[Sequence[str]], *, took_s: float) -> str:
    """Try a mutant from its import on: first the files that are likely to tell it, then the others."""
    for part in (files[:LIKELY_FILES], files[LIKELY_FILES:]):
        ids = [one for file in part for one in file]
        if ids and forked.tried_from_import(mutant, tests=ids, took_s=took_s) == KILLED:
            return KILLED
    return SURVIVED


def _in_functions(
    chosen: Sequence[Mutant], *, tests: Sequence[str], control: bool, told: Told
) -> tuple[dict[str, str], list[str], Reaches]:
    """Collect the tests in a child and try there what stands in functions; return the answers, what was imported, the reaches."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as stream:
                forked.collected(tests, lambda session: json.dump(_answers(session, chosen, control=control, told=told), stream))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    if status or not text:
        raise SystemExit("mutation: the tests were expected to pass without a mutant; what they said stands above")
    answers, modules, ids, tests_run = json.loads(text)
    known = [Reach(place, took, {name: frozenset(at) for name, at in lines.items()}) for place, took, lines in tests_run]
    return answers, modules, Reaches(ids, known)


def _answers(session: Session, chosen: Sequence[Mutant], *, control: bool, told: Told) -> list[Any]:
    found = session.reached()
    reaches = Reaches([item.nodeid for item in session.items], found)
    whole_s = sum(test.took_s for test in found)
    told(f"{len(found)} tests in {whole_s:.1f} s of processor time")
    if control:
        places = [test.place for test in sorted(found, key=lambda test: test.took_s)]
        answer, failed = session.tried(None, places=places, took_s=whole_s)
        if answer == KILLED:
            raise RuntimeError(f"tests that pass in any order were expected, {reaches.ids[failed or 0]} does not")
    inside = [mutant for mutant in chosen if mutant.in_function]
    progress = _Progress(len(inside), "in place", told)
    answers: dict[str, str] = {}
    failing: dict[str, list[int]] = {}  # by function: tests that failed of its mutants, the last one first
    for mutant in inside:
        near = reaches.of(mutant)
        best = failing.setdefault(f"{mutant.module}.{mutant.function}", [])
        places = [test.place for test in near]
        places.sort(key=lambda place, best=best: best.index(place) if place in best else len(best))  # type: ignore[misc]
        answer, failed = (
            session.tried(mutant, places=places, took_s=sum(test.took_s for test in near)) if near else (SURVIVED, None)
        )
        answers[mutant.name] = answer
        if failed is not None:
            best[:] = [failed, *(place for place in best if place != failed)]
        progress.one(mutant, answer, reached=bool(near))
    runs = [(test.place, test.took_s, {name: sorted(at) for name, at in test.lines.items()}) for test in found]
    return [answers, forked.imported_beside_ours(), reaches.ids, runs]


class _Progress:
    def __init__(self, whole: int, what: str, told: Told) -> None:
        self._whole, self._what, self._told = whole, what, told
        self._done = self._survived = 0
        self._next = time.monotonic() + TOLD_S

    def one(self, mutant: Mutant, answer: str, *, reached: bool) -> None:
        self._done += 1
        if answer == SURVIVED:
            self._survived += 1
            note = "" if reached else "   (no test runs it)"
            self._told(f"survives: sentinel/{mutant.module}.py:{mutant.line} [{mutant.operator}] {mutant.name}{note}")
        if time.monotonic() > self._next or self._done == self._whole:
            self._next = time.monotonic() + TOLD_S
            self._told(f"{self._what}: {self._done} of {self._whole}, {self._survived} survive; {mutant.module}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules of sentinel/; all where none is named")
    parser.add_argument("--sample", type=int, help="try so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write docs/mutation.md; judgements that stand there stay")
    parser.add_argument("--in-place", action="store_true", help="leave out what must be imported anew: quick, and not the figure")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="test files, in place of the usual ones")
    parser.add_argument("--out", type=Path, help="write the answers there, as JSON")
    parser.add_argument("--again", type=Path, help="try only what survived in these answers")
    asked = parser.parse_args(arguments)
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of what tests see
        again = [sys.executable, "-m", "tests.mutation.run", *(sys.argv[1:] if arguments is None else arguments)]
        os.execve(sys.executable, again, os.environ | {"PYTHONHASHSEED": "0"})
    os.chdir(ROOT)
    chosen = room(asked.modules)
    judged = judgements(PAGE.read_text() if PAGE.exists() else "")
    if asked.again is not None:
        before: dict[str, str] = json.loads(asked.again.read_text())
        chosen = [mutant for mutant in chosen if before.get(mutant.name, SURVIVED) == SURVIVED]
    if asked.sample is not None:
        chosen = random.Random(asked.seed).sample(chosen, min(asked.sample, len(chosen)))
    tried = try_all(
        chosen, tests=asked.tests, lives=judged, anew=not asked.in_place, control=asked.sample is None,
        told=lambda text: print(f"mutation: {text}", file=sys.stderr, flush=True),
    )  # fmt: skip
    if asked.out is not None:
        asked.out.write_text(json.dumps({one.mutant.name: KILLED if one.dead else SURVIVED for one in tried}, indent=1))
    if asked.write:
        PAGE.write_text(page(tried, judged=judged))
    dead = sum(one.dead for one in tried)
    new = [one.mutant for one in tried if not one.dead and not judged.get(one.mutant.name)]
    for mutant in new:
        print(f"not judged: sentinel/{mutant.module}.py:{mutant.line} [{mutant.operator}] {mutant.name}")
    print(
        f"{dead} of {len(tried)} mutants die: {100 * dead / max(len(tried), 1):.1f} %; {len(new)} survive that nobody has judged"
    )
    return 1 if new else 0


if __name__ == "__main__":
    raise SystemExit(main())
