"""A venue on loopback that answers whatever it is told, byte for byte: HTTP as ccxt hears it, and TWS' frames."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from tests.hostile.documents import BYTES, JSON, Change
from tests.limits.venue import SPOT, info

type Answer = Callable[[bytes], bytes]

EXCHANGE = json.dumps(info(SPOT)).encode()
BOMB = 1_000_000_000  # bytes of zeros, a megabyte compressed


def http(body: bytes, *, status: str = "200 OK", **headers: str) -> bytes:
    """One whole answer, after which the line ends."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return "\r\n".join([*lines, *(f"{name}: {text}" for name, text in given.items()), "", ""]).encode() + body


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(BOMB // 1_000_000)), packer.flush()])


RAW: dict[str, Answer] = {
    "nothing at all": lambda asked: b"",
    "no HTTP": lambda asked: b"SSH-2.0-OpenSSH_9.6\r\n",
    "a status of a million digits": lambda asked: b"HTTP/1.1 " + b"9" * 1_000_000 + b" OK\r\n\r\n",
    "a status below zero": lambda asked: b"HTTP/1.1 -200 OK\r\n\r\n",
    "a header of ten megabytes": lambda asked: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000_000 + b"\r\n\r\n",
    "a hundred thousand headers": lambda asked: b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 100_000 + b"\r\n",
    "a zero byte in a header": lambda asked: b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "a control sequence as its reason": lambda asked: http(b"{}", status="500 \x1b[2J\x1b]0;owned\x07"),
    "a length below zero": lambda asked: http(EXCHANGE, Content_Length="-1"),
    "a length of words": lambda asked: http(EXCHANGE, Content_Length="many"),
    "a length that is too long": lambda asked: http(EXCHANGE, Content_Length=str(10**12)),
    "two lengths": lambda asked: http(EXCHANGE).replace(b"Connection: close", b"Content-Length: 5"),
    "chunks that are none": lambda asked: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nZZZ\r\n{}\r\n0\r\n\r\n"
    ),
    "a chunk of all memory": lambda asked: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nffffffffffffffff\r\n{}"
    ),
    "compressed, and it is not": lambda asked: http(EXCHANGE, Content_Encoding="gzip"),
    "a gigabyte in a megabyte": lambda asked: http(_bomb(), Content_Encoding="gzip"),
    "compressed a hundred times over": lambda asked: http(gzip.compress(EXCHANGE), Content_Encoding=", ".join(["gzip"] * 100)),
    "an encoding nobody knows": lambda asked: http(EXCHANGE, Content_Encoding="rot13"),
    "a charset nobody knows": lambda asked: http(EXCHANGE, Content_Type="application/json; charset=klingon"),
    "UTF-16 by its header": lambda asked: http(EXCHANGE, Content_Type="application/json; charset=utf-16"),
    "a hundred megabytes": lambda asked: http(b"[" + b"1," * 50_000_000),
    "a page of HTML": lambda asked: http(b"<html><body>maintenance</body></html>", Content_Type="text/html"),
    "a redirect elsewhere": lambda asked: http(b"", status="302 Found", Location="http://203.0.113.7/steal"),
    "a redirect to itself": lambda asked: http(b"", status="302 Found", Location=asked.split(b" ")[1].decode()),
    "a redirect to a file": lambda asked: http(b"", status="302 Found", Location="file:///etc/passwd"),
    "a redirect to nowhere": lambda asked: http(b"", status="302 Found", Location="http://[::1"),
    "a cookie of a megabyte": lambda asked: http(b"{}", Set_Cookie="a=" + "b" * 1_000_000),
    "an error of a megabyte": lambda asked: http(json.dumps({"code": -1, "msg": "A" * 1_000_000}).encode(), status="400 Bad"),
    "an error that steers a terminal": lambda asked: http(
        json.dumps({"code": -1, "msg": "\x1b[2J\x1b]0;owned\x07\u202e"}).encode(), status="400 Bad"
    ),
    "an error whose code is a table": lambda asked: http(b'{"code": {"a": [1]}, "msg": [1]}', status="400 Bad"),
    "an error whose code is true": lambda asked: http(b'{"code": true, "msg": null}', status="418 Teapot", Retry_After="1e999"),
}


def of_body(change: Change, good: bytes) -> Answer:
    """An answer whose body is a good one, changed."""
    return lambda asked: http(change(good))


def bodies(good: bytes, places: dict[str, Change]) -> dict[str, Answer]:
    """Whole answers with a hostile body."""
    return {name: of_body(change, good) for name, change in (BYTES | JSON | places).items() if "megabytes" not in name}


@dataclass
class Server:
    """One answer for every connection, until it is told another; `port` on 127.0.0.1."""

    port: int
    answer: Answer = http
    asked: list[bytes] = field(default_factory=list)


@contextmanager
def serving(talk: Callable[[socket.socket, Server], None]) -> Iterator[Server]:
    """Listen until the block ends; every connection is talked to in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        made = Server(port=listener.getsockname()[1])

        def one(line: socket.socket) -> None:
            with line, contextlib.suppress(OSError):
                line.settimeout(20)
                talk(line, made)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    threading.Thread(target=one, args=(line,), daemon=True).start()

        waiting = threading.Thread(target=accept, daemon=True)
        waiting.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            waiting.join(5)


def speak_http(line: socket.socket, server: Server) -> None:
    """Read one request's head, give the answer, and end the line as a server does that has said all."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        part = line.recv(65_536)
        if not part:
            return
        asked += part
    server.asked.append(asked)
    line.sendall(server.answer(asked))
    line.shutdown(socket.SHUT_WR)
    while line.recv(65_536):
        pass
