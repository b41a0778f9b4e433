"""A Python hand on a fake TWS in its own process: start and stop it, move its market, break it, ask it for the truth.

    with FakeTws.start(state=tmp_path / "tws.json", cash={"USD": "1000000"}) as tws:
        tws.quote("AAPL", "230.00", "230.02")
        ...                                  # an engine with host 127.0.0.1, `tws.port`, `tws.account`
        tws.fault("place", "mute")           # the next order is taken, and nothing is said of it
        tws.kill(); tws.restart()            # same ports, same state
        orders = tws.truth().by_client_order_id("3f2a...")

Every call is one request to the control endpoint and is done when it returns. It ends with the process that started it.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from msgspec.structs import replace

from orders.errors import InputError, VenueUnavailable
from sim.rehearsal.tws.server import LOOPBACK, Settings
from sim.rehearsal.tws.values import Execution, Order, State

WAIT_S_MAX: Final = 30.0
ACCOUNT: Final = "REHEARSAL1"  # no real account is called so: it is how a run knows that it only rehearses


class TwsTruth:
    """What the fake TWS itself knows, oldest first."""

    def __init__(self, document: Any) -> None:
        self.state = msgspec.convert(document, type=State, strict=False)

    @property
    def orders(self) -> list[Order]:
        """Every order of today."""
        return self.state.orders

    @property
    def executions(self) -> list[Execution]:
        """Every fill of today."""
        return self.state.executions

    def by_client_order_id(self, client_order_id: str) -> list[Order]:
        """Return every order that carries this id in its orderRef: more than one is an order sent twice."""
        return [order for order in self.orders if order.order_ref.rpartition(":")[0] == client_order_id]


class FakeTws:
    """The handle. `port` is TWS' socket port on 127.0.0.1, `account` the only account."""

    def __init__(self, settings: Settings) -> None:
        """Use `start`."""
        self._process, hello = _run(settings)
        self.port, self._control_port = int(hello["port"]), int(hello["control_port"])
        self.account = str(hello["account"])
        self._settings = replace(settings, port=self.port, control_port=self._control_port)

    @property
    def control(self) -> str:
        """The address of its control endpoint."""
        return f"http://{LOOPBACK}:{self._control_port}/"

    @classmethod
    def start(
        cls, *, state: Path | None = None, cash: Mapping[str, str] | None = None, account: str = ACCOUNT, port: int = 0
    ) -> Self:
        """Start one and return when it listens. Without `state` it forgets everything when it ends.

        Raises `VenueUnavailable` REHEARSAL_NOT_STARTED.
        """
        amounts = {"USD": "1000000"} if cash is None else cash
        return cls(
            Settings(
                port=port,
                control_port=0,
                state=None if state is None else str(state),
                account=account,
                cash={code: Decimal(amount) for code, amount in amounts.items()},
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; a second call does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
        _reap(self._process)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        _reap(self._process)

    def restart(self) -> None:
        """Start again on the same ports and, where there is one, the same state."""
        self.stop()
        self._process, _ = _run(self._settings)

    def quote(self, symbol: str, bid: str, ask: str, *, bid_size: str = "10000", ask_size: str = "10000") -> None:
        """Set the market of a contract; a size is what fills at most until the next quote."""
        self.do("quote", symbol=symbol, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)

    def fault(self, request: str, kind: str, **details: Any) -> None:
        """Break the next requests of a kind; see `sim.rehearsal.tws.faults`."""
        self.do("fault", request=request, kind=kind, **details)

    def sound(self) -> None:
        """End every fault that waits, duplicates, held commissions and clashes."""
        self.do("sound")

    def duplicate(self, on: bool) -> None:
        """Say everything about orders twice, as TWS does at times."""
        self.do("duplicate", on=on)

    def hold_commissions(self, on: bool) -> None:
        """Say no commission reports, without which Nautilus tells no fill."""
        self.do("hold_commissions", on=on)

    def clash(self, times: int) -> None:
        """Turn the next clients away with 326, as while an old line still holds the client id."""
        self.do("clash", times=times)

    def lose_ib(self) -> None:
        """1100: TWS does not reach IB; what clients place waits, what happens is held back."""
        self.do("reach", online=False)

    def regain_ib(self, *, data_lost: bool = False) -> None:
        """1102, or 1101 where market data must be asked for anew."""
        self.do("reach", online=True, data_lost=data_lost)

    def say(self, code: int, text: str) -> None:
        """Say a message about the connection to every client."""
        self.do("say", code=code, text=text)

    def cut(self) -> None:
        """Drop every client's line."""
        self.do("cut")

    def outage(self, ms: int) -> None:
        """Restart TWS as it does every night: lines cut, off the port for a while, back from its memory."""
        self.do("outage", ms=ms)

    def reset(self, cash: Mapping[str, str]) -> None:
        """Begin anew, every line cut: no order, fill, fault, quote or count; the account has this cash."""
        self.do("reset", cash=cash)

    def end(self, client_order_id: str) -> None:
        """End a working order as the exchange behind TWS does at times."""
        self.do("end", client_order_id=client_order_id)

    def next_day(self) -> None:
        """A new day: executions and ended orders of the last one are told no more."""
        self.do("next_day")

    def change_contract(self, symbol: str, **changes: Any) -> None:
        """Change contract data overnight: `min_tick`, `step_size`, `min_quantity`, `isin` as texts, `rule` as (low, tick)."""
        self.do("contract", symbol=symbol, changes=changes)

    def skew(self, ms: int) -> None:
        """Set the clock of TWS ahead of ours."""
        self.do("skew", ms=ms)

    def count_from(self, order_id: int, *, client_id: int) -> None:
        """Let a client's order ids go on from there, as after years of an account."""
        self.do("next_order", client_id=client_id, order_id=order_id)

    def place(self, symbol: str, action: str, quantity: str, *, limit: str | None = None) -> int:
        """Place an order by somebody else's hand; return its permanent id."""
        return int(self.do("order", symbol=symbol, action=action, quantity=quantity, limit=limit)["perm_id"])

    def truth(self) -> TwsTruth:
        """Return all orders, fills, positions and cash."""
        return TwsTruth(self.do("truth"))

    def places(self, client_order_id: str) -> int:
        """Return how many placeOrder requests carried this id since the process started, whatever became of them."""
        return int(self.do("places", client_order_id=client_order_id))

    def counts(self) -> Counter[str]:
        """Return how many requests of each kind came in."""
        return Counter(self.do("counts"))

    def faults_done(self) -> list[tuple[str, str]]:
        """Return (request, kind) of every fault that struck."""
        return [(request, kind) for request, kind in self.do("faults_done")]

    def do(self, name: str, **details: Any) -> Any:
        """Do one step. Raises `InputError` for one that is refused, `VenueUnavailable` without an answer."""
        connection = http.client.HTTPConnection(LOOPBACK, self._control_port, timeout=WAIT_S_MAX)
        try:
            connection.request("POST", "/", body=json.dumps({"do": name, **details}))
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise VenueUnavailable(
                "REHEARSAL_NOT_ANSWERING",
                expected=f"an answer of the control endpoint at port {self._control_port}",
                found=f"{type(error).__name__}: {error}",
                action="Start the fake TWS, or restart it.",
            ) from error
        finally:
            connection.close()
        if "error" in answer:
            raise InputError("SCRIPT_MALFORMED", expected="a step it takes", found=answer["error"], action="Mend it.")
        return answer["result"]


def _run(settings: Settings) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    command = [sys.executable, "-m", "sim.rehearsal.tws.process", msgspec.json.encode(settings).decode()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # our own module  # nosec B603
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate()
        raise VenueUnavailable(
            "REHEARSAL_NOT_STARTED",
            expected="a fake TWS that says where it listens",
            found=said.decode(errors="replace").strip()[-500:] or "nothing",
            action="Free the port, or mend what it says.",
        )
    return process, dict(json.loads(line))


def _reap(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait(timeout=WAIT_S_MAX)
