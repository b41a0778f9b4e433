"""The engine's side of its watchdog: starts it, feeds it from the loop, and tells it how the run ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.live_note import LiveNote, NotedArming, NotedVenue, write_live_note
from lakehouse.process_identity import process_identity
from live.last_cancel import Cancelled, LastCancel
from live.watchdog import BEAT, CANCEL, QUIT, READY, SLICE_S, Answer, Orders
from orders.errors import ConfigError, SluiceError

NOT_KNOWN: Final[Mapping[str, NotedArming]] = MappingProxyType({})
BEATS: Final = 4  # in each dead_man_s
READY_S: Final = 60.0  # for a process that imports ccxt, on a machine that is busy
END_S: Final = 5.0  # for a process that has nothing more to do
ANSWER_S: Final = 90.0  # for the venues to confirm; the watchdog goes on without us after that


def note_of(
    config: RunConfig, *, run_id: str, keys: Path, pid: int | None = None, armed: Mapping[str, NotedArming] = NOT_KNOWN
) -> LiveNote:
    """Return what another process needs to cancel for a live run of this config. `pid` None: this process; `armed`: by venue."""
    assert config.live is not None
    pid = os.getpid() if pid is None else pid
    return LiveNote(
        run_id=run_id,
        pid=pid,
        process=process_identity(pid),
        keys=str(keys.expanduser().absolute()),
        dead_man_s=config.live.dead_man_s,
        venues=tuple(
            NotedVenue(
                venue=venue,
                adapter=section.adapter,
                exchange=section.exchange,
                endpoint=section.endpoint,
                credentials=section.credentials,
                timeout_ms=config.live.order_timeout_s * 1_000,
                armed=armed.get(venue),
                tws_port=section.tws_port,
                client_id=section.client_id,
                account_id=section.account_id,
            )
            for venue, section in config.live.venues.items()
        ),
    )


class DeadMan:
    """One per live run, made by `start`. Its heartbeat is a task of the loop: a loop that hangs does not beat."""

    def __init__(self, process: subprocess.Popen[bytes], note: LiveNote, *, lost: Callable[[str], None]) -> None:
        self._process = process
        self._note = note
        self._lost = lost
        self._gone = False
        self._task = asyncio.create_task(self._beat())

    @classmethod
    async def start(cls, layout: Layout, note: LiveNote, *, lost: Callable[[str], None]) -> DeadMan:
        """Start the watchdog and write the run's note. `lost(reason)` is called once when the watchdog is gone.

        Raises `ConfigError` DEAD_MAN_NOT_READY, `StorageError`.
        """
        process = subprocess.Popen(  # our own module  # nosec B603
            [sys.executable, "-m", "live.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # neither Ctrl-C nor the end of the terminal reaches it
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            orders = Orders(directory=str(layout.directory.absolute()), note=note)
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            process.stdin.flush()
            said = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), READY_S)
            if said != READY:
                raise _not_ready(said.decode(errors="replace").strip() or f"exit {process.wait()}")
            write_live_note(layout, msgspec.structs.replace(note, watchdog=process.pid))
        except BaseException as error:
            process.kill()
            process.wait()
            if isinstance(error, TimeoutError | OSError):
                raise _not_ready(f"{type(error).__name__} {error}") from error
            raise
        os.set_blocking(process.stdin.fileno(), False)
        return cls(process, note, lost=lost)

    async def end(self, *, cancel: bool) -> Cancelled | None:
        """The run is over: cleanly (None: orders that rest stay), or with all to be cancelled. Return what was reached then."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        told = self._tell(CANCEL if cancel else QUIT)
        if not cancel:
            self._close()
            return None
        said = b""
        if told and self._process.stdout is not None:
            with contextlib.suppress(TimeoutError):
                said = await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), ANSWER_S)
        self._close()
        with contextlib.suppress(msgspec.DecodeError):
            answer = msgspec.json.decode(said, type=Answer)
            return Cancelled(confirmed=answer.confirmed, detail=answer.detail)
        return await self._without_it()

    async def _without_it(self) -> Cancelled:
        """The watchdog does not answer: the engine itself is who is left."""
        try:
            return await LastCancel(self._note).all(give_up_s=SLICE_S)
        except SluiceError as error:
            return Cancelled(confirmed=False, detail=(f"NOT confirmed: {error}",))

    async def _beat(self) -> None:
        while self._tell(BEAT):
            await asyncio.sleep(self._note.dead_man_s / BEATS)
        self._lost("DEAD_MAN_GONE: the watchdog of this run has ended or does not read; nothing would cancel for a dead engine")

    def _tell(self, what: bytes) -> bool:
        assert self._process.stdin is not None
        try:
            return os.write(self._process.stdin.fileno(), what) == len(what)
        except OSError:  # gone, or stopped for so long that the pipe is full
            return False

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)


def _not_ready(found: str) -> ConfigError:
    return ConfigError(
        "DEAD_MAN_NOT_READY",
        expected=f"the watchdog process to be ready within {READY_S:g} s and to read the same keys",
        found=found,
        action="A live run does not start without one; look at the machine and the key files.",
    )
