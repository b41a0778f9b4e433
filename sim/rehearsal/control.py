"""The control endpoint: what a test or a person tells the rehearsal exchange to do, and what it answers about itself.

One POST of `{"do": NAME, ...}` a step; the answer is `{"result": ...}` or, with status 400, `{"error": ...}`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aiohttp import web

from orders.errors import InputError
from sim.rehearsal.asking import parse_order
from sim.rehearsal.binance_public import BOOK_LEVELS
from sim.rehearsal.book import NONE
from sim.rehearsal.listing import EIGHT_PLACES
from sim.rehearsal.script import act, play
from sim.rehearsal.settlement import FeeRates
from sim.rehearsal.truth import truth
from sim.rehearsal.values import Refusal
from sim.rehearsal.venue import Venue
from sim.rehearsal.wording import order_state


class Control:
    """Does steps on a venue. `stopped` is set when one asks it to end."""

    def __init__(
        self, venue: Venue, *, down: Callable[[], Coroutine[Any, Any, None]], up: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """`down` takes the venue off its port, `up` brings it back."""
        self._venue = venue
        self._down, self._up = down, up
        self._turns: set[asyncio.Task[None]] = set()  # to down or up, under way
        self._plays: set[asyncio.Task[None]] = set()
        self.stopped = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST, when it is done."""
        try:
            step = json.loads(await request.text())
            result = self.do(step)
            await asyncio.gather(*self._turns)
            return web.json_response({"result": result})
        except (InputError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    def do(self, step: Mapping[str, Any]) -> Any:
        """Do one step and return its result. Raises `InputError` SCRIPT_MALFORMED."""
        try:
            return self._do(dict(step))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError) as error:
            raise InputError(
                "SCRIPT_MALFORMED",
                expected="a step such as {'do': 'set_book', 'symbol': 'BTCUSDT', 'bids': [['97000', '1']], 'asks': []}",
                found=f"{step!r:.500}: {type(error).__name__} {error}",
                action="Mend the script; `Control` in sim.rehearsal.control has all steps.",
            ) from error

    def _do(self, step: dict[str, Any]) -> Any:
        venue = self._venue
        match step["do"]:
            case "set_book":
                venue.set_book(step["symbol"], bids=_levels(step["bids"]), asks=_levels(step["asks"]))
            case "quote":
                self._quote(step)
            case "trade":
                venue.trade_at(
                    step["symbol"],
                    price=_amount(step["price"]),
                    quantity=_amount(step["quantity"]),
                    buyer_is_maker=bool(step.get("buyer_is_maker", False)),
                )
            case "balance":
                venue.set_balance(step["account"], step["asset"], free=_amount(step["free"], least=NONE))
            case "deposit" | "withdraw":
                return self._transfer(step)
            case "confirm":
                venue.confirm(int(step["number"]))
            case "order":
                return self._order(step)
            case "cancel":
                return self._cancel(step)
            case "cancel_open":
                for order in [each for each in venue.exchange.state.orders.values() if each.is_open]:
                    self._cancel({"account": order.account, "symbol": order.symbol, "order_id": order.order_id})
            case "fees":
                maker, taker = (_fraction(step[name]) for name in ("maker", "taker"))
                venue.charge(FeeRates(maker=maker, taker=taker))
            case "slip":
                venue.slip(_fraction(step["fraction"]))
            case "skew":
                venue.skew_ms = int(step["ms"])
            case "play":
                self._play([dict(each) for each in step["steps"]])
            case "playing":
                return len(self._plays)
            case "reset":
                venue.reset({asset: _amount(amount, least=NONE) for asset, amount in step["balances"].items()})
            case "relist":
                venue.relist(step["symbol"], {name: str(value) for name, value in step["changes"].items()})
            case "outage":
                self._turn(self._down())
                asyncio.get_running_loop().call_later(int(step["ms"]) / 1_000, lambda: self._turn(self._up()))
            case "down":
                self._turn(self._down())
            case "up":
                self._turn(self._up())
            case "posts":
                return venue.public.gate.posts[step["client_id"]]
            case "truth":
                return truth(venue)
            case "counts":
                return dict(venue.public.requests)
            case "faults_done":
                return venue.public.faults.done
            case "stop":
                self.stopped.set()
            case _:
                act(venue.public, step)
        return None

    def _play(self, steps: list[dict[str, Any]]) -> None:
        """Do steps beside everything else, each `after_ms` after the one before; one that cannot be done ends them."""
        if not all(isinstance(each["after_ms"], int) and each["after_ms"] >= 0 for each in steps):
            raise TypeError("after_ms is a whole number of milliseconds")
        task = asyncio.get_running_loop().create_task(play(self.do, steps))
        self._plays.add(task)
        task.add_done_callback(self._plays.discard)

    def _turn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    def _quote(self, step: Mapping[str, Any]) -> None:
        symbol, size = step["symbol"], _amount(step.get("size", 50))
        tick = self._venue.exchange.listings[symbol].tick_size
        bid, ask = _amount(step["bid"]), _amount(step["ask"])
        places = range(int(step.get("levels", BOOK_LEVELS)))
        bids = {bid - tick * place: size for place in places if bid > tick * place}
        self._venue.set_book(symbol, bids=bids, asks={ask + tick * place: size for place in places})

    def _order(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order that no client sent: by somebody else, on any account."""
        parameters = {name: str(value) for name, value in step["parameters"].items()}
        asked = parse_order(parameters, account=step["account"], made_id=self._venue.made_id())
        placed = asked if isinstance(asked, Refusal) else self._venue.place(asked, external=True)
        if isinstance(placed, Refusal):
            raise InputError(
                "SCRIPT_ORDER_REFUSED", expected="an order the venue takes", found=placed.message, action="Mend the step."
            )
        return order_state(placed)

    def _transfer(self, step: Mapping[str, Any]) -> int:
        begun = self._venue.transfer(
            step["account"],
            step["asset"],
            amount=_amount(step["amount"]),
            deposit=step["do"] == "deposit",
            fee=_amount(step.get("fee", "0"), least=NONE),
            transfer_id=step.get("id"),
            pending=bool(step.get("pending", False)),
        )
        if isinstance(begun, Refusal):
            raise InputError("SCRIPT_ORDER_REFUSED", expected="that much free", found=begun.message, action="Mend the step.")
        return begun

    def _cancel(self, step: Mapping[str, Any]) -> dict[str, Any]:
        done = self._venue.cancel(
            step["account"],
            step["symbol"],
            order_id=step.get("order_id"),
            client_id=step.get("client_id"),
            cancel_id=self._venue.made_id(),
        )
        if isinstance(done, Refusal):
            raise InputError("SCRIPT_ORDER_REFUSED", expected="an open order", found=done.message, action="Mend the step.")
        return order_state(done)


def _fraction(written: Any) -> Decimal:
    """Return a number from 0 to below 1. Raises `ValueError`."""
    value = _amount(written, least=NONE)
    if value >= 1:
        raise ValueError(f"a fraction below 1 was expected, was {written}")
    return value


def _levels(rows: Sequence[Sequence[str]]) -> dict[Decimal, Decimal]:
    return {_amount(price): _amount(size) for price, size in rows}


def _amount(written: Any, *, least: Decimal = EIGHT_PLACES) -> Decimal:
    """Return a finite number of at least `least`, with at most the eight decimals the venue keeps. Raises `ValueError`."""
    value = Decimal(str(written))
    if not value.is_finite() or value < least or value != value.quantize(EIGHT_PLACES):
        raise ValueError(f"a number of at least {least} with at most eight decimals was expected, was {written}")
    return value
