"""Hostile documents through the real command line: what comes back, how long it took, how much memory, and whether it is fit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.children import child

ROOT = Path(__file__).parents[2]
MEMORY = 512 * 1024 * 1024  # bytes that a reader may map beyond what it began with
LIMIT_S = 30.0  # wall, on a machine that others use; what is killed by it is a hang
SAID_MAX = 20_000  # bytes of all a refusal prints
LINE_MAX = 2_000  # characters of one line of it
PROBLEMS = re.compile(r" has [0-9]+ problems?\n +[0-9]+  ")  # a config's: each with its line and key
TOLD = re.compile(r"^(?:error|refused) +([A-Z][A-Z0-9_]+)  ", re.MULTILINE)  # how an error is told
CODE = re.compile(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b")  # how a verdict names its reason
MODULES = ("commands.main",)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one command did with one document."""

    code: int
    hung: bool
    said: str
    cpu_s: float
    peak_kb: int

    @property
    def token(self) -> str:
        """The first code of the message; "" where there is none."""
        found = TOLD.search(self.said) or CODE.search(self.said)
        return found[1] if found else ""

    def faults(self, *, coded: bool = True) -> list[str]:
        """Why this is no fit answer; empty where it is one. `coded`: a refusal has a code in its words."""
        found = []
        if self.hung:
            found.append("it hung")
        if self.code not in (0, 1, 2, 3):
            found.append(f"exit code {self.code}")
        for word in ("Traceback", "INTERNAL"):
            if word in self.said:
                found.append(word)
        if not self.said.strip():
            found.append("it says nothing")
        if len(self.said) > SAID_MAX or max(map(len, self.said.splitlines()), default=0) > LINE_MAX:
            found.append(f"{len(self.said)} characters said")
        if unfit := {ascii(one) for one in self.said if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Cs")}:
            found.append(f"characters that steer a terminal: {sorted(unfit)}")
        if coded and self.code and not self.token and not PROBLEMS.search(self.said):
            found.append("no code")
        return found


class Stand:
    """Made by `stand`."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process = process
        self._said = directory / "said"

    def ask(
        self, *words: object, env: Mapping[str, str] | None = None, memory: int = MEMORY, limit_s: float = LIMIT_S, user: int = 0
    ) -> Answer:
        """Run one command line; `user`: a uid it becomes first."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        case = {
            "words": [str(word) for word in words], "env": dict(env or {}), "said": str(self._said), "memory": memory,
            "limit_s": limit_s, "user": user,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        return Answer(said=self._said.read_bytes().decode("utf-8", "surrogateescape"), **found)


@contextmanager
def stand(directory: Path, *modules: str) -> Iterator[Stand]:
    """A stand whose process has imported these modules; what commands say goes through a file of the directory."""
    command: Sequence[str] = [sys.executable, "-m", "tests.hostile.stand_child", *MODULES, *modules]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with child(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=None, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Stand(process, directory)
