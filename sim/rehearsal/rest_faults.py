"""Faults of a loopback venue's REST side, taken one a request in the order they were given."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from aiohttp import web

FAULTS: Final = ("status", "hang_ms", "cut", "again", "html")


class RestFaults:
    """`add` a fault for a resource; the next request for it gets it. What a request without a fault got is kept for `again`.

    `status`: an error of that status, with `retry_after` seconds if given. `hang_ms`: the answer comes so much later. `cut`: half
    of the answer. `again`: the answer before comes again. `html`: a page of a proxy instead, with status 200.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[dict[str, Any]]] = {}
        self._last: dict[str, bytes] = {}
        self.done: list[str] = []

    def add(self, name: str, *faults: dict[str, Any]) -> None:
        """Queue faults for a resource such as klines. Raises `KeyError` for one that is not spoken here."""
        for fault in faults:
            if not fault.keys() <= {*FAULTS, "retry_after"} or not fault.keys() & set(FAULTS):
                raise KeyError(str(fault))
        self._waiting.setdefault(name, deque()).extend(faults)

    async def spoil(self, name: str, answer: web.Response) -> web.Response:
        """Return the answer as it goes out."""
        waiting = self._waiting.get(name)
        body = bytes(answer.body or b"")  # type: ignore[arg-type]  # a JSON answer's body is bytes
        fault = waiting.popleft() if waiting else None
        if fault is None:
            self._last[name] = body
            return answer
        self.done.append(next(key for key in FAULTS if key in fault))
        if "hang_ms" in fault:
            await asyncio.sleep(fault["hang_ms"] / 1_000)
        if "status" in fault:
            headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else None
            return web.json_response({"code": -1003, "msg": "Too many requests."}, status=fault["status"], headers=headers)
        if "cut" in fault:
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if "again" in fault:
            return web.Response(body=self._last.get(name, body), content_type="application/json")
        if "html" in fault:
            return web.Response(text="<html>maintenance</html>", content_type="text/html")
        self._last[name] = body
        return answer
