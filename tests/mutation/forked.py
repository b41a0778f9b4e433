"""Tests against mutants in forked processes: everything is imported and collected once, a mutant costs the tests that reach it.

A mutant of a function's body takes the place of that function's code, in a child of the process that collected the tests. One
outside of functions (a constant, a default, a class body) is imported anew, in a child of a process that has imported none of
our rooms yet; so is a mutant that survived the first way, before it counts as a survivor: what a test module computed while it
was imported was computed with the real code there.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import json
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.operators import Mutant, mutated

ROOT: Final = Path(__file__).resolve().parents[2]
ROOM: Final = ROOT / "sentinel"
KILLED: Final = "killed"
SURVIVED: Final = "survived"
TOOL: Final = 4  # of sys.monitoring; coverage and debuggers have others
CPU_S_MIN: Final = 15  # of processor time, however short the tests are
MEMORY_MORE_MAX: Final = 4 << 30  # bytes of address space beside what it has: a mutant that never stops adding ends
NOT_BEGUN: Final = 98  # exit code
WALL_FACTOR: Final = 20  # a child that only waits is ended too; the machine may be busy
OURS: Final = (
    "sentinel",
    "orders",
    "lakehouse",
    "strategies",
    "venues",
    "engine",
    "sim",
    "live",
    "analysis",
    "commands",
    "tests",
)

settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,  # the same figure every time
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Reach:
    """One test: how long it took without a mutant, and the lines of the room it ran, as module -> lines."""

    place: int
    took_s: float
    lines: dict[str, frozenset[int]]


def in_child(work: Callable[[], int], *, cpu_s: float, wall_s: float) -> int | None:
    """Run `work` in a fork, without its output; return its exit code, None when it was ended by a signal or was too slow."""
    pid = os.fork()
    if pid == 0:
        code = NOT_BEGUN
        try:
            os.setsid()
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 2))
            most = MEMORY_MORE_MAX + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            code = 99
            code = work()
        finally:
            os._exit(code)
    until, pause = time.monotonic() + wall_s, 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    ended = os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
    if ended == NOT_BEGUN:
        raise RuntimeError("a child that runs tests was expected; it could not begin")
    return ended


class Session:
    """A pytest plugin: instead of running the collected tests it asks `work`, once, and ends."""

    def __init__(self, work: Callable[[Session], object]) -> None:
        self._work = work
        self.items: list[pytest.Item] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise RuntimeError("tests that can be collected were expected; run them without mutants first")
        self.items = list(session.items)
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one directory for all children
        gc.collect()
        gc.freeze()
        self._work(self)
        return True

    def first_failing(self, places: Sequence[int]) -> int | None:
        """Run these tests until one fails; return its place, None when all pass."""
        for place, following in zip(places, [*places[1:], None], strict=True):
            after = None if following is None else self.items[following]
            if any(report.failed for report in runtestprotocol(self.items[place], nextitem=after, log=False)):
                return place
        return None

    def reached(self) -> list[Reach]:
        """Run every test without a mutant, in a child; return what each of them runs of the room."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as stream:
                try:
                    json.dump(self._watched(), stream)
                except BaseException as error:  # told to the parent, which raises it
                    json.dump(f"{type(error).__name__}: {error}", stream)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            text = stream.read()
        os.waitpid(pid, 0)
        found = json.loads(text) if text else "the child that runs them was expected to end by itself"
        if isinstance(found, str):
            raise RuntimeError(found)
        return [Reach(place, took, {name: frozenset(at) for name, at in lines.items()}) for place, took, lines in found]

    def _watched(self) -> list[tuple[int, float, dict[str, list[int]]]]:
        lines: dict[str, set[int]] = {}
        where = str(ROOM) + os.sep

        def at(code: CodeType, line: int) -> object:
            if code.co_filename.startswith(where):
                lines.setdefault(Path(code.co_filename).stem, set()).add(line)
            return sys.monitoring.DISABLE

        sys.monitoring.use_tool_id(TOOL, "mutation")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, at)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)
        found = []
        for place, item in enumerate(self.items):
            lines.clear()
            forget_answers()
            sys.monitoring.restart_events()
            start = time.process_time()
            if self.first_failing([place]) is not None:
                raise RuntimeError(f"every test was expected to pass without a mutant, {item.nodeid} does not")
            found.append((place, time.process_time() - start, {name: sorted(at) for name, at in lines.items()}))
        return found

    def tried(self, mutant: Mutant | None, *, places: Sequence[int], took_s: float) -> tuple[str, int | None]:
        """Put the mutant in the place of its function, None: nothing, and run these tests in a child; return KILLED or SURVIVED,
        and the place of the test that failed, None where none did or the child was ended.
        """
        failed = mmap.mmap(-1, 8)

        def work() -> int:
            try:
                if mutant is not None:
                    replace_code(mutant)
                forget_answers()
                place = self.first_failing(places)
            except BaseException:  # a mutant may raise anything, from anywhere
                return 1
            failed[:8] = ((place if place is not None else -1) + 1).to_bytes(8)
            return int(place is not None)

        code = in_child(work, cpu_s=limit_s(took_s), wall_s=WALL_FACTOR * limit_s(took_s))
        told = int.from_bytes(failed[:8])
        failed.close()
        return (SURVIVED if code == 0 else KILLED), (told - 1 if told else None)


