"""The rehearsal exchange's life as a process: from its first word on standard output to its end.

`python -m sim.rehearsal.process SETTINGS` is what `sim.rehearsal.handle` starts, with its settings as JSON; it ends when standard
input does, which is when the process that started it dies. People start it by `sluice rehearse`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from orders.errors import SluiceError
from sim.rehearsal.script import play
from sim.rehearsal.server import Chance, RehearsalServer, Settings


async def serve(
    settings: Settings,
    *,
    started: Callable[[dict[str, str]], None],
    steps: Iterable[dict[str, Any]] = (),
    chance: Chance | None = None,
    for_s: int | None = None,
    with_stdin: bool = False,
) -> dict[str, Any]:
    """Serve until the control endpoint, SIGINT, SIGTERM, standard input or the clock says so; return what the exchange saw.

    `steps` are done meanwhile; that they end does not end it. Raises what a step raises, and what `RehearsalServer` does.
    """
    server = RehearsalServer(settings)
    async with contextlib.AsyncExitStack() as ending:
        ending.push_async_callback(server.stop)
        if chance is not None:
            server.leave_to(chance)
        stopped, loop = server.control.stopped, asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        hello = await server.start()
        if with_stdin:
            threading.Thread(target=_await_end, args=(loop, stopped), daemon=True).start()
        feed = asyncio.create_task(play(server.control.do, steps))
        ending.callback(feed.cancel)
        feed.add_done_callback(lambda done: stopped.set() if not done.cancelled() and done.exception() else None)
        await asyncio.sleep(0)  # the first steps: a market is there when somebody is told of it
        started(hello)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), for_s)
        if feed.done():
            feed.result()
        return server.seen()


def _await_end(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4_096):  # not its buffer, whose lock Python wants at its own end
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stopped.set)


def main() -> int:
    """Run it with the settings of the command line; say where it listens on the first line."""

    def started(hello: dict[str, str]) -> None:
        sys.stdout.write(json.dumps(hello) + "\n")
        sys.stdout.flush()

    try:
        settings = msgspec.json.decode(sys.argv[1], type=Settings)
        asyncio.run(serve(settings, started=started, with_stdin=True))
    except (SluiceError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
