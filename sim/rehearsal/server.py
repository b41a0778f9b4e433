"""The rehearsal exchange with its two ports: the venue's protocol on one, the control endpoint on another, both on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from orders.errors import VenueUnavailable
from orders.values import Record
from sim.rehearsal.binance_public import LOOPBACK
from sim.rehearsal.control import Control
from sim.rehearsal.faults import Schedule
from sim.rehearsal.listing import LISTINGS
from sim.rehearsal.private_rest import PrivateRest
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.signing import REHEARSAL_KEY, ApiKey
from sim.rehearsal.store import Store
from sim.rehearsal.truth import truth
from sim.rehearsal.user_socket import UserSocket
from sim.rehearsal.venue import Venue
from venues.secrets import load_secret

STREAMS: Final = "streams"
BREAKABLE: Final = ("POST order", "DELETE order")


class Settings(Record, frozen=True, kw_only=True):
    """How an exchange starts. `balances` are of a new state's main account, an old one keeps its own; port 0 is a free one.

    `key_file`: key and secret as a venue's are kept, None: those that are the same for every rehearsal.
    """

    port: int
    control_port: int
    state: str | None
    fees: FeeRates
    balances: Mapping[str, Decimal]
    key_file: str | None = None


def settings_of(
    *,
    state: Path | None,
    balances: Mapping[str, str] | None,
    maker_fee: str,
    taker_fee: str,
    port: int = 0,
    control_port: int = 0,
    key_file: Path | None = None,
) -> Settings:
    """Return settings from texts."""
    return Settings(
        port=port,
        control_port=control_port,
        state=None if state is None else str(state),
        fees=FeeRates(maker=Decimal(maker_fee), taker=Decimal(taker_fee)),
        balances={asset: Decimal(amount) for asset, amount in (balances or {}).items()},
        key_file=None if key_file is None else str(key_file),
    )


class Chance(Record, frozen=True, kw_only=True):
    """What goes wrong by chance: kinds of faults for new orders and cancels, `streams` for the user data stream."""

    seed: int
    fraction: float
    kinds: tuple[str, ...]


def _key_of(path: Path) -> ApiKey:
    key, secret = load_secret(path.name, directory=path.parent, environ={}).reveal()
    return ApiKey(key=key, secret=secret, account=REHEARSAL_KEY.account)


class RehearsalServer:
    """One exchange and its two ports, on the running loop."""

    def __init__(self, settings: Settings) -> None:
        """Raises `InputError` STATE_MALFORMED, `ConfigError` of a `key_file` that is none."""
        self._settings = settings
        self._key = REHEARSAL_KEY if settings.key_file is None else _key_of(Path(settings.key_file))
        store = Store(None if settings.state is None else Path(settings.state))
        self.venue = Venue(listings=LISTINGS, fees=settings.fees, store=store)
        keys = {self._key.key: self._key}
        self._rest = PrivateRest(self.venue, keys=keys)
        self._user = UserSocket(self.venue, keys=keys)
        self.control = Control(self.venue, down=self.down, up=self.up)
        self._port = settings.port
        self._runner: web.AppRunner | None = None
        if not self.venue.exchange.state.balances.holdings:
            for asset, free in settings.balances.items():
                self.venue.set_balance(self._key.account, asset, free=free)

    async def start(self) -> dict[str, str]:
        """Listen on both ports; return what somebody needs to use them. Raises `VenueUnavailable` REHEARSAL_PORT_TAKEN."""
        try:
            endpoint = await self.venue.public.start(port=self._port, extend=self._extend)
            self._port = urlsplit(endpoint).port or 0
            app = web.Application()
            app.router.add_post("/", self.control.handle)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            await web.TCPSite(self._runner, LOOPBACK, self._settings.control_port).start()
        except OSError as error:
            raise VenueUnavailable(
                "REHEARSAL_PORT_TAKEN",
                expected=f"ports {self._settings.port} and {self._settings.control_port} of {LOOPBACK} free",
                found=str(error),
                action="End what listens there, or take another port.",
            ) from error
        host, port = self._runner.addresses[0][:2]
        return {
            "endpoint": endpoint,
            "control": f"http://{host}:{port}",
            "key": self._key.key,
            "secret": self._key.secret,
        }

    async def stop(self) -> None:
        """Cut every connection, stop listening, close the state."""
        await self.venue.public.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self.venue.close()

    def leave_to(self, chance: Chance) -> None:
        """Let things go wrong by chance. Raises `InputError` FAULT_UNKNOWN."""
        kinds = tuple(kind for kind in chance.kinds if kind != STREAMS)
        if kinds:
            plan = Schedule(seed=chance.seed, fraction=chance.fraction, requests=BREAKABLE, kinds=kinds)
            self.venue.public.faults.schedule(plan)
        if STREAMS in chance.kinds:
            self.venue.public.disturb(chance.seed, chance.fraction, "user")

    def seen(self) -> dict[str, Any]:
        """Return what the exchange knows and what came in: `truth`, `counts`, `faults`."""
        public = self.venue.public
        return {"truth": truth(self.venue), "counts": dict(public.requests), "faults": list(public.faults.done)}

    async def down(self) -> None:
        """Leave the venue's port, every connection cut. Down already, it stays so."""
        await self.venue.public.stop()

    async def up(self) -> None:
        """Come back on the port from the memory."""
        if not self.venue.public.listening:
            self.venue.reload()
            await self.venue.public.start(port=self._port, extend=self._extend)

    def _extend(self, app: web.Application) -> None:
        self._rest.add_to(app)
        self._user.add_to(app)