def limit_s(took_s: float) -> float:
    return CPU_S_MIN + 4 * took_s


def replace_code(mutant: Mutant) -> None:
    """Give a function of an imported module its mutant's code."""
    path = ROOM / f"{mutant.module}.py"
    whole = compile(mutated(path.read_text(), number=mutant.number), str(path), "exec")
    function_of(sys.modules[f"sentinel.{mutant.module}"], mutant.function).__code__ = _code_of(whole, mutant.function)


def forget_answers() -> None:
    """Empty what functions of the room keep: a mutant, or a test that is watched, must not get an answer of before."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "sentinel":
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


def function_of(module: ModuleType, dotted: str) -> FunctionType:
    owner: Any = module
    for name in dotted.split("."):
        owner = vars(owner)[name]
    for inner in ("fget", "__func__", "__wrapped__"):
        owner = getattr(owner, inner, owner)
    assert isinstance(owner, FunctionType), dotted
    return owner


def _code_of(code: CodeType, dotted: str) -> CodeType:
    for name in dotted.split("."):
        inside = [one for one in code.co_consts if isinstance(one, CodeType)]
        generic = [one for outer in inside if outer.co_name.startswith("<generic") for one in outer.co_consts]
        code = next(one for one in (*inside, *generic) if isinstance(one, CodeType) and one.co_name == name)
    return code


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the room as its mutant."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
        if fullname != f"sentinel.{self._mutant.module}":
            return None
        return importlib.util.spec_from_file_location(fullname, ROOM / f"{self._mutant.module}.py", loader=self)

    def exec_module(self, module: ModuleType) -> None:
        path = ROOM / f"{self._mutant.module}.py"
        exec(compile(mutated(path.read_text(), number=self._mutant.number), str(path), "exec"), vars(module))


def tried_from_import(mutant: Mutant | None, *, tests: Sequence[str], took_s: float) -> str:
    """Import everything with the mutant, None: as it is, in a child, run these tests (node ids); return KILLED or SURVIVED."""

    def work() -> int:
        if mutant is not None:
            sys.meta_path.insert(0, _Mutated(mutant))
        try:
            return int(pytest.main([*ARGUMENTS, "-x", *tests]))
        except BaseException:  # it may break the import of anything
            return 1

    allowed = limit_s(took_s + 20)  # and what importing takes
    return KILLED if in_child(work, cpu_s=allowed, wall_s=WALL_FACTOR * allowed) != 0 else SURVIVED


ARGUMENTS: Final = (
    "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider", "-p", "no:terminalreporter",
    "-p", "no:xdist", "--hypothesis-profile=mutation", "--rootdir", str(ROOT),
)  # fmt: skip


def collected(tests: Sequence[str], work: Callable[[Session], object]) -> None:
    """Collect tests in this process and hand them to `work`."""
    code = pytest.main([*ARGUMENTS, *tests], plugins=[Session(work)])
    if code not in (0, 5):
        raise RuntimeError(f"tests that can be collected were expected, pytest answered {code}")


def imported_beside_ours() -> list[str]:
    """What the tests import that is not ours, and a process of mutants of whole modules may have imported before."""
    return sorted(name for name in sys.modules if name.partition(".")[0] not in OURS and not name.startswith("__"))
