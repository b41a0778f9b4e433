"""Hostile answers of venues: through real ccxt and our own line to TWS, to the real command or the calls of an account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import canary
from tests.hostile.corpus import GOLDEN, WRITE, cases, line_of, outcomes
from tests.hostile.kinds import in_places
from tests.hostile.stand import Answer, stand
from tests.hostile.tws_answers import ACCOUNT, GOOD, SYMBOL, scenes, speak_tws
from tests.hostile.venue_answers import EXCHANGE, RAW, Server, bodies, http, serving, speak_http

LIST, CALLS, TWS = "market list by ccxt", "account by ccxt", "contracts by TWS"
MODULES = {
    LIST: ("commands.limits_files", "venues.ccxt.market_limits", "ccxt.async_support"),
    CALLS: ("tests.hostile.readers", "venues.ccxt.private_api", "ccxt.pro"),
    TWS: ("commands.limits_files", "venues.ibkr.reach", "venues.ibkr.adapter"),
}
ORDER = {
    "symbol": "BTCUSDT", "orderId": 77, "clientOrderId": "c" * 32, "price": "0.00", "origQty": "0.01000000",
    "executedQty": "0.01000000", "cummulativeQuoteQty": "1000.00", "status": "FILLED", "timeInForce": "GTC", "type": "MARKET",
    "side": "BUY", "transactTime": 1_700_000_000_123, "time": 1_700_000_000_123, "updateTime": 1_700_000_000_123,
    "fills": [{"tradeId": 5, "price": "100000.00", "qty": "0.01", "commission": "0.00001", "commissionAsset": "BTC"}],
}  # fmt: skip
TAKEN = {"ACCEPTED", "REJECTED", "NOT_SENT", "UNKNOWN"}


def answers(kind: str) -> dict[str, Any]:
    """Every hostile answer of a kind by name."""
    if kind == TWS:
        return scenes()
    if kind == LIST:
        return RAW | bodies(EXCHANGE, in_places(json.loads(EXCHANGE)))
    good = json.dumps(ORDER).encode()
    return {name: one for name, one in (RAW | bodies(good, in_places(ORDER))).items() if "byte" not in name or "zero" in name}


class Venues:
    """Stands and servers, one of each kind, made when the first case of it is tried."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root, self._stack = root, stack
        self._asking: dict[str, Callable[[Any], Answer]] = {}
        self._known: dict[str, dict[str, Any]] = {}

    def line(self, kind: str, name: str) -> str:
        """Give one answer; return what came back as a line of the table."""
        if kind not in self._known:
            self._known[kind] = answers(kind)
        answer = self.ask(kind, self._known[kind][name])
        if kind != CALLS:
            assert answer.faults() == [], answer
            return line_of(name, answer)
        said = dict(line.split(" ", 1) for line in answer.said.splitlines())
        assert (answer.code, answer.hung, said.keys()) == (0, False, self.calls), answer
        assert said["create"] in TAKEN
        return f"0 {said['create']:<24} {name}"

    calls = frozenset({"create", "find", "open", "closed", "trades", "deposits", "balances", "rights"})

    def ask(self, kind: str, given: Any) -> Answer:
        if kind not in self._asking:
            self._asking[kind] = self._made(kind)
        return self._asking[kind](given)

    def _made(self, kind: str) -> Callable[[Any], Answer]:
        root = self._root / kind
        root.mkdir()
        served = self._stack.enter_context(stand(root, *MODULES[kind]))
        said: list[Any] = []
        talk = speak_tws(lambda: said[-1]) if kind == TWS else speak_http
        server: Server = self._stack.enter_context(serving(talk))
        endpoint, output = f"http://127.0.0.1:{server.port}", ("--output", root / "made.json", "--replace")
        words: tuple[object, ...] = {
            LIST: ("limits", "fetch", "binance", "BINANCE:BTCUSDT", "--endpoint", endpoint, *output),
            CALLS: ("reader:account", endpoint, canary.key_file()),
            TWS: (
                "limits", "fetch", "ibkr", SYMBOL, "--map", "data/configs/ib_symbols.toml", "--tws-port", server.port,
                "--account", ACCOUNT, "--min-notional", "1", *output,
            ),
        }[kind]  # fmt: skip

        def ask(given: Any) -> Answer:
            said[:] = [given]
            if kind == CALLS:
                server.answer = lambda asked: http(EXCHANGE) if b"exchangeInfo" in asked else given(asked)
            elif kind == LIST:
                server.answer = given
            return served.ask(*words)

        return ask


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with ExitStack() as stack:
        made = Venues(tmp_path_factory.mktemp("venues"), stack)
        if WRITE:
            for kind in MODULES:
                lines = [made.line(kind, name) for name in answers(kind)]
                (GOLDEN / f"{kind}.txt").write_text("\n".join(lines) + "\n")
            outcomes.cache_clear()
        yield made


def test_good_answers_are_taken(venues: Venues) -> None:
    assert venues.ask(LIST, lambda asked: http(EXCHANGE)).code == 0
    assert venues.ask(TWS, GOOD).code == 0
    said = venues.ask(CALLS, lambda asked: http(json.dumps(ORDER).encode())).said
    assert said.startswith("create ACCEPTED\nfind VenueOrder\nopen NoAnswer")


@pytest.mark.parametrize(("kind", "name"), cases(*MODULES))
def test_a_hostile_answer_gets_one_typed_word_and_the_one_in_the_table(kind: str, name: str, venues: Venues) -> None:
    assert venues.line(kind, name) == outcomes(kind)[name]


def test_the_table_has_every_hostile_answer(venues: Venues) -> None:
    assert {kind: list(answers(kind)) for kind in MODULES} == {kind: list(outcomes(kind)) for kind in MODULES}
