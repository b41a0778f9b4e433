"""The fake TWS as a process: `python -m sim.rehearsal.tws.process SETTINGS`, started by `sim.rehearsal.tws.handle`.

Settings are JSON; the first line it prints says where it listens. It ends when standard input does: when the process that started
it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import threading

import msgspec

from orders.errors import SluiceError
from sim.rehearsal.tws.server import Settings, TwsServer


async def serve(settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM, the control endpoint or the end of standard input."""
    server = TwsServer(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stopped.set)
    hello = await server.start()
    threading.Thread(target=_await_end, args=(loop, server.stopped), daemon=True).start()
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()
    try:
        await server.stopped.wait()
    finally:
        await server.stop()


def _await_end(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stopped.set)


def main() -> int:
    """Run it with the settings of the command line."""
    try:
        asyncio.run(serve(msgspec.json.decode(sys.argv[1], type=Settings)))
    except (SluiceError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
