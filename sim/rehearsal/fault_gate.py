"""Where faults meet requests: an aiohttp middleware in front of every REST path of the loopback venue."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from sim.rehearsal.faults import RETRY_AFTER_S, SAID, TWISTED, Fault, Faults, twisted
from sim.rehearsal.values import Refusal

HTML: Final = "<html><head><title>maintenance</title></head><body>We are back soon.</body></html>"
LOOK_AGAIN_S: Final = 0.02
NOT_ASKED: Final = {"code": -1000, "msg": "An unknown error occurred while processing the request."}  # cut in half, if at all


def request_name(request: web.Request) -> str:
    """Return what counts and faults call a request: its method, and its path without the version in front."""
    parts = request.path.split("/")  # "", "api", "v3", ...
    return f"{request.method} {'/'.join(parts[3:])}"


class FaultGate:
    """Counts every REST request and lets `faults` at it. What a request without a fault got is kept for `again`.

    `posts` counts new orders by the client id they came with, whatever became of them.
    """

    def __init__(self, requests: Counter[str]) -> None:
        self.faults = Faults()
        self.posts: Counter[str] = Counter()
        self._requests = requests
        self._last: dict[str, bytes] = {}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Pass a request on, or do to it what a fault says."""
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await handler(request)
        name = request_name(request)
        self._requests[name] += 1
        parameters = f"{request.query_string}&{await request.text()}"
        if name == "POST order":
            self.posts.update(dict(parse_qsl(parameters)).get("newClientOrderId", "").split())
        fault = self.faults.take(name, parameters)
        if fault is None:
            answer = await handler(request)
            self._last[name] = _body(answer)
            return answer
        if fault.kind == "delay" and fault.when == "before":
            await asyncio.sleep((fault.ms or 0) / 1_000)
        does_work = fault.when == "after" or fault.kind in ("delay", *TWISTED)
        answer = await handler(request) if does_work else web.json_response(NOT_ASKED)
        if fault.kind == "delay":
            self._last[name] = _body(answer)
        return await self._spoil(request, name, fault, answer)

    async def _spoil(self, request: web.Request, name: str, fault: Fault, answer: web.Response) -> web.StreamResponse:
        body = _body(answer)
        if fault.kind in SAID:
            return _error(SAID[fault.kind], fault)
        if fault.kind in TWISTED:
            return web.json_response(twisted(fault.kind, json.loads(body)), status=answer.status)
        match fault.kind:
            case "delay":
                await asyncio.sleep((fault.ms or 0) / 1_000 if fault.when == "after" else 0)
                return answer
            case "hang":
                await _hang(request, fault.ms)
                return answer
            case "drop":
                return _dropped(request)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
                return answer
            case "truncated":
                return await _truncated(request, body)
            case "cut":
                return web.Response(body=body[: len(body) // 2], content_type="application/json")
            case "again":
                return web.Response(body=self._last.get(name, body), content_type="application/json")
            case "empty":
                return web.Response(content_type="application/json")
            case "object":
                return web.json_response({})
            case "html":
                return web.Response(text=HTML, content_type="text/html")
            case "gateway":
                return web.Response(text=HTML, content_type="text/html", status=504)
            case "status":
                return _error(Refusal(code=-1003, message="Too many requests.", status=fault.status), fault)
            case "says":
                return _error(Refusal(code=fault.code, message=fault.message, status=fault.status), fault)
            case other:
                raise AssertionError(other)


def _body(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes), "a JSON answer's body is bytes"
    return answer.body


def _error(said: Refusal, fault: Fault) -> web.Response:
    wait_s = fault.retry_after_s
    if wait_s is None and said.status in (418, 429) and fault.kind in SAID:
        wait_s = RETRY_AFTER_S
    headers = None if wait_s is None else {"Retry-After": str(wait_s)}
    return web.json_response({"code": said.code, "msg": said.message}, status=said.status, headers=headers)


async def _hang(request: web.Request, ms: int | None) -> None:
    """Say nothing for so long, or until the client has gone."""
    waited = 0.0
    while request.transport is not None and not request.transport.is_closing():
        if ms is not None and waited >= ms / 1_000:
            return
        await asyncio.sleep(LOOK_AGAIN_S)
        waited += LOOK_AGAIN_S


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _truncated(request: web.Request, body: bytes) -> web.StreamResponse:
    """Promise the whole body, send half of it, and close."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = len(body)
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer
