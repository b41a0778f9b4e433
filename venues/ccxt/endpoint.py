"""The loopback address that may stand in for a venue, and what counts as loopback. Imports no client, so that config can."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from orders.errors import ConfigError
from orders.values import Record


class Endpoint(Record, frozen=True, kw_only=True):
    """A loopback address that stands in for a venue; `host` is an address, never a name, so nothing is resolved later."""

    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Return the loopback address of `http://HOST:PORT`; `localhost` is resolved once, here.

    Raises `ConfigError` ENDPOINT_NOT_LOOPBACK when any address of the host is not 127.0.0.0/8 or ::1, or the form is another.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = parts = None
    if parts is None or parts.scheme != "http" or not host or not port or parts.path not in ("", "/") or parts.username:
        raise _not_loopback(text)
    if parts.query or parts.fragment:
        raise _not_loopback(text)
    addresses = sorted(set(_addresses(host, port)))
    if not addresses or not all(_is_loopback(address) for address in addresses):
        raise _not_loopback(text)
    return Endpoint(host=addresses[0], port=port)


def _is_loopback(address: str) -> bool:
    """127.0.0.0/8 and ::1; an IPv4 address in IPv6 clothes is none."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback and (parsed.version == 4 or parsed == ipaddress.IPv6Address("::1"))


def _addresses(host: str, port: int) -> Iterator[str]:
    try:
        yield str(ipaddress.ip_address(host))
        return
    except ValueError:
        if host != "localhost":  # any other name would ask a name server, which is egress already
            return
    try:
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            yield str(address[0])
    except OSError:
        return


def _not_loopback(text: str) -> ConfigError:
    return ConfigError(
        "ENDPOINT_NOT_LOOPBACK",
        expected="an endpoint such as http://127.0.0.1:18080: 127.0.0.0/8, ::1 or localhost, with a port and no path",
        found=repr(text),
        action="An endpoint is for rehearsals on this machine; leave it out to use the venue itself.",
    )
