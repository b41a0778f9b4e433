"""Counts every connection and name look-up of this process, below all libraries, by the interpreter's own audit events."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest

SEEN: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        SEEN.append(str(arguments[1][0]))
    elif event == "socket.getaddrinfo":
        SEEN.append(str(arguments[0]))


sys.addaudithook(_audit)  # cannot be taken away again; a list grows by one text a connection


def elsewhere() -> list[str]:
    """Return what was tried that is not an address of loopback; a host name counts."""
    return [host for host in SEEN if not _loopback(host)]


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def nothing_leaves_loopback() -> Iterator[None]:
    SEEN.clear()
    yield
    assert elsewhere() == []
