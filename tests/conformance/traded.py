"""What a harness' venue trades, and the figures its cases ask for and expect, written as a venue writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Traded:
    """One symbol at one venue. Prices and quantities are texts; all that follows is exact for the opening touch `bid`/`ask`.

    `quantity`: an ordinary order, `half` of it; `thin`: less than it, which a touch may hold. `rests`: a buy limit under the
    touch, `crossing` one above; `crossed`: a touch that reaches `rests`, `fallen`: one far under it. `dust_sale`: what may be
    sold after `quantity` was bought so that `dust` is left, which is below the floor. `refused`: what is wrong -> the order
    asked for. `base_fee`: the fraction a buy pays in what it buys, 0 where fees are paid in cash.
    """

    symbol: str
    venue: str
    instrument_id: str
    cash: str
    base: str | None  # None: a share
    asset_class: str
    step: str
    tick: str
    min_notional: str
    max_quantity: str | None
    bid: str
    ask: str
    quantity: str
    half: str
    thin: str
    rests: str
    crossing: str
    crossed: tuple[str, str]
    fallen: tuple[str, str]
    dust_sale: str
    dust: str
    base_fee: str
    refused: Mapping[str, Mapping[str, str]]

    @property
    def mid(self) -> Decimal:
        """Of the opening touch."""
        return (Decimal(self.bid) + Decimal(self.ask)) / 2

    def held(self, bought: str) -> Decimal:
        """Return what is held once so much was bought."""
        return Decimal(bought) * (1 - Decimal(self.base_fee))

    @property
    def extra(self) -> str:
        """Return the lines of the symbol map that only a pair has."""
        return "" if self.base is None else f'base_currency = "{self.base}"\nccxt_symbol = "{self.base}/{self.cash}"\n'


def refused(
    *, step: str, tick: str, floor: str, cash: str, value: str, far: str, quantity: str, most: str
) -> dict[str, dict[str, str]]:
    """Return the orders that must be denied, each for one figure."""
    return {
        "quantity between steps": {"side": "BUY", "quantity": step},
        "price between ticks": {"side": "BUY", "quantity": quantity, "limit": tick},
        "below the minimum notional": {"side": "BUY", "quantity": floor},
        "above the maximum quantity": {"side": "BUY", "quantity": most},
        "more than the cash": {"side": "BUY", "quantity": cash},
        "selling what is not held": {"side": "SELL", "quantity": quantity},
        "above the largest order": {"side": "BUY", "quantity": value},
        "unknown manifest": {"side": "BUY", "quantity": quantity, "manifest_sha256": "0" * 64},
        "another source run": {"side": "BUY", "quantity": quantity, "source_run": "another-run"},
        "limit far from the market": {"side": "BUY", "quantity": quantity, "limit": far},
    }


PAIR = Traded(
    symbol="BINANCE:BTCUSDT", venue="BINANCE", instrument_id="BTCUSDT.BINANCE", cash="USDT", base="BTC", asset_class="spot",
    step="0.00001", tick="0.01", min_notional="5", max_quantity="9000", bid="100000.00", ask="100010.00",
    quantity="0.1", half="0.05", thin="0.04", rests="99900.00", crossing="100500.00", crossed=("99880.00", "99890.00"),
    fallen=("99000.00", "99010.00"), dust_sale="0.09986", dust="0.00004", base_fee="0.001",
    refused=refused(
        step="0.100005", tick="99900.005", floor="0.00004", cash="2", value="0.7", far="80000", quantity="0.1", most="99999"
    ),
)  # fmt: skip

SHARE = Traded(
    symbol="NASDAQ:AAPL", venue="US", instrument_id="AAPL.US", cash="USD", base=None, asset_class="equity",
    step="1", tick="0.01", min_notional="100", max_quantity="9000", bid="99.99", ask="100.01",
    quantity="10", half="5", thin="4", rests="99.50", crossing="100.50", crossed=("99.40", "99.45"),
    fallen=("99.00", "99.02"), dust_sale="10", dust="0", base_fee="0",
    refused={},  # no case asks: it is nowhere the first
)  # fmt: skip

# The contract of the fake TWS. IB states neither a largest order nor a smallest notional: the latter is a person's own floor.
SHARE_AT_IB = Traded(
    symbol="NASDAQ:AAPL", venue="IBKR", instrument_id="AAPL.IBKR", cash="USD", base=None, asset_class="equity",
    step="1", tick="0.01", min_notional="1000", max_quantity=None, bid="230.00", ask="230.02",
    quantity="10", half="5", thin="4", rests="229.00", crossing="231.00", crossed=("228.50", "228.55"),
    fallen=("225.00", "225.02"), dust_sale="6", dust="4", base_fee="0",
    refused=refused(step="10.5", tick="229.005", floor="4", cash="500", value="300", far="180", quantity="10", most="99999"),
)  # fmt: skip
