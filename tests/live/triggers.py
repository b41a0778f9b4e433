"""The three ways in which a live run is halted: from a second terminal, by a signal, by a control."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tests.live.world import Desk

type Trip = Callable[[Desk, subprocess.Popen[str]], None]


def second_terminal(made: Desk, process: subprocess.Popen[str]) -> None:
    """`sluice halt` by alice, which is not waited for."""
    made.command("halt", "--by", "alice", "--reason", "enough")


def halt_signal(made: Desk, process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGUSR1)


def control(made: Desk, process: subprocess.Popen[str]) -> None:
    """Number 13: a run without its watchdog halts itself."""
    made.end_watchdog()


TRIPS: Final[Mapping[str, Trip]] = MappingProxyType(
    {"second terminal": second_terminal, "signal": halt_signal, "control": control}
)
BY: Final = {"second terminal": "alice", "signal": "signal", "control": "engine"}
