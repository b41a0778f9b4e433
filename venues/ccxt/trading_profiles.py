"""What differs between CCXT's venues when orders are sent, as data.

`proven_by` names the harness in this repository that plays the venue's protocol against unmodified ccxt. A profile without one
serves data and limits only: `require_trading` refuses it by that reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orders.errors import ConfigError
from orders.values import Record
from venues.ccxt.client_ids import ClientIdRule


class OrderTexts(Record, frozen=True, kw_only=True):
    """Where one form of an order (ccxt's `info`) has its exact decimals and stamp. None: this form does not say it."""

    quantity: str
    filled: str
    updated_ms: str | None


class FillTexts(Record, frozen=True, kw_only=True):
    """Where one form of a trade of ours (ccxt's `info`) has its exact parts. None: this form does not say it."""

    trade_id: str
    price: str
    quantity: str
    fee: str
    fee_currency: str
    order_id: str | None = None
    client_order_id: str | None = None
    maker: str | None = None
    venue_ms: str | None = None


class TransferTexts(Record, frozen=True, kw_only=True):
    """How a venue tells deposits and withdrawals: ccxt's two calls, where `info` has the exact amount and fee, and when it was
    done (milliseconds or a UTC text; ccxt's own stamp is when it was asked for). `fee_on_top`: a withdrawal takes amount and fee
    from the account. `span_ms`: the longest range one request covers; `page`: the most it returns.
    """

    deposits: str
    withdrawals: str
    amount: str
    fee: str
    done: str
    fee_on_top: bool
    span_ms: int
    page: int


class TradingProfile(Record, frozen=True, kw_only=True):
    """One venue's orders. Durations are the venue's own.

    `native_lookup`: the parameter of fetch_order that names our id, "" where ccxt has no such look-up: then lists are matched.
    `closed_method`: ccxt's call for orders that have ended. `trades_span_ms`: the longest range one trades request covers;
    `trades_page`: the most it returns. `duplicate_texts`: see `outcome_of`. `withdraw_check`: ccxt's implicit call that tells
    whether the key may withdraw, with the field that says so; None: the venue cannot tell. `account_check`: likewise, the id
    of the account. `transfers` None: nothing tells deposits and withdrawals. `cost_market_orders`: a market buy is given in its
    cost.
    """

    exchange: str
    venue: str
    proven_by: str
    client_id: ClientIdRule
    native_lookup: str
    closed_method: str
    hosts: frozenset[str]
    options: Mapping[str, Any]
    recv_window_ms: int
    trades_span_ms: int | None
    trades_page: int
    order_texts: tuple[OrderTexts, ...]
    fill_texts: tuple[FillTexts, ...]
    duplicate_texts: tuple[str, ...] = ()
    withdraw_check: tuple[str, str] | None = None
    account_check: tuple[str, str] | None = None
    transfers: TransferTexts | None = None
    user_stream: Mapping[str, Any] = {}  # arguments of ccxt.pro's authenticate
    self_match: Mapping[str, str] = {}  # parameters by which the venue itself keeps two orders of ours from meeting
    precision_mode: str = "TICK_SIZE"
    cost_market_orders: bool = False


# developers.binance.com: rest-api trading-endpoints, user-data-stream. An id is unique among open orders only. A market order's
# fills come in the create answer without a time; `t` -1 is no trade.
BINANCE: Final = TradingProfile(
    exchange="binance",
    venue="BINANCE",
    proven_by="tests/ccxt_private, a loopback venue",
    client_id=ClientIdRule(pattern=r"[.A-Z:/a-z0-9_-]{1,36}"),
    native_lookup="origClientOrderId",
    closed_method="fetch_orders",
    hosts=frozenset({"api.binance.com", "ws-api.binance.com"}),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
        "recvWindow": 5_000,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    },
    recv_window_ms=5_000,
    trades_span_ms=86_400_000,
    trades_page=1_000,
    order_texts=(
        OrderTexts(quantity="origQty", filled="executedQty", updated_ms="updateTime"),
        OrderTexts(quantity="origQty", filled="executedQty", updated_ms="transactTime"),
        OrderTexts(quantity="q", filled="z", updated_ms="T"),
    ),
    fill_texts=(
        FillTexts(
            trade_id="id", price="price", quantity="qty", fee="commission", fee_currency="commissionAsset", order_id="orderId",
            maker="isMaker", venue_ms="time",
        ),
        FillTexts(
            trade_id="t", price="L", quantity="l", fee="n", fee_currency="N", order_id="i", client_order_id="c", maker="m",
            venue_ms="T",
        ),
        FillTexts(trade_id="tradeId", price="price", quantity="qty", fee="commission", fee_currency="commissionAsset"),
    ),
    duplicate_texts=("Duplicate order sent",),
    withdraw_check=("sapi_get_account_apirestrictions", "enableWithdrawals"),
    account_check=("private_get_account", "uid"),
    transfers=TransferTexts(  # /sapi/v1/capital/deposit/hisrec, /withdraw/history: what is received, the fee beside it; 90 days
        deposits="fetch_deposits",
        withdrawals="fetch_withdrawals",
        amount="amount",
        fee="transactionFee",
        done="completeTime",
        fee_on_top=True,
        span_ms=90 * 86_400_000,
        page=1_000,
    ),
    user_stream={"type": "spot"},
    self_match={"selfTradePreventionMode": "EXPIRE_TAKER"},  # the newer one goes, what rests stays as it is known
)  # fmt: skip


