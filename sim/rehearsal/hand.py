"""Everything one may tell or ask a rehearsal exchange, whichever way it is reached; each call is one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAIN: Final = "main"


class Truth:
    """What the exchange knows: rows as the venue words them, with `account` and `external` beside."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.orders: list[dict[str, Any]] = document["orders"]
        self.trades: list[dict[str, Any]] = document["trades"]
        self.balances: dict[str, dict[str, dict[str, str]]] = document["balances"]

    def by_client_id(self, client_id: str) -> list[dict[str, Any]]:
        """Return every order that ever had this client id, oldest first: more than one is an order sent twice."""
        return [order for order in self.orders if order["clientOrderId"] == client_id]

    def open_orders(self) -> list[dict[str, Any]]:
        """Return what rests in a book."""
        return [order for order in self.orders if order["status"] in ("NEW", "PARTIALLY_FILLED")]


class Hand(ABC):
    """A hand on an exchange. `endpoint` is the venue's address; its main account's client signs with `key` and `secret`."""

    endpoint: str
    key: str
    secret: str

    @abstractmethod
    def do(self, name: str, **details: Any) -> Any:
        """Do one step (data/README.md, Scripts of the rehearsal exchange) and return its result. Raises `InputError`."""

    def set_book(self, symbol: str, *, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        """Replace the market's part of a book by (price, quantity) levels; what they cross of resting orders trades."""
        self.do("set_book", symbol=symbol, bids=bids, asks=asks)

    def quote(self, symbol: str, bid: str, ask: str, *, size: str = "50") -> None:
        """Replace it by twenty levels a tick apart below and above a touch, `size` on each."""
        self.do("quote", symbol=symbol, bid=bid, ask=ask, size=size)

    def trade_at(self, symbol: str, price: str, quantity: str, *, buyer_is_maker: bool) -> None:
        """Let the market trade; resting orders in front of that price, and in the queue at it, take their part."""
        self.do("trade", symbol=symbol, price=price, quantity=quantity, buyer_is_maker=buyer_is_maker)

    def play(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Begin a script, each step `after_ms` after the one before; `playing` says how many go on."""
        self.do("play", steps=steps)

    def price_path(self, symbol: str, quotes: Sequence[tuple[str, str]], *, every_ms: int, size: str = "50") -> None:
        """Begin to move a touch along (bid, ask) pairs, one every so many milliseconds."""
        self.play(
            [
                {"after_ms": every_ms if number else 0, "do": "quote", "symbol": symbol, "bid": bid, "ask": ask, "size": size}
                for number, (bid, ask) in enumerate(quotes)
            ]
        )

    def playing(self) -> int:
        """Return how many scripts are under way."""
        return int(self.do("playing"))

    def set_balance(self, asset: str, free: str, *, account: str = MAIN) -> None:
        """Change a balance until `free` is free; on no list of the venue's: a coin that was lost or found."""
        self.do("balance", account=account, asset=asset, free=free)

    def deposit(
        self, asset: str, amount: str, *, account: str = MAIN, pending: bool = False, transfer_id: str | None = None
    ) -> int:
        """Deposit, on the venue's list, and return its number; `pending`: it arrives at `confirm`."""
        return int(self.do("deposit", account=account, asset=asset, amount=amount, pending=pending, id=transfer_id))

    def withdraw(self, asset: str, amount: str, *, fee: str = "0", account: str = MAIN, pending: bool = False) -> int:
        """Withdraw `amount` and its fee, on the venue's list, and return its number; both are gone at once."""
        return int(self.do("withdraw", account=account, asset=asset, amount=amount, fee=fee, pending=pending))

    def confirm(self, number: int) -> None:
        """Confirm a deposit or withdrawal that is pending."""
        self.do("confirm", number=number)

    def place(self, *, account: str = MAIN, **parameters: str) -> dict[str, Any]:
        """Place an order nobody's engine sent, with Binance's parameters; on the main account it is an external order."""
        return dict(self.do("order", account=account, parameters=parameters))

    def cancel(self, symbol: str, *, client_id: str, account: str = MAIN) -> dict[str, Any]:
        """Cancel an order by somebody else's hand."""
        return dict(self.do("cancel", account=account, symbol=symbol, client_id=client_id))

    def cancel_open(self) -> None:
        """Cancel every order that rests, of every account."""
        self.do("cancel_open")

    def reset(self, balances: Mapping[str, str]) -> None:
        """Begin anew: no order, trade, fault or skew; the main account has these balances. Counts begin at zero."""
        self.do("reset", balances=balances)

    def relist(self, symbol: str, **changes: str) -> None:
        """Change a pair's filters or status overnight, such as `tick_size="0.1"` or `status="BREAK"`."""
        self.do("relist", symbol=symbol, changes=changes)

    def charge(self, *, maker: str, taker: str) -> None:
        """Charge other fees, fractions of what is received, from the next trade on; nobody is told."""
        self.do("fees", maker=maker, taker=taker)

    def slip(self, fraction: str) -> None:
        """Fill what takes so much worse than the book shows, from the next order on; nobody is told."""
        self.do("slip", fraction=fraction)

    def outage(self, ms: int) -> None:
        """Take the venue off its port for so long, every connection cut; it comes back from its memory. The process lives on."""
        self.do("outage", ms=ms)

    def down(self) -> None:
        """Take the venue off its port until `up`; its market and other hands go on."""
        self.do("down")

    def up(self) -> None:
        """Bring it back from its memory, on the same port."""
        self.do("up")

    def posts(self, client_id: str) -> int:
        """Return how many new orders came in with this client id since the process started, whatever became of them."""
        return int(self.do("posts", client_id=client_id))

    def skew(self, ms: int) -> None:
        """Put the venue's clock so far ahead of this machine's; negative is behind."""
        self.do("skew", ms=ms)

    def fault(self, request: str, kind: str, *, when: str = "before", **details: Any) -> None:
        """Break the next request of that name, such as `POST order`; see `sim.rehearsal.faults.Fault` for kinds and details."""
        self.do("fault", request=request, kind=kind, when=when, **details)

    def schedule(self, *, seed: int, fraction: float, requests: Sequence[str], kinds: Sequence[str]) -> None:
        """Break requests by chance from now on; the same requests in the same order get the same faults."""
        self.do("schedule", seed=seed, fraction=fraction, requests=requests, kinds=kinds)

    def faults_done(self) -> list[tuple[str, str, str]]:
        """Return (request, kind, before or after) of every fault that struck."""
        return [(name, kind, when) for name, kind, when in self.do("faults_done")]

    def drop(self, stream: str = "") -> None:
        """Cut every socket that listens to a stream whose name ends so: `user`, `bookTicker`, "" for all."""
        self.do("drop", stream=stream)

    def silence(self, stream: str = "") -> None:
        """Say nothing more on such streams, sockets open; what happens meanwhile is lost to them."""
        self.do("silence", stream=stream)

    def duplicate(self, stream: str = "") -> None:
        """Send everything on such streams twice."""
        self.do("duplicate", on=True, stream=stream)

    def hold(self, stream: str = "") -> None:
        """Keep what such streams would say until `release`."""
        self.do("hold", stream=stream)

    def release(self, *, reverse: bool = False) -> None:
        """Say what was held, in order or the last first."""
        self.do("release", reverse=reverse)

    def twist(self, kind: str, stream: str = "") -> None:
        """Change what such streams say: `unknown_fields`, `nulls`, `texts` or `huge`."""
        self.do("twist", kind=kind, stream=stream)

    def disturb(self, *, seed: int, fraction: float, stream: str = "") -> None:
        """Duplicate, swap, lose the line, by chance, message by message."""
        self.do("disturb", seed=seed, fraction=fraction, stream=stream)

    def refuse_sockets(self, on: bool) -> None:
        """Answer 503 to every new socket, or accept again."""
        self.do("sockets", accepted=not on)

    def sound(self) -> None:
        """End every fault that waits, and everything that is wrong with the streams; sockets are accepted."""
        self.do("sound")

    def truth(self) -> Truth:
        """Return all orders, trades and balances."""
        return Truth(self.do("truth"))

    def counts(self) -> Counter[str]:
        """Return how many requests of each kind came in since its start, such as `POST order`, `GET klines`, `SUBSCRIBE`."""
        return Counter(self.do("counts"))
