"""A Python hand on a rehearsal exchange in its own process: start and stop it, script its market, break it, ask it for the truth.

    with RehearsalVenue.start(state=tmp_path / "venue.sqlite", balances={"USDT": "100000"}) as venue:
        venue.quote("BTCUSDT", "97000.00", "97000.01")
        ...                                  # an engine with `endpoint = venue.endpoint`, `venue.key`, `venue.secret`
        venue.trade_at("BTCUSDT", "96999.99", "0.5", buyer_is_maker=True)
        venue.kill(); venue.restart()        # same ports, same state
        orders = venue.truth().by_client_id("3f2a...")

Every call is one request to the control endpoint and is done when it returns. The exchange ends with the process that started it.
"""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from orders.errors import InputError, VenueUnavailable
from sim.rehearsal.server import Settings
from sim.rehearsal.settlement import FeeRates

MAIN: Final = "main"
WAIT_S_MAX: Final = 30.0


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


class RehearsalVenue:
    """The handle. `endpoint` is the venue's address; `key` and `secret` are what its main account's client signs with."""

    def __init__(self, settings: Settings) -> None:
        """Use `start`."""
        self._process, hello = _run(settings)
        self.endpoint, self.control = hello["endpoint"], hello["control"]
        self.key, self.secret = hello["key"], hello["secret"]
        ports = (urlsplit(url).port or 0 for url in (self.endpoint, self.control))
        self._settings = replace(settings, **dict(zip(("port", "control_port"), ports, strict=True)))

    @classmethod
    def start(
        cls,
        *,
        state: Path | None = None,
        balances: Mapping[str, str] | None = None,
        maker_fee: str = "0.001",
        taker_fee: str = "0.001",
        port: int = 0,
        control_port: int = 0,
    ) -> Self:
        """Start an exchange and return when it answers. Without `state` it forgets what it knows when it ends.

        Raises `VenueUnavailable` REHEARSAL_NOT_STARTED.
        """
        return cls(
            Settings(
                port=port,
                control_port=control_port,
                state=None if state is None else str(state),
                fees=FeeRates(maker=Decimal(maker_fee), taker=Decimal(taker_fee)),
                balances={asset: Decimal(amount) for asset, amount in (balances or {}).items()},
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the exchange as an orderly shutdown does; a second call does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
        _reap(self._process)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        _reap(self._process)

    def freeze(self, on: bool) -> None:
        """Stop the whole process where it stands (SIGSTOP), or let it go on."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def restart(self) -> None:
        """Start again on the same ports and, where there is one, the same state."""
        self.stop()
        self._process, _ = _run(self._settings)

    def set_book(self, symbol: str, *, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        """Replace the market's part of a book by (price, quantity) levels; what they cross of resting orders trades."""
        self.do("set_book", symbol=symbol, bids=bids, asks=asks)

    def quote(self, symbol: str, bid: str, ask: str, *, size: str = "50") -> None:
        """Replace it by twenty levels a tick apart below and above a touch, `size` on each."""
        self.do("quote", symbol=symbol, bid=bid, ask=ask, size=size)

    def trade_at(self, symbol: str, price: str, quantity: str, *, buyer_is_maker: bool) -> None:
        """Let the market trade; resting orders in front of that price, and in the queue at it, take their part."""
        self.do("trade", symbol=symbol, price=price, quantity=quantity, buyer_is_maker=buyer_is_maker)

    def set_balance(self, asset: str, free: str, *, account: str = MAIN) -> None:
        """Deposit or withdraw until `free` is free."""
        self.do("balance", account=account, asset=asset, free=free)

    def place(self, *, account: str = MAIN, **parameters: str) -> dict[str, Any]:
        """Place an order nobody's engine sent, with Binance's parameters; on the main account it is an external order."""
        return dict(self.do("order", account=account, parameters=parameters))

    def cancel(self, symbol: str, *, client_id: str, account: str = MAIN) -> dict[str, Any]:
        """Cancel an order by somebody else's hand."""
        return dict(self.do("cancel", account=account, symbol=symbol, client_id=client_id))

    def cancel_open(self) -> None:
        """Cancel every order that rests, of every account."""
        self.do("cancel_open")

    def relist(self, symbol: str, **changes: str) -> None:
        """Change a pair's filters or status overnight, such as `tick_size="0.1"` or `status="BREAK"`."""
        self.do("relist", symbol=symbol, changes=changes)

    def outage(self, ms: int) -> None:
        """Take the venue off its port for so long, every connection cut; it comes back from its memory. The process lives on."""
        self.do("outage", ms=ms)

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

    def do(self, name: str, **details: Any) -> Any:
        """Do one step of the control endpoint. Raises `InputError` for one it refuses, `VenueUnavailable` without an answer."""
        body = json.dumps({"do": name, **details})
        connection = http.client.HTTPConnection(urlsplit(self.control).netloc, timeout=WAIT_S_MAX)
        try:
            connection.request("POST", "/", body=body, headers={"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise VenueUnavailable(
                "REHEARSAL_NOT_ANSWERING",
                expected=f"an answer of the control endpoint {self.control}",
                found=f"{type(error).__name__}: {error}",
                action="Start the exchange, or restart it.",
            ) from error
        finally:
            connection.close()
        if "error" in answer:
            raise InputError("SCRIPT_MALFORMED", expected="a step the exchange takes", found=answer["error"], action="Mend it.")
        return answer["result"]


def _run(settings: Settings) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    command = [sys.executable, "-m", "sim.rehearsal.process", msgspec.json.encode(settings).decode()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate()
        raise VenueUnavailable(
            "REHEARSAL_NOT_STARTED",
            expected="a rehearsal exchange that says where it listens",
            found=said.decode(errors="replace").strip()[-500:] or "nothing",
            action="Free the port, or mend what it says.",
        )
    return process, dict(json.loads(line))


def _reap(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait(timeout=WAIT_S_MAX)
