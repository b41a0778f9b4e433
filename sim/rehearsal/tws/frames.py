"""How a connection to TWS begins, seen from TWS: the client says which versions it speaks, TWS its own and its time."""

from __future__ import annotations

import asyncio

from venues.ibkr.frames import HELLO, VERSION_MOST, read_body, text_frame


async def read_hello(reader: asyncio.StreamReader) -> str:
    """Return the versions a client asks for, such as "v100..223". Raises `ValueError` for anything else."""
    if await reader.readexactly(len(HELLO)) != HELLO:
        raise ValueError("no client of the TWS API")
    return (await read_body(reader)).decode("ascii")


def hello(now: str) -> bytes:
    """Return the server's first message."""
    return text_frame(f"{VERSION_MOST}\0{now}\0")
