"""The egress guard: a venue client's HTTP session connects to its venue's hosts and to nothing else.

The guard stands in the connector, below every way out of the session: REST, websockets and the targets of redirects. An
`endpoint` moves every URL of a client to one loopback address; then that address and port are all it may reach.
"""

from __future__ import annotations

import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import certifi

from orders.errors import ConfigError, VenueError
from venues.ccxt.endpoint import Endpoint
from venues.ccxt.wire import Kept, last_look
from venues.secrets import Redactor, VenueSecret

REQUESTS: Final = logging.getLogger(f"{__name__}.requests")  # of clients with a key
ANSWER_MAX: Final = 64 * 1024 * 1024  # bytes; the longest we know, Binance's list of all markets, has 15 MB
LIST_MAX: Final = 20_000  # elements of an answer that is a list; a page of trades has 1,000
REQUEST_TIMEOUT_MS: Final = 10_000  # ccxt's own default, said here because a run's start waits for it


class EgressRefused(VenueError):
    """A client tried to reach a host that is not its venue's; nothing was connected."""


def venue_hosts(urls: Mapping[str, Any], *, hostname: str = "") -> frozenset[str]:
    """Return the hosts of all API URLs of a ccxt exchange (`exchange.urls`, `exchange.hostname`), lower case."""
    return frozenset(
        host.lower()
        for text in _texts(urls.get("api"))
        if (host := urlsplit(text.replace("{hostname}", hostname)).hostname) is not None
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, str) and "://" in value:
        yield value


def moved(value: Any, endpoint: Endpoint) -> Any:
    """Return `exchange.urls` with every URL in it at the endpoint, path and query kept; TLS falls away."""
    if isinstance(value, Mapping):
        return {key: moved(inner, endpoint) for key, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, endpoint) for inner in value]
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return urlunsplit((scheme, endpoint.netloc, parts.path, parts.query, parts.fragment))
    return value


class Egress:
    """Which hosts a session may reach, and how often it tried which: `attempts` and `refused` count by `host:port`."""

    def __init__(self, *, hosts: frozenset[str], endpoint: Endpoint | None) -> None:
        """`hosts` are names in lower case, reached by TLS only; with an `endpoint` they are not reachable at all."""
        self.hosts = hosts if endpoint is None else frozenset({endpoint.host})
        self.endpoint = endpoint
        self.attempts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def check(self, *, host: str, port: int, tls: bool) -> None:
        """Count an attempt. Raises `EgressRefused` when it must not be made."""
        name = f"{host}:{port}"
        self.attempts[name] += 1
        allowed = host.lower() in self.hosts and (
            tls if self.endpoint is None else (host, port) == (self.endpoint.host, self.endpoint.port)
        )
        if not allowed:
            self.refused[name] += 1
            wanted = self.endpoint.netloc if self.endpoint else f"{', '.join(sorted(self.hosts))} by TLS"
            raise EgressRefused(
                "EGRESS_REFUSED",
                expected=f"a connection to {wanted}",
                found=f"{name}{'' if tls else ' without TLS'}",
                action="Find out who asked for it: a venue's client talks to its venue only.",
            )


class GuardedConnector(aiohttp.TCPConnector):
    """aiohttp's connector behind an `Egress`: every new connection, reused connection and redirect passes `connect`."""

    def __init__(self, egress: Egress, **options: Any) -> None:
        super().__init__(**options)
        self._egress = egress

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        self._egress.check(host=req.url.host or "", port=req.url.port or 0, tls=req.is_ssl())
        line = await super().connect(req, traces, timeout)
        if code := last_look():
            line.release()
            raise Kept(code)
        return line


class BoundedResponse(aiohttp.ClientResponse):
    """An answer of at most `ANSWER_MAX` bytes, counted as they are unpacked: a megabyte of gzip may hold a gigabyte."""

    async def read(self) -> bytes:
        """Return the body. Raises `aiohttp.ClientPayloadError` for a longer one, and ends the connection."""
        if self._body is None:
            parts, size = list[bytes](), 0
            try:
                async for part in self.content.iter_any():
                    size += len(part)
                    if size > ANSWER_MAX:
                        raise aiohttp.ClientPayloadError(f"an answer of more than {ANSWER_MAX} bytes")
                    parts.append(part)
            except BaseException:
                self.close()
                raise
            self._body = b"".join(parts)
        return await super().read()