def _unproven(exchange: str, **differs: Any) -> TradingProfile:
    """A profile that no harness proves: what is known of the venue from its pages and ccxt's source, refused for orders."""
    parts: dict[str, Any] = {
        "exchange": exchange,
        "venue": exchange.upper(),
        "proven_by": "",
        "native_lookup": "",
        "closed_method": "fetch_closed_orders",
        "hosts": frozenset(),
        "options": {},
        "recv_window_ms": 5_000,
        "trades_span_ms": None,
        "trades_page": 100,
        "order_texts": (),
        "fill_texts": (),
    }
    return TradingProfile(**parts | differs)


# Client ids as the venues' pages state them; ccxt 4.5.90 for the rest. Kraken's look-up takes `userref`, a number, so ours is
# matched in lists. Quantities of OKX and Hyperliquid can count contracts. Bitfinex counts significant digits.
TRADING_PROFILES: Final[Mapping[str, TradingProfile]] = {
    profile.exchange: profile
    for profile in (
        BINANCE,
        _unproven(
            "bybit", client_id=ClientIdRule(pattern=r"[A-Za-z0-9_-]{1,36}"), cost_market_orders=True,
            trades_span_ms=7 * 86_400_000, options={"defaultType": "spot"},
        ),
        _unproven(
            "okx", client_id=ClientIdRule(pattern=r"[A-Za-z0-9]{1,32}"), native_lookup="clOrdId",
        ),
        _unproven("kraken", client_id=ClientIdRule(pattern=r"[0-9a-f]{32}")),
        _unproven(
            "coinbase", client_id=ClientIdRule(pattern=r"[A-Za-z0-9_-]{1,64}"), cost_market_orders=True, trades_page=3_000,
        ),
        _unproven("bitfinex", client_id=ClientIdRule(pattern=r"[A-Za-z0-9_-]{1,45}"), precision_mode="SIGNIFICANT_DIGITS"),
        _unproven(
            "hyperliquid", client_id=ClientIdRule(pattern=r"0x[0-9a-f]{32}", prefix="0x"),
        ),
    )
}  # fmt: skip


def require_trading(exchange: str) -> TradingProfile:
    """Return the profile with which orders may be sent to a ccxt exchange.

    Raises `ConfigError` ALPACA_EQUITIES, NO_TRADING_PROFILE, PRECISION_MODE or NOT_PROVEN.
    """
    if exchange == "alpaca":
        raise ConfigError(
            "ALPACA_EQUITIES",
            expected="a venue whose orders ccxt speaks whole",
            found="'alpaca': ccxt has its crypto only, without positions, streamed balances, fees and a look-up by client id",
            action="US equities go to Interactive Brokers. Missing for Alpaca: an adapter of its own, and a harness.",
        )
    profile = TRADING_PROFILES.get(exchange)
    if profile is None:
        raise ConfigError(
            "NO_TRADING_PROFILE",
            expected=f"one of {', '.join(sorted(TRADING_PROFILES))}",
            found=repr(exchange),
            action="Another venue needs a profile and a harness that proves it first; limits may be fetched from it.",
        )
    if profile.precision_mode != "TICK_SIZE":
        raise ConfigError(
            "PRECISION_MODE",
            expected="a venue whose precisions are tick sizes",
            found=f"{exchange}, which counts {profile.precision_mode}",
            action="Its steps would be guesses; limits may be imported by hand, orders are not sent.",
        )
    if not profile.proven_by:
        raise ConfigError(
            "NOT_PROVEN",
            expected="a venue whose orders a harness in this repository proves: binance",
            found=f"{exchange}, whose profile nothing proves",
            action="Use it for data and limits, or write its harness first.",
        )
    return profile
