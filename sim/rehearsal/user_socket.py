"""The websocket API, as far as the user data stream needs it: a signed subscription, and a few requests that are public."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import WSMsgType, web

from sim.rehearsal.hub import Line
from sim.rehearsal.signing import ApiKey, check_signed
from sim.rehearsal.values import Refusal
from sim.rehearsal.venue import Venue

PATH: Final = "/ws-api/v3"


class UserSocket:
    """Serves `/ws-api/v3`: userDataStream.subscribe.signature and .unsubscribe, ping and time."""

    def __init__(self, venue: Venue, *, keys: Mapping[str, ApiKey]) -> None:
        self._venue = venue
        self._keys = keys
        self._subscriptions = 0

    def add_to(self, app: web.Application) -> None:
        """Add the path."""
        app.router.add_get(PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        hub = self._venue.public
        line = await hub.open_line(request)
        if isinstance(line, web.Response):
            return line
        try:
            async for message in line.socket:
                if message.type is WSMsgType.TEXT:
                    hub.later(line.socket, json.dumps(self._answer(line, message.data)))
        finally:
            hub.close_line(line)
        return line.socket

    def _answer(self, line: Line, body: str) -> dict[str, Any]:
        try:
            asked = json.loads(body)
            number, method, parameters = asked["id"], asked["method"], asked.get("params", {})
            assert isinstance(parameters, dict)
        except (ValueError, KeyError, TypeError, AssertionError):
            return _no(None, Refusal(code=-32600, message="Invalid Request"))
        self._venue.public.requests[method] += 1
        match method:
            case "ping":
                return _yes(number, {})
            case "time":
                return _yes(number, {"serverTime": self._venue.now_ms()})
            case "userDataStream.subscribe.signature":
                return self._subscribe(line, number, {name: str(value) for name, value in parameters.items()})
            case "userDataStream.unsubscribe":
                line.streams = {name: wrap for name, wrap in line.streams.items() if not name.endswith("@user")}
                return _yes(number, {})
            case _:
                return _no(number, Refusal(code=-1020, message="This operation is not supported."))

    def _subscribe(self, line: Line, number: Any, parameters: dict[str, str]) -> dict[str, Any]:
        payload = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != "signature")
        key = check_signed(payload, parameters, key=parameters.get("apiKey"), keys=self._keys, now_ms=self._venue.now_ms())
        if isinstance(key, Refusal):
            return _no(number, key)
        subscription, self._subscriptions = self._subscriptions, self._subscriptions + 1
        line.streams[f"{key.account}@user"] = subscription
        return _yes(number, {"subscriptionId": subscription})


def _yes(number: Any, result: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "status": 200, "result": result, "rateLimits": []}


def _no(number: Any, refused: Refusal) -> dict[str, Any]:
    return {"id": number, "status": refused.status, "error": {"code": refused.code, "msg": refused.message}, "rateLimits": []}