class VenueClient:
    """An unmodified ccxt exchange on a guarded session. Made inside a running loop; `close` gives everything back."""

    def __init__(
        self,
        exchange_id: str,
        *,
        options: Mapping[str, Any],
        endpoint: Endpoint | None,
        hosts: frozenset[str] | None = None,
        streaming: bool = True,
        secret: VenueSecret | None = None,
        timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        """`hosts` narrows what the venue's own URL list allows. Raises `ConfigError` EXCHANGE_UNKNOWN.

        `secret` None: public data only. `streaming` picks ccxt.pro, else ccxt's REST class. `timeout_ms`: of one request.
        """
        made = _exchange_class(exchange_id, streaming=streaming)
        probe_hosts = venue_hosts(made().urls, hostname=made().hostname or "")
        wanted = probe_hosts if hosts is None else hosts & probe_hosts
        assert wanted, f"none of {sorted(hosts or ())} is a host of {exchange_id}"
        self.egress = Egress(hosts=wanted, endpoint=endpoint)
        context = ssl.create_default_context(cafile=certifi.where())
        connector = GuardedConnector(self.egress, ssl=context)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False, response_class=BoundedResponse)
        self.exchange = made(
            {
                "session": self._session,
                "enableRateLimit": True,
                "timeout": timeout_ms,
                "options": dict(options),
            }
        )
        self.exchange.fetch = _decoded(self.exchange)
        self._redactor: Redactor | None = None
        if secret is not None:
            self.exchange.apiKey, self.exchange.secret = secret.reveal()
            self._quiet(secret)
        if endpoint is not None:
            self.exchange.urls = moved(self.exchange.urls, endpoint)

    def _quiet(self, secret: VenueSecret) -> None:
        """Keep key and signatures out of what ccxt says of its requests: its log at DEBUG, and what it prints where `verbose`."""
        self._redactor = Redactor([secret])
        REQUESTS.addFilter(self._redactor)
        self.exchange.logger = REQUESTS
        self.exchange.log = lambda *words: REQUESTS.debug(" ".join(["%s"] * len(words)), *words)

    async def close(self) -> None:
        """Close sockets and session; a second call does nothing."""
        if self._redactor is not None:
            REQUESTS.removeFilter(self._redactor)
        if not self._session.closed:
            await self.exchange.close()
            await self._session.close()


def _decoded(exchange: Any) -> Callable[..., Awaitable[Any]]:
    """Return an exchange's `fetch`, which refuses what ccxt could not decode, and lists without end.

    ccxt hands such a text on as it is, and the parser of a list then takes each of its characters for an element: a page of two
    megabytes in place of trades held the loop for a minute.
    """
    from ccxt.base.errors import BadResponse

    fetch = exchange.fetch

    async def own_fetch(url: Any, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await fetch(url, method, headers, body)
        if isinstance(answer, str):
            raise BadResponse(f"{exchange.id} {method}: an answer that is no JSON, of {len(answer)} characters")
        if isinstance(answer, list) and len(answer) > LIST_MAX:
            raise BadResponse(f"{exchange.id} {method}: a list of {len(answer)}, at most {LIST_MAX} are read")
        return answer

    return own_fetch


def _exchange_class(exchange_id: str, *, streaming: bool) -> Any:
    package = import_module("ccxt.pro" if streaming else "ccxt.async_support")
    if exchange_id not in package.exchanges:
        raise ConfigError(
            "EXCHANGE_UNKNOWN",
            expected=f"an exchange ccxt has{' streams of' if streaming else ''}, such as binance",
            found=repr(exchange_id),
            action="`ccxt.pro.exchanges` lists them." if streaming else "`ccxt.exchanges` lists them.",
        )
    return getattr(package, exchange_id)
