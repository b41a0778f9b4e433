"""The live market as a shadow's price source: a venue's public streams through CCXT; market time is real time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from engine.assemble import Wired
from engine.config_checks import cross_problems
from engine.config_sections import DataSection
from engine.market_time import IDENTITY
from engine.node import MakeClient
from engine.price_source import play_seconds
from engine.run_config import RunConfig
from lakehouse import records
from orders.errors import ConfigError
from orders.values import Listing
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import profile_of
from venues.ccxt.streams import StreamEvent

STALE_MS: Final = 5_000  # of `--data ccxt:EXCHANGE`, where no file says it


def with_live_data(config: RunConfig, text: str) -> RunConfig:
    """Return the config with `[data]` replaced by `ccxt:EXCHANGE` or `ccxt:EXCHANGE@http://127.0.0.1:PORT`.

    Raises `ConfigError` DATA_OPTION naming everything that does not fit.
    """
    kind, _, rest = text.partition(":")
    exchange, _, endpoint = rest.partition("@")
    if kind != "ccxt" or not exchange:
        raise _data_option(text, "")
    given = {"kind": "ccxt", "exchange": exchange, "stale_ms": STALE_MS} | ({"endpoint": endpoint} if "@" in rest else {})
    try:
        data = DataSection.model_validate(given)
    except ValidationError as error:
        raise _data_option(text, "; ".join(item["msg"] for item in error.errors())) from error
    problems = cross_problems({"data": data, "venues": config.venues})
    mine = [f"{'.'.join(key)} {message}" for key, message in problems if key[0] == "data"]
    if mine:
        raise _data_option(text, "; ".join(mine))
    return config.model_copy(update={"data": data})


def _data_option(text: str, why: str) -> ConfigError:
    return ConfigError(
        "DATA_OPTION",
        expected="--data ccxt:EXCHANGE, or ccxt:EXCHANGE@http://127.0.0.1:PORT for a rehearsal",
        found=f"{text!r}{f' ({why})' if why else ''}",
        action="`sluice shadow --help` shows an example.",
    )


class CcxtSource:
    """Made by `open_ccxt_source`; ends after `for_s` seconds or never. What an operator should know goes to log and screen."""

    def __init__(
        self,
        *,
        config: RunConfig,
        client: Any,
        instrument_ids: Mapping[str, str],
        clock_offset_ms: int,
        for_s: int | None,
        say: Callable[[str], None],
    ) -> None:
        data = config.data
        assert data.exchange is not None
        assert data.stale_ms is not None
        self.market_time = IDENTITY
        self.instants = 0
        self.description = f"ccxt {data.exchange} {data.endpoint or 'over the network'}"
        self.client = client
        self.data_client: Any = None
        self._profile = profile_of(data.exchange)
        self._stale_ms = data.stale_ms
        self._endpoint = data.endpoint
        self._ids = dict(instrument_ids)
        self._offset_ms = clock_offset_ms
        self._for_s = for_s
        self._say = say
        self._jitter = random.Random(config.assumptions_section.seed)  # spreads requests, no secret  # nosec B311
        self._assembly: Wired | None = None
        self._on_instant: Callable[[int], None]
        self._clock: Any = None
        self._handler_before: Any = None

    def headline(self) -> str:
        where = f"at {self._endpoint}, which stands in for the venue" if self._endpoint else "live over the network"
        hosts = ", ".join(sorted(self.client.egress.hosts))
        return f"{self._profile.exchange} {where}, {len(self._ids)} names, hosts {hosts}, venue clock {self._offset_ms:+d} ms"

    def maker(self, venue: str) -> MakeClient:
        assert venue == self._profile.venue

        def make(loop: asyncio.AbstractEventLoop, msgbus: Any, cache: Any, clock: Any) -> Any:
            from venues.ccxt.data_client import CcxtDataClient

            self.data_client = CcxtDataClient(
                loop=loop,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                venue=venue,
                client=self.client,
                profile=self._profile,
                instrument_ids=self._ids,
                stale_ms=self._stale_ms,
                jitter=self._jitter.random,
                on_event=self._tell,
                halt=self._halt,
            )
            return self.data_client

        return make

    def bind(self, *, kernel: Any, assembly: Wired, on_instant: Callable[[int], None]) -> None:
        from venues.ccxt.client_noise import is_client_noise

        self._assembly, self._on_instant, self._clock = assembly, on_instant, kernel.clock
        loop = asyncio.get_running_loop()
        before = self._handler_before = loop.get_exception_handler()

        def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if is_client_noise(context):
                return  # a lost stream, which its watchdog tells
            if before is None:
                loop.default_exception_handler(context)
            else:
                before(loop, context)

        loop.set_exception_handler(handler)

    async def play(self) -> None:
        """Return after `for_s` seconds; without it only cancellation ends this."""
        await play_seconds(self._for_s, each=lambda: self._on_instant(self._clock.timestamp_ns()))

    async def close(self) -> None:
        if self._handler_before is not None:
            asyncio.get_running_loop().set_exception_handler(self._handler_before)
        await self.client.close()

    def summary(self) -> str:
        """Return what was dropped and mended, for the end of the run; "" when there is nothing to say."""
        if self.data_client is None:
            return ""
        told = [f"{name} {why} {count}" for (name, why), count in sorted(self.data_client.dropped.items())]
        for tape in self.data_client.tapes.values():
            told += [f"{tape.name} {what} {tape.counts[what]}" for what in ("backfilled", "lost") if tape.counts[what]]
        refused = self.client.egress.refused
        told += [f"connections refused to {host} {count}" for host, count in sorted(refused.items())]
        return "; ".join(told)

    def _tell(self, event: StreamEvent) -> None:
        self._say(f"{event.code}  {event.message}")
        if self._assembly is not None:
            self._assembly.recorder.write_quietly(records.Alarm, code=event.code, message=event.message)

    def _halt(self, reason: str) -> None:
        assert self._assembly is not None
        self._assembly.halt(reason)


async def open_ccxt_source(
    *,
    config: RunConfig,
    listings: Mapping[str, Listing],
    symbols: Mapping[str, Any],
    for_s: int | None,
    say: Callable[[str], None],
) -> CcxtSource:
    """Connect, load the venue's markets, and check that it lists every symbol of `symbols`.

    Raises `VenueUnavailable` VENUE_UNREACHABLE, and `ConfigError` NO_CCXT_SYMBOL or NOT_AT_VENUE before anything is traded.
    """
    from venues.ccxt.egress import VenueClient
    from venues.ccxt.reach import reach

    data = config.data
    assert data.exchange is not None
    profile = profile_of(data.exchange)
    ids = _ccxt_symbols(listings, symbols)
    client = VenueClient(
        profile.exchange,
        options=profile.options,
        endpoint=None if data.endpoint is None else parse_endpoint(data.endpoint),
        hosts=profile.hosts,
    )
    try:
        markets, offset_ms = await reach(client.exchange)
        missing = sorted(symbol for symbol in ids if symbol not in markets)
        if missing:
            raise ConfigError(
                "NOT_AT_VENUE",
                expected=f"every allowed symbol among the {len(markets)} spot markets of {profile.exchange}",
                found=f"none of {', '.join(missing)}",
                action="Mend ccxt_symbol in the symbol map, or take the symbol off sentinel.allow.",
            )
    except BaseException:
        await client.close()
        raise
    return CcxtSource(config=config, client=client, instrument_ids=ids, clock_offset_ms=offset_ms, for_s=for_s, say=say)


def _ccxt_symbols(listings: Mapping[str, Listing], symbols: Mapping[str, Any]) -> dict[str, str]:
    """Return ccxt symbol -> instrument id of what may be traded."""
    nameless = sorted(symbol for symbol in symbols if listings[symbol].ccxt_symbol is None)
    if nameless:
        raise ConfigError(
            "NO_CCXT_SYMBOL",
            expected="a ccxt_symbol in the symbol map for every allowed symbol",
            found=f"none for {', '.join(nameless)}",
            action="Add it, or take the symbol off sentinel.allow.",
        )
    return {str(listings[symbol].ccxt_symbol): listings[symbol].instrument_id for symbol in sorted(symbols)}
