"""The websocket side of the loopback venue: who listens to what, and every way a stream goes wrong on command.

Streams are named as Binance names them (`btcusdt@trade`); an account's user data stream is `ACCOUNT@user`. A `kind` is the end of
a stream's name, "" is all of them.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from sim.rehearsal.faults import twisted

PLAIN: Final = "plain"
COMBINED: Final = "combined"
DISTURBANCES: Final = ("duplicate", "swap", "drop")


@dataclass(eq=False)
class Line:
    """One socket: its streams and how a message of each is wrapped; a number wraps it as the user data stream's subscription."""

    socket: web.WebSocketResponse
    streams: dict[str, str | int] = field(default_factory=dict)


class Hub:
    """Sends messages to subscribers. `connections` and `requests` count what came in."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: Counter[str] = Counter()
        self.refuse_sockets = False
        self._silent: set[str] = set()
        self._twice: set[str] = set()
        self._twists: dict[str, str] = {}
        self._disturbance: tuple[random.Random, float, str] | None = None
        self._swapped: list[tuple[str, dict[str, Any]]] = []
        self._held: list[tuple[str, dict[str, Any]]] | None = None
        self._held_kind = ""
        self._lines: dict[web.WebSocketResponse, Line] = {}
        self._sends: set[asyncio.Task[None]] = set()

    def drop(self, kind: str = "") -> None:
        """Cut every websocket that listens to such a stream ("": every one) without a farewell, as a broken line does."""
        for socket, line in list(self._lines.items()):
            if kind and not any(stream.endswith(kind) for stream in line.streams):
                continue
            del self._lines[socket]
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    def silence(self, kind: str) -> None:
        """Send nothing on streams of a kind, sockets open; the market goes on."""
        self._silent.add(kind)

    def speak(self) -> None:
        """End every silence."""
        self._silent.clear()

    def duplicate(self, on: bool, kind: str = "") -> None:
        """Send everything of a kind twice, or no longer anything."""
        if on:
            self._twice.add(kind)
        else:
            self._twice.clear()

    def hold(self, kind: str = "") -> None:
        """Keep messages of a kind back until `release`."""
        self._held, self._held_kind = [], kind

    def release(self, *, reverse: bool) -> None:
        """Send what was held, in order or in reverse."""
        held, self._held = self._held or [], None
        for stream, message in reversed(held) if reverse else held:
            self.send(stream, message)

    def twist(self, kind: str | None, stream: str) -> None:
        """Change what streams of a kind say, as `sim.rehearsal.faults.twisted` has it, or no longer."""
        if kind is None:
            self._twists.clear()
        else:
            twisted(kind, {})
            self._twists[stream] = kind

    def disturb(self, seed: int | None, fraction: float, stream: str) -> None:
        """By chance send a message twice, after the next one, or not at all because the line is cut; no longer without a seed."""
        self._disturbance = None if seed is None else (random.Random(seed), fraction, stream)  # repeatable draws, no secret  # nosec B311

    def be_sound(self) -> None:
        """End everything that is wrong with the streams; what is held is sent."""
        self.speak()
        self._twice.clear()
        self._twists.clear()
        self._disturbance = None
        self.refuse_sockets = False
        self.release(reverse=False)

    def send(self, stream: str, message: dict[str, Any]) -> None:
        """Send one message, of the market or made, to whoever subscribed to `stream`."""
        if self._held is not None and stream.endswith(self._held_kind):
            self._held.append((stream, message))
            return
        if any(stream.endswith(kind) for kind in self._silent):
            return
        times = 2 if any(stream.endswith(kind) for kind in self._twice) else 1
        match self._drawn(stream):
            case "duplicate":
                times = 2
            case "swap":
                self._swapped.append((stream, message))
                return
            case "drop":
                self.drop(stream)
                return
        self._tell(stream, message, times=times)
        later, self._swapped = self._swapped, []
        for late_stream, late in later:
            self._tell(late_stream, late, times=1)

    def _drawn(self, stream: str) -> str | None:
        if self._disturbance is None:
            return None
        draw, fraction, kind = self._disturbance
        return draw.choice(DISTURBANCES) if stream.endswith(kind) and draw.random() < fraction else None

    def _tell(self, stream: str, message: dict[str, Any], *, times: int) -> None:
        for kind, twist in self._twists.items():
            if stream.endswith(kind):
                message = twisted(twist, message)
        for line in list(self._lines.values()):
            wrap = line.streams.get(stream)
            if wrap is None:
                continue
            if isinstance(wrap, int):
                body = json.dumps({"subscriptionId": wrap, "event": message})
            else:
                body = json.dumps({"stream": stream, "data": message} if wrap == COMBINED else message)
            for _ in range(times):
                self.later(line.socket, body)

    def subscribed(self, kind: str) -> int:
        """Return how many subscriptions there are to streams of a kind."""
        return sum(stream.endswith(kind) for line in self._lines.values() for stream in line.streams)

    def later(self, socket: web.WebSocketResponse, body: str) -> None:
        """Send a text from the loop; a socket that is gone is forgotten."""

        async def work() -> None:
            try:
                await socket.send_str(body)
            except (ConnectionError, RuntimeError):
                self._lines.pop(socket, None)

        task = asyncio.get_running_loop().create_task(work())
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def open_line(self, request: web.Request) -> Line | web.Response:
        """Accept a websocket, or refuse it as a venue in trouble does."""
        self.connections += 1
        if self.refuse_sockets:
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        line = Line(socket)
        self._lines[socket] = line
        return line

    def close_line(self, line: Line) -> None:
        """Forget a socket."""
        self._lines.pop(line.socket, None)

    async def market_socket(self, request: web.Request) -> web.StreamResponse:
        """Serve a market data socket, on /ws or /stream."""
        line = await self.open_line(request)
        if isinstance(line, web.Response):
            return line
        wrap = COMBINED if request.path.startswith("/stream") else PLAIN
        named = [request.match_info.get("name", ""), *request.query.get("streams", "").split("/")]
        line.streams.update({name: wrap for name in named if name})
        try:
            async for message in line.socket:
                if message.type is WSMsgType.TEXT:
                    self._command(line, wrap, message.data)
        finally:
            self.close_line(line)
        return line.socket

    def _command(self, line: Line, wrap: str, body: str) -> None:
        try:
            asked = json.loads(body)
            method, names, number = asked["method"], [str(name) for name in asked["params"]], asked["id"]
        except (ValueError, KeyError, TypeError):
            self.later(line.socket, json.dumps({"error": {"code": 2, "msg": "Invalid request"}}))
            return
        self.requests[method] += 1
        if method == "SUBSCRIBE":
            line.streams.update(dict.fromkeys(names, wrap))
        elif method == "UNSUBSCRIBE":
            for name in names:
                line.streams.pop(name, None)
        self.later(line.socket, json.dumps({"result": None, "id": number}))
