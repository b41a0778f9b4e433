"""Readers that no command of its own stands for, told as the command line tells what they refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from commands.output import exit_code, print_error
from lakehouse.strict_json import read_bounded
from live.arming_file import read_arming
from orders.errors import SluiceError
from sentinel.dsse import ENVELOPE_SIZE_MAX
from sentinel.manifest_approval import open_approval


def arming(public: str, path: str) -> int:
    """As a live start reads it."""
    return _told(lambda: read_arming(Path(path), trusted={"ann": public}))


def approval(public: str, path: str) -> int:
    """As a live run reads it."""
    return _told(lambda: open_approval(read_bounded(Path(path), ENVELOPE_SIZE_MAX), trusted={"ann": public}))


def _told(read: Callable[[], object]) -> int:
    try:
        sys.stdout.write(f"read     {read()!r}\n")
    except SluiceError as error:
        print_error(error, as_json=False)
        return exit_code(error)
    return 0


def account(endpoint: str, key_file: str) -> int:
    """Every signed call of one account, as an execution client makes it, on ccxt; what each answer was taken for."""
    import asyncio

    from venues.ccxt.egress import VenueClient
    from venues.ccxt.endpoint import parse_endpoint
    from venues.ccxt.private_api import PrivateApi
    from venues.ccxt.terms import Terms
    from venues.ccxt.trading_profiles import BINANCE
    from venues.secrets import Redactor, load_secret

    path = Path(key_file)
    secret = load_secret(path.name, directory=path.parent, environ={})
    order = Terms(symbol=SYMBOL, kind="market", side="buy", quantity="0.01", price=None, params={"clientOrderId": "c" * 32})

    async def asked() -> list[tuple[str, object]]:
        client = VenueClient(
            "binance", options=BINANCE.options, endpoint=parse_endpoint(endpoint), hosts=BINANCE.hosts, secret=secret
        )
        try:
            await client.exchange.load_markets()
            client.exchange.enableRateLimit = False
            api = PrivateApi(
                client, profile=BINANCE, quotes={SYMBOL: "USDT"}, redact=Redactor([secret]), quarantine=lambda what, why: None
            )
            return [
                ("create", await api.create(order, refusal=lambda: "")),
                ("find", await api.find("c" * 32, SYMBOL)),
                ("open", await api.open_orders(SYMBOL)),
                ("closed", await api.closed_orders(SYMBOL, since_ms=1)),
                ("trades", await api.trades(SYMBOL, since_ms=1_700_000_000_000, until_ms=1_700_000_001_000)),
                ("deposits", await api.transfers("deposit", since_ms=1)),
                ("balances", await api.balances()),
                ("rights", await api.raw("sapi_get_account_apirestrictions")),
            ]
        finally:
            await client.close()

    for name, answer in asyncio.run(asked()):
        sys.stdout.write(f"{name} {_kind(answer)}\n")
    return 0


def _kind(answer: object) -> str:
    outcome = getattr(answer, "outcome", None)
    if outcome is not None:
        return str(outcome)
    items = getattr(answer, "items", None)
    if isinstance(items, tuple):
        return f"{len(items)} items, {getattr(answer, 'malformed', 0)} malformed"
    return type(answer).__name__ if not isinstance(answer, tuple) else f"{len(answer)} balances"


SYMBOL = "BTC/USDT"
READERS: dict[str, Callable[..., int]] = {"arming": arming, "approval": approval, "account": account}
