"""The fake TWS with its two ports on loopback: the socket protocol on one, the control endpoint on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from orders.errors import InputError, VenueUnavailable
from orders.values import Record
from sim.rehearsal.tws.contracts import changed_contract, made_contracts, names
from sim.rehearsal.tws.desk import Ask, Desk, News, Refusal
from sim.rehearsal.tws.faults import Chance, Fault, Faults
from sim.rehearsal.tws.memory import Memory
from sim.rehearsal.tws.session import BASE_CURRENCY, Session
from sim.rehearsal.tws.values import ZERO, Contract, State, Touch
from sim.rehearsal.tws.walk import PAUSE_S, walk

LOOPBACK: Final = "127.0.0.1"
STRANGER: Final = 999  # the client id of orders that somebody else places


class Settings(Record, frozen=True, kw_only=True):
    """How a fake TWS starts. `cash` by currency is a new state's, an old one keeps its own; port 0 is a free one.

    `walk`: the seed of a market that moves by itself, None: it stands where it is put. `chance`: what goes wrong by itself.
    """

    port: int
    control_port: int
    state: str | None
    account: str
    cash: Mapping[str, Decimal]
    walk: int | None = None
    chance: Chance | None = None


class TwsServer:
    """One TWS on the running loop."""

    def __init__(self, settings: Settings) -> None:
        """Raises `InputError` STATE_MALFORMED."""
        self._settings = settings
        self._memory = Memory(None if settings.state is None else Path(settings.state))
        self._new = State(account=settings.account, cash=dict(settings.cash))
        self.desk = Desk(self._memory.load(self._new), contracts=made_contracts())
        self.faults = Faults(settings.chance)
        self.counts: Counter[str] = Counter()
        self.places: Counter[str] = Counter()  # placeOrder requests by client order id
        self.stopped = asyncio.Event()
        self._skew_ns = 0
        self.muted = False
        self.duplicate = False
        self.hold_commissions = False
        self._held: list[News] = []  # while TWS does not reach IB
        self._clashes = 0
        self._sessions: set[Session] = set()
        self._server: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> dict[str, Any]:
        """Listen; return where. Raises `VenueUnavailable` REHEARSAL_PORT_TAKEN."""
        try:
            port = await self._listen(self._settings.port)
            app = web.Application()
            app.router.add_post("/", self._control)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
            await web.TCPSite(self._runner, LOOPBACK, self._settings.control_port).start()
        except OSError as error:
            await self.stop()
            raise VenueUnavailable(
                "REHEARSAL_PORT_TAKEN",
                expected=f"ports {self._settings.port} and {self._settings.control_port} of {LOOPBACK} free",
                found=str(error),
                action="End what listens there, or take another port.",
            ) from error
        self._port = port
        if self._settings.walk is not None:
            self._spawn(self._walk(self._settings.walk))
        return {"port": port, "control_port": self._runner.addresses[0][1], "account": self.desk.state.account}

    async def stop(self) -> None:
        """Cut every client, listen no more."""
        for task in tuple(self._tasks):
            task.cancel()
        await self._close()
        if self._runner is not None:
            await self._runner.cleanup()

    def seen(self) -> dict[str, Any]:
        """Return what a rehearsal shows at its end: the truth, requests by kind, the faults that struck."""
        truth = msgspec.to_builtins(self.desk.state, str_keys=True)
        return {"truth": truth, "counts": dict(self.counts), "faults": self.faults.done}

    def now_ns(self) -> int:
        """UTC now, by a clock that may have been set wrong."""
        return time.time_ns() + self._skew_ns

    def step(self, act: Callable[[Desk, int], list[News] | Refusal]) -> list[News] | Refusal:
        """Do one step, remember it, then tell whom it concerns."""
        done = act(self.desk, self.now_ns())
        self._memory.save(self.desk.state)
        if isinstance(done, Refusal) or self.muted:
            return done
        if self.desk.online:
            self._tell(done)
        else:
            self._held += done
        return done

    def client_taken(self, client_id: int, asking: Session) -> bool:
        """Whether another line uses this client id, or is made to look so."""
        if self._clashes:
            self._clashes -= 1
            return True
        return any(each.client_id == client_id for each in self._sessions if each is not asking)

    def find_contract(self, wanted: Any) -> list[Contract]:
        """Return the contracts that a client's contract names by id, or by symbol, kind, currency and listing exchange."""
        return [
            contract
            for contract in self.desk.contracts.values()
            if (wanted.conId == contract.con_id if wanted.conId else names(wanted, contract))
        ]

    def net_value(self) -> Decimal:
        """Return the account's value in its base currency: cash and positions at mid, what has no quote at cost."""
        state, total = self.desk.state, self.desk.state.cash.get(BASE_CURRENCY, ZERO)
        for con_id, quantity in state.positions.items():
            touch = self.desk.touches.get(con_id)
            total += state.costs[con_id] if touch is None else quantity * (touch.bid + touch.ask) / 2
        return total

    def do(self, step: Mapping[str, Any]) -> Any:
        """Do one step of the control endpoint. Raises `InputError` SCRIPT_MALFORMED."""
        try:
            return self._do(dict(step))
        except (KeyError, TypeError, ValueError, ArithmeticError, StopIteration) as error:
            raise InputError(
                "SCRIPT_MALFORMED",
                expected="a step such as {'do': 'quote', 'symbol': 'AAPL', 'bid': '230.00', 'ask': '230.02'}",
                found=f"{dict(step)!r}: {type(error).__name__} {error}",
                action="Mend the script; `FakeTws` in sim.rehearsal.tws.handle has all steps.",
            ) from error

    def _do(self, step: dict[str, Any]) -> Any:
        match step["do"]:
            case "quote":
                self._quote(step)
            case "fault":
                self.faults.add(Fault(**{name: value for name, value in step.items() if name != "do"}))
            case "sound":
                self.faults.sound()
                self.duplicate = self.hold_commissions = False
                self._clashes = 0
            case "duplicate":
                self.duplicate = bool(step["on"])
            case "hold_commissions":
                self.hold_commissions = bool(step["on"])
            case "clash":
                self._clashes = int(step["times"])
            case "reach":
                self._reach(bool(step["online"]), data_lost=bool(step.get("data_lost", False)))
            case "say":
                for session in self._sessions:
                    session.error(-1, int(step["code"]), step["text"])
            case "order":
                return self._external(step)
            case "cut":
                for session in list(self._sessions):
                    session.cut()
            case "outage":
                self._outage(int(step["ms"]))
            case "reset":
                self._reset({code: Decimal(amount) for code, amount in step["cash"].items()})
            case "end":
                self._end(step["client_order_id"])
            case "next_day":
                self.step(lambda desk, now_ns: desk.next_day() or [])  # type: ignore[func-returns-value]
            case "contract":
                self._change_contract(step)
            case "skew":
                self._skew_ns = int(step["ms"]) * 1_000_000
            case "next_order":
                self.desk.state.next_order[int(step["client_id"])] = int(step["order_id"])
            case "truth":
                return msgspec.to_builtins(self.desk.state, str_keys=True)
            case "places":
                return self.places[step["client_order_id"]]
            case "counts":
                return dict(self.counts)
            case "faults_done":
                return self.faults.done
            case "stop":
                self.stopped.set()
            case other:
                raise ValueError(f"no step {other!r}")
        return None

    def _quote(self, step: Mapping[str, Any]) -> None:
        con_id = self._con_id(step["symbol"])
        touch = Touch(**{name: Decimal(step[name]) for name in ("bid", "ask", "bid_size", "ask_size")})
        self.step(lambda desk, now_ns: desk.quote(con_id, touch, now_ns=now_ns))
        for session in self._sessions:
            session.ticks(con_id)

    def _change_contract(self, step: Mapping[str, Any]) -> None:
        con_id = self._con_id(step["symbol"])
        self.desk.contracts[con_id] = changed_contract(self.desk.contracts[con_id], step["changes"])

    def _reach(self, online: bool, *, data_lost: bool) -> None:
        code = (1101 if data_lost else 1102) if online else 1100
        text = "Connectivity between IBKR and TWS has been " + ("restored." if online else "lost.")
        done = self.step(lambda desk, now_ns: desk.reach(online, now_ns=now_ns))
        if online:
            held, self._held = self._held, []
            self._tell(held)
        assert not isinstance(done, Refusal)
        for session in self._sessions:
            session.error(-1, code, text)

    def _external(self, step: Mapping[str, Any]) -> dict[str, int]:
        """An order by somebody else's hand on the same account, such as in TWS' window."""
        order_id = self.desk.next_order_id(STRANGER)
        limit = None if step.get("limit") is None else Decimal(step["limit"])
        ask = Ask(
            order_id=order_id, client_id=STRANGER, account=self.desk.state.account, con_id=self._con_id(step["symbol"]),
            action=step["action"], quantity=Decimal(step["quantity"]), kind="MKT" if limit is None else "LMT", limit=limit,
            tif="GTC", order_ref="",
        )  # fmt: skip
        done = self.step(lambda desk, now_ns: desk.place(ask, now_ns=now_ns))
        if isinstance(done, Refusal):
            raise ValueError(done.text)
        return {"perm_id": done[0].order.perm_id}

    def _reset(self, cash: dict[str, Decimal]) -> None:
        """Begin anew: no client, order, fill, fault or quote; contracts as made, counts at zero."""
        for session in list(self._sessions):
            session.cut()
        self.desk = Desk(State(account=self.desk.state.account, cash=cash), contracts=made_contracts())
        self.faults = Faults()
        self.counts.clear()
        self.places.clear()
        self.duplicate = self.hold_commissions = False
        self._held, self._clashes = [], 0
        self._memory.save(self.desk.state)

    def _end(self, client_order_id: str) -> None:
        """End a working order by the venue's own hand."""
        order = next(each for each in self.desk.working() if each.order_ref.rpartition(":")[0] == client_order_id)
        self.step(lambda desk, now_ns: desk.end(order, "Cancelled", reason="the exchange has ended it"))

    def _con_id(self, symbol: str) -> int:
        return next(each.con_id for each in self.desk.contracts.values() if symbol in (each.symbol, each.local_symbol))

    def _tell(self, news: list[News]) -> None:
        for item in news:
            for session in self._sessions:
                if session.client_id == item.order.client_id:
                    session.tell(item)

    def _outage(self, ms: int) -> None:
        """TWS' restart: every line cut, nothing listens for a while, then it is back from its memory."""

        async def work() -> None:
            await self._close()
            await asyncio.sleep(ms / 1_000)
            touches = self.desk.touches
            self.desk = Desk(self._memory.load(self.desk.state), contracts=self.desk.contracts)
            self.desk.touches = touches
            await self._listen(self._port)

        self._spawn(work())

    async def _walk(self, seed: int) -> None:
        for step in walk(seed):
            self._quote(step)
            await asyncio.sleep(PAUSE_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.cut()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self._sessions.add(session)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
                await session.run()
        finally:
            self._sessions.discard(session)
            writer.close()

    async def _control(self, request: web.Request) -> web.Response:
        try:
            return web.json_response({"result": self.do(json.loads(await request.text()))})
        except (InputError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
