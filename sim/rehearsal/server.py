"""The rehearsal exchange as a process: the venue's protocol on one loopback port, the control endpoint on another.

    python -m sim.rehearsal.server --port 18080 --control-port 18081 --state FILE --balance USDT=100000

The first line it prints is JSON: `endpoint`, `control`, `key`, `secret`. See `sim.rehearsal.handle` for driving it from Python.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from orders.errors import SluiceError
from orders.values import Record
from sim.rehearsal.binance_public import LOOPBACK
from sim.rehearsal.control import Control
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.private_rest import PrivateRest
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.signing import REHEARSAL_KEY, ApiKey
from sim.rehearsal.store import Store
from sim.rehearsal.user_socket import UserSocket
from sim.rehearsal.venue import Venue


class Settings(Record, frozen=True, kw_only=True):
    """How an exchange starts. `balances` are of a new state's main account; a state that exists keeps its own."""

    port: int
    control_port: int
    state: Path | None
    fees: FeeRates
    balances: Mapping[str, Decimal]
    keys: tuple[ApiKey, ...] = (REHEARSAL_KEY,)


class RehearsalServer:
    """One exchange and its two ports, on the running loop."""

    def __init__(self, settings: Settings) -> None:
        """Raises `InputError` STATE_MALFORMED."""
        self._settings = settings
        self.venue = Venue(listings=LISTINGS, fees=settings.fees, store=Store(settings.state))
        keys = {each.key: each for each in settings.keys}
        self.rest = PrivateRest(self.venue, keys=keys)
        self.user = UserSocket(self.venue, keys=keys)
        self.control = Control(self.venue, outage=self._outage)
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        if not self.venue.exchange.state.balances.holdings:
            for asset, free in settings.balances.items():
                self.venue.set_balance(settings.keys[0].account, asset, free=free)

    async def start(self) -> dict[str, str]:
        """Listen on both ports; return what somebody needs to use them."""
        endpoint = await self.venue.public.start(port=self._settings.port, extend=self._extend)
        self._port = urlsplit(endpoint).port or 0
        app = web.Application()
        app.router.add_post("/", self.control.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._settings.control_port).start()
        host, port = self._runner.addresses[0][:2]
        key = self._settings.keys[0]
        return {"endpoint": endpoint, "control": f"http://{host}:{port}", "key": key.key, "secret": key.secret}

    async def stop(self) -> None:
        """Cut every connection, stop listening, close the state."""
        await self.venue.public.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self.venue.close()

    def _outage(self, ms: int) -> None:
        async def work() -> None:
            await self.venue.public.stop()
            await asyncio.sleep(ms / 1_000)
            self.venue.reload()
            await self.venue.public.start(port=self._port, extend=self._extend)

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _extend(self, app: web.Application) -> None:
        self.rest.add_to(app)
        self.user.add_to(app)


async def serve(settings: Settings, *, with_stdin: bool) -> None:
    """Serve until told to stop; `with_stdin`: or until standard input ends, which it does when the parent dies."""
    server = RehearsalServer(settings)
    sys.stdout.write(json.dumps(await server.start()) + "\n")
    sys.stdout.flush()
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(server.control.stopped.wait())]
    if with_stdin:
        waits.append(asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.stop()


def balance(text: str) -> tuple[str, Decimal]:
    """Read ASSET=AMOUNT. Raises `ValueError`."""
    asset, _, amount = text.partition("=")
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not asset.isalnum() or not value.is_finite() or value < 0:
        raise ValueError(text)
    return asset.upper(), value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exchange from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sim.rehearsal.server", description="A Binance-spot-shaped exchange on loopback."
    )
    parser.add_argument("--port", type=int, default=18_080, help="of the venue, on 127.0.0.1; 0 takes a free one (%(default)s)")
    parser.add_argument("--control-port", type=int, default=0, help="of the control endpoint (a free one)")
    parser.add_argument("--state", type=Path, help="a file the exchange remembers in; without one it forgets")
    parser.add_argument("--balance", type=balance, action="append", default=[], metavar="ASSET=AMOUNT")
    parser.add_argument("--maker-fee", type=Decimal, default=Decimal("0.001"), help="fraction (%(default)s)")
    parser.add_argument("--taker-fee", type=Decimal, default=Decimal("0.001"), help="fraction (%(default)s)")
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    settings = Settings(
        port=given.port,
        control_port=given.control_port,
        state=given.state,
        fees=FeeRates(maker=given.maker_fee, taker=given.taker_fee),
        balances=dict(given.balance),
    )
    try:
        asyncio.run(serve(settings, with_stdin=given.with_stdin))
    except KeyboardInterrupt:
        return 130
    except (SluiceError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
