"""The frames of the socket protocol at server version 223: four bytes of length, four of message id, a protobuf body.

An id above 200 says that the body is protobuf; the first message of a connection is text, and so is its answer.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

SERVER_VERSION: Final = 223
PROTOBUF: Final = 200
HELLO: Final = b"API\0"
FRAME_MAX: Final = 1 << 20  # bytes; an order is 400


async def read_hello(reader: asyncio.StreamReader) -> str:
    """Return the versions a client asks for, such as "v100..223". Raises `ValueError` for anything else."""
    if await reader.readexactly(len(HELLO)) != HELLO:
        raise ValueError("no client of the TWS API")
    return (await _body(reader)).decode("ascii")


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return id, without what marks it as protobuf, and body of the next message. Raises `ValueError` for another form."""
    body = await _body(reader)
    number = int.from_bytes(body[:4])
    if number <= PROTOBUF:
        raise ValueError(f"message {number} is not protobuf")
    return number - PROTOBUF, body[4:]


def hello(now: str) -> bytes:
    """Return the server's first message: its version and its time."""
    text = f"{SERVER_VERSION}\0{now}\0".encode("ascii")
    return len(text).to_bytes(4) + text


def frame(number: int, message: Any) -> bytes:
    """Return one message as it goes on the wire."""
    body = (number + PROTOBUF).to_bytes(4) + message.SerializeToString()
    return len(body).to_bytes(4) + body


async def _body(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(4))
    if length > FRAME_MAX:
        raise ValueError(f"a message of {length} bytes")
    return await reader.readexactly(length)
