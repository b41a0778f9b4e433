"""The stage of a demo: real commands as processes, each shown with what it printed, shortened, and held to its story."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from commands.rehearsal_desk import SLUICE
from orders.errors import SluiceError

SHOWN_MAX: Final = 14  # lines of what a command printed
WIDTH_MAX: Final = 132
COMMAND_S: Final = 180.0  # longest a command of a demo may take
END_S: Final = 30.0  # for a process that was asked to end
LOOK_S: Final = 0.2


class DemoFailed(SluiceError):
    """A step was not as told; the demo ends."""

    def __init__(self, *, expected: str, found: str, action: str) -> None:
        super().__init__("DEMO_FAILED", expected=expected, found=found, action=action)


class Backstage:
    """A process that goes on while the story does; its output is a file."""

    def __init__(self, name: str, process: subprocess.Popen[Any], output: Path) -> None:
        self.name = name
        self.process = process
        self.output = output

    def end(self, *, ask: bool = True) -> int:
        """Ask it to end, and wait; return its exit code. One that does not end is killed. `ask` False: somebody else did."""
        if ask and self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self.process.wait(END_S)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code

    def kill(self) -> None:
        """Kill it with what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def text(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text("utf-8", errors="replace")


class Stage:
    """One per demo. `say` prints a line; `environ`: of every process; every output is kept whole in `outputs`."""

    def __init__(self, outputs: Path, *, say: Callable[[str], None], environ: Mapping[str, str]) -> None:
        self.outputs = outputs
        self.say = say
        self.checked = 0
        self._environ = {**os.environ, **environ}
        self._count = 0
        self._going: list[Backstage] = []
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self._began

    def chapter(self, title: str, words: str) -> None:
        """Begin a chapter."""
        self.say(f"\n== {title} · {self.seconds:.0f} s\n{words}")

    def run(
        self, *words: str | Path, expect: int = 0, says: Sequence[str] = (), show: Sequence[str] | None = None, env: str = ""
    ) -> str:
        """Run a command to its end, show it, and return what it printed. `expect`: its exit code; `says`: what must be in it;
        `show`: only lines with one of these, None: the first ones; `env`: such as SLUICE_ENV=live. Raises `DemoFailed`.
        """
        command = [str(word) for word in words]
        path = self._path(command)
        self.say(f"$ {shown(command, env=env)}")
        done = subprocess.run(  # our own program, words of our own  # nosec B603
            [*SLUICE, *command], capture_output=True, text=True, check=False, timeout=COMMAND_S, env=self._env(env)
        )
        text = done.stdout + done.stderr
        path.write_text(text, "utf-8")
        self._show(text, path=path, show=show)
        self._hold(done.returncode == expect, f"exit {expect} of `{shown(command)}`", f"exit {done.returncode}: {_last(text)}")
        for part in says:
            self._hold(part in text, f"{part!r} in what `{shown(command)}` says", _last(text))
        return text

    def start(self, *words: str | Path, env: str = "", stdin: int | None = None) -> Backstage:
        """Start a command that goes on, and show it."""
        command = [str(word) for word in words]
        path = self._path(command)
        self.say(f"$ {shown(command, env=env)} &")
        with path.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(  # as above  # nosec B603
                [*SLUICE, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=stdin,
                start_new_session=True,
                env=self._env(env),
            )
        made = Backstage(words_of(command), process, path)
        self._going.append(made)
        return made

    def until(self, what: str, holds: Callable[[], bool], *, of: Backstage, within_s: float) -> None:
        """Return once `holds()`. Raises `DemoFailed` when it takes longer, or the process that should do it has ended."""
        deadline = time.monotonic() + within_s
        while not holds():
            ended = of.process.poll()
            if ended is not None and not holds():
                self._hold(False, f"{what} from `{of.name}`", f"exit {ended}: {_last(of.text())}")
            self._hold(time.monotonic() < deadline, f"{what} within {within_s:.0f} s", _last(of.text()))
            time.sleep(LOOK_S)
        self.checked += 1

    def ended(self, process: Backstage, *, ask: bool = True, show: Sequence[str] | None = None) -> str:
        """End a process that goes on (`ask` False: wait for it, as somebody else did), show what it printed, and return that.

        Raises `DemoFailed` where it did not end well.
        """
        code = process.end(ask=ask)
        text = process.text()
        self.say(f"  {process.name} ended, exit {code}")
        self._show(text, path=process.output, show=show)
        self._hold(code == 0, f"exit 0 of `{process.name}`", f"exit {code}: {_last(text)}")
        return text

    def check(self, claim: str, holds: bool, found: str) -> None:
        """Hold the story to a claim, and say that it holds. Raises `DemoFailed`."""
        self._hold(holds, claim, found)
        self.say(f"  holds    {claim}")

    def close(self) -> None:
        """End whatever still goes on."""
        for process in reversed(self._going):
            if process.process.poll() is None:
                process.end()

    def _hold(self, holds: bool, expected: str, found: str) -> None:
        if not holds:
            raise DemoFailed(expected=expected, found=found, action=f"Every output is in {self.outputs}.")
        self.checked += 1

    def _env(self, more: str) -> dict[str, str]:
        name, _, value = more.partition("=")
        return {**self._environ, name: value} if name else self._environ

    def _path(self, command: Sequence[str]) -> Path:
        self._count += 1
        return self.outputs / f"{self._count:02d}-{'-'.join(words_of(command).split())}.txt"

    def _show(self, text: str, *, path: Path, show: Sequence[str] | None) -> None:
        lines = [line for line in text.splitlines() if line.strip() and "\r" not in line]
        wanted = lines if show is None else [line for line in lines if any(part in line for part in show)]
        for line in wanted[:SHOWN_MAX]:
            self.say(f"  {line if len(line) <= WIDTH_MAX else line[: WIDTH_MAX - 1] + '…'}")
        left = len(lines) - len(wanted[:SHOWN_MAX])
        if left:
            self.say(f"  … {left} lines more in {path}")


def shown(command: Sequence[str], *, env: str = "") -> str:
    """Return a command as a person would type it."""
    words = [word if word and not set(word) & set(" '\"$&;|<>()") else f'"{word}"' for word in command]
    return " ".join([*([env] if env else []), ".venv/bin/sluice", *words])


def words_of(command: Sequence[str]) -> str:
    """Return the words of a command before its first option or path: at most two."""
    names = []
    for word in command[:2]:
        if word.startswith("-") or "/" in word or not word.isalpha():
            break
        names.append(word)
    return " ".join(names)


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing"


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
