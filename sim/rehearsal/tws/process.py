"""The fake TWS as a process: `python -m sim.rehearsal.tws.process SETTINGS`, started by `sim.rehearsal.tws.handle`.

Settings are JSON; the first line it prints says where it listens. It ends when standard input does: when the process that started
it dies. People start it by `sluice rehearse --tws`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from orders.errors import SluiceError
from sim.rehearsal.tws.server import Settings, TwsServer


async def serve(
    settings: Settings, *, started: Callable[[dict[str, Any]], None], for_s: int | None = None, with_stdin: bool = False
) -> dict[str, Any]:
    """Serve until SIGINT, SIGTERM, the control endpoint, standard input or the clock says so; return what TWS saw."""
    server = TwsServer(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stopped.set)
    hello = await server.start()
    if with_stdin:
        threading.Thread(target=_await_end, args=(loop, server.stopped), daemon=True).start()
    try:
        started(hello)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.stopped.wait(), for_s)
        return server.seen()
    finally:
        await server.stop()


def _await_end(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4_096):  # not its buffer, whose lock Python wants at its own end
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stopped.set)


def main() -> int:
    """Run it with the settings of the command line."""

    def started(hello: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(hello) + "\n")
        sys.stdout.flush()

    try:
        asyncio.run(serve(msgspec.json.decode(sys.argv[1], type=Settings), started=started, with_stdin=True))
    except (SluiceError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
