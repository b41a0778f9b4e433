"""The frames of TWS' socket protocol: four bytes of length, four of message id (above 200: protobuf follows), a body."""

from __future__ import annotations

import asyncio
from typing import Any, Final

VERSION_LEAST: Final = 213  # of TWS: from here on every message we use is protobuf
VERSION_MOST: Final = 223  # of the client library
PROTOBUF: Final = 200
HELLO: Final = b"API\0"
FRAME_MAX: Final = 1 << 20  # bytes; an order is 400


async def read_body(reader: asyncio.StreamReader) -> bytes:
    """Return the next message without its length. Raises `ValueError` for one too long, `IncompleteReadError` at the end."""
    length = int.from_bytes(await reader.readexactly(4))
    if length > FRAME_MAX:
        raise ValueError(f"a message of {length} bytes")
    return await reader.readexactly(length)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return id, without what marks it as protobuf, and body of the next message. Raises `ValueError` for another form."""
    body = await read_body(reader)
    number = int.from_bytes(body[:4])
    if number <= PROTOBUF:
        raise ValueError(f"message {number} is not protobuf")
    return number - PROTOBUF, body[4:]


def frame(number: int, message: Any) -> bytes:
    """Return one message as it goes on the wire."""
    body = (number + PROTOBUF).to_bytes(4) + message.SerializeToString()
    return len(body).to_bytes(4) + body


def text_frame(text: str) -> bytes:
    """Return one of the two texts a connection begins with."""
    body = text.encode("ascii")
    return len(body).to_bytes(4) + body
