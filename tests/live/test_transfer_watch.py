"""Which deposits and withdrawals are booked, through unmodified ccxt at the rehearsal exchange: confirmed, ours, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lakehouse.rebuild import TransferKey
from live.transfer_watch import TransferWatch
from orders.errors import StorageError
from sim.rehearsal.local import LocalVenue, local_venue
from venues.answers import ToldTransfers, VenueTransfer
from venues.ccxt.egress import VenueClient
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.private_api import NoAnswer, PrivateApi
from venues.ccxt.trading_profiles import BINANCE, TradingProfile
from venues.ccxt.transfers import transfers_of
from venues.secrets import VenueSecret

NOW_NS = time.time_ns()
HOUR_NS = 3_600_000_000_000
type Row = tuple[str, str, Decimal, Decimal]


class Seen:
    """What a watch booked and said over one look at the venue."""

    def __init__(self, booked: list[Row], words: str, halts: list[str], requests: int, prices: list[Decimal | None]) -> None:
        self.booked, self.words, self.halts, self.requests, self.prices = booked, words, halts, requests, prices


def looked(
    act: Callable[[LocalVenue], object],
    *,
    known: Iterable[TransferKey] = (),
    since_ns: int = NOW_NS - HOUR_NS,
    profile: TradingProfile = BINANCE,
    looks: int = 1,
    broken: bool = False,
    no_price: bool = False,
) -> Seen:
    """Do something at an exchange, look so often, and return what was seen. BTC is traded, EUR and TRY have no rate."""
    booked: list[Row] = []
    halts: list[str] = []
    prices: list[Decimal | None] = []

    def book(venue: str, one: VenueTransfer, price: Decimal | None, statement_sha256: str | None) -> None:
        assert statement_sha256 is None, "nobody signs what a venue confirms"
        if broken:
            raise StorageError("DISK_FULL", expected="room", found="none", action="Make some.")
        booked.append((one.kind, one.transfer_id, one.amount, one.fee))
        prices.append(price)

    async def look() -> Seen:
        async with local_venue(balances={"USDT": "100000", "BTC": "2", "EUR": "900"}) as venue:
            if not no_price:
                venue.quote("BTCUSDT", "99999.99", "100000.00", size="5")
            act(venue)
            client = VenueClient(
                "binance", options=BINANCE.options, endpoint=parse_endpoint(venue.endpoint), hosts=BINANCE.hosts,
                secret=VenueSecret(key=venue.key, secret=venue.secret, origin="a test"),
            )  # fmt: skip
            try:
                await client.exchange.load_markets()  # as `look_at` has, before a run
                api = PrivateApi(client, profile=profile, quotes={}, redact=lambda text: text, quarantine=lambda what, why: None)

                def ask(since: int) -> Awaitable[ToldTransfers]:
                    return transfers_of(api, since_ns=since, now_ms=time.time_ns() // 1_000_000)

                async def mid(symbol: str) -> Decimal | str:
                    found = await api.mid({"BINANCE:BTCUSDT": "BTC/USDT"}[symbol])
                    return found.why if isinstance(found, NoAnswer) else found

                watch = TransferWatch(
                    venue="BINANCE", ask=ask, since_ns=since_ns, known=known,
                    why_not=lambda where, one: {"EUR": "no rate of EUR holds"}.get(one.currency, ""),
                    symbol_of=lambda where, code: {"BTC": "BINANCE:BTCUSDT"}.get(code), mid=mid,
                    book=book, halt=halts.append,
                )  # fmt: skip
                for _ in range(looks):
                    await watch.take(parted=True)
                requests = sum(count for name, count in venue.counts().items() if "capital" in name)
                return Seen(booked, watch.words, halts, requests, prices)
            finally:
                await client.close()

    return asyncio.run(look())


def both(venue: LocalVenue) -> None:
    venue.deposit("USDT", "500", transfer_id="in")
    venue.withdraw("USDT", "200", fee="1.5")


def test_a_deposit_counts_as_it_came_and_a_withdrawal_with_its_fee() -> None:
    seen = looked(both)
    deposits = [row for row in seen.booked if row[0] == "deposit"]
    withdrawals = [row[2:] for row in seen.booked if row[0] == "withdrawal"]
    assert deposits == [("deposit", "in", Decimal(500), Decimal(0))]
    assert withdrawals == [(Decimal("-201.5"), Decimal("1.5"))]
    assert seen.words == "no confirmed deposit or withdrawal explains it"


def twice(venue: LocalVenue) -> None:
    for amount in ("500", "500"):
        venue.deposit("USDT", amount, transfer_id="same")


def across(venue: LocalVenue) -> None:
    venue.deposit("USDT", "500", pending=True, transfer_id="late")


def traded(venue: LocalVenue) -> None:
    venue.deposit("BTC", "0.5", transfer_id="coin")


def no_rate(venue: LocalVenue) -> None:
    venue.withdraw("EUR", "5")


def faulty(request: str, kind: str) -> Callable[[LocalVenue], None]:
    def act(venue: LocalVenue) -> None:
        venue.deposit("USDT", "500")
        venue.fault(request, kind, times=0)

    return act


def traded_and_faulty(venue: LocalVenue) -> None:
    traded(venue)
    faulty("GET ticker/bookTicker", "html")(venue)


@pytest.mark.parametrize(
    ("act", "options", "count", "words"),
    [
        (twice, {}, 1, "no confirmed"),
        (twice, {"known": [("BINANCE", "deposit", "same")]}, 0, "no confirmed"),
        (twice, {"known": [("BINANCE", "withdrawal", "same"), ("KRAKEN", "deposit", "same")]}, 1, "no confirmed"),
        (across, {}, 0, "deposit late of +500 USDT is pending"),
        (both, {"since_ns": NOW_NS + HOUR_NS}, 0, "no confirmed"),
        (traded, {}, 1, "no confirmed"),
        (traded, {"no_price": True}, 0, "deposit coin of +0.5 BTC is confirmed and not booked: the touch of BTC/USDT: bid"),
        (traded_and_faulty, {}, 1, "coin of +0.5 BTC is confirmed and not booked: "),
        (no_rate, {}, 0, "is confirmed and not booked: no rate of EUR holds"),
        (both, {"profile": msgspec.structs.replace(BINANCE, transfers=None)}, 0, "BINANCE cannot tell deposits"),
        (faulty("GET capital/deposit/hisrec", "unavailable"), {}, 0, "were not told"),
        (faulty("GET capital/withdraw/history", "html"), {}, 0, "were not told"),
        (faulty("GET capital/withdraw/history", "object"), {}, 0, "were not told"),
        (faulty("GET capital/deposit/hisrec", "limited"), {}, 0, "were not told"),
        (faulty("GET capital/deposit/hisrec", "nulls"), {}, 0, "no confirmed"),
        (faulty("GET capital/deposit/hisrec", "unknown_fields"), {}, 1, "no confirmed"),
        (faulty("GET capital/deposit/hisrec", "texts"), {}, 1, "no confirmed"),
    ],
    ids=[
        "the same id twice", "an id booked before a restart", "another kind's and another venue's id", "one that is pending",
        "what was done before the record", "a coin that is traded", "one nobody quotes", "one whose touch is a page",
        "a currency without a rate", "a venue that cannot tell", "deposits not answered", "withdrawals that are a page",
        "withdrawals that are no list", "a pause", "nulls", "unknown fields", "numbers as texts",
    ],
)  # fmt: skip
def test_what_is_booked_and_what_is_said_of_the_rest(
    act: Callable[[LocalVenue], None], options: dict[str, Any], count: int, words: str
) -> None:
    seen = looked(act, **options)
    assert (len(seen.booked), seen.halts) == (count, [])
    assert words in seen.words


def test_a_coin_that_is_traded_is_worth_the_middle_of_the_touch() -> None:
    seen = looked(lambda venue: (traded(venue), venue.deposit("USDT", "1")))
    assert sorted(seen.prices, key=str) == [Decimal("99999.995"), None]


def test_one_that_was_pending_counts_when_it_is_confirmed() -> None:
    def confirmed(venue: LocalVenue) -> None:
        venue.confirm(venue.deposit("USDT", "500", pending=True, transfer_id="late"))

    assert [row[1] for row in looked(confirmed).booked] == ["late"]


def test_the_venue_is_not_asked_again_at_once() -> None:
    assert looked(both, looks=5).requests == 2  # one list of each kind


def test_one_that_cannot_be_written_halts_and_is_not_taken_for_booked() -> None:
    seen = looked(both, broken=True)
    assert seen.booked == []
    assert [reason.split(":")[0] for reason in seen.halts] == ["DISK_FULL", "DISK_FULL"]
    assert "could not be written" in seen.words
