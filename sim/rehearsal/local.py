"""A rehearsal exchange on the loop of whoever uses it: for tests that need no process of its own, because it starts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sim.rehearsal.hand import Hand
from sim.rehearsal.server import RehearsalServer, settings_of


class LocalVenue(Hand):
    """The hand of an exchange on the running loop. What is sent goes out when the caller next awaits; so do `down` and `up`."""

    def __init__(self, server: RehearsalServer, hello: Mapping[str, str]) -> None:
        """Use `local_venue`."""
        self.server = server
        self.endpoint, self.key, self.secret = hello["endpoint"], hello["key"], hello["secret"]

    def do(self, name: str, **details: Any) -> Any:
        """Do one step here and now. Raises `InputError`."""
        return self.server.control.do({"do": name, **details})


@asynccontextmanager
async def local_venue(
    *,
    state: Path | None = None,
    balances: Mapping[str, str] | None = None,
    maker_fee: str = "0.001",
    taker_fee: str = "0.001",
) -> AsyncIterator[LocalVenue]:
    """Start an exchange on this loop, on free ports, and end it with the block."""
    server = RehearsalServer(settings_of(state=state, balances=balances, maker_fee=maker_fee, taker_fee=taker_fee))
    try:
        yield LocalVenue(server, await server.start())
    finally:
        await server.stop()
