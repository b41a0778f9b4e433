"""The pairs the rehearsal exchange lists: hand-written filters of the magnitude a large spot venue has, none fetched from one.

The names of filters and fields, and what each means, are those of developers.binance.com, binance-spot-api-docs, "Filters".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from orders.values import Record

EIGHT_PLACES: Final = Decimal("0.00000001")
AVERAGE_MINUTES: Final = 5  # avgPriceMins: over which the reference price of PERCENT_PRICE_BY_SIDE and NOTIONAL is taken
OPEN_ORDERS_MAX: Final = 200
ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET")
SELF_TRADE_MODES: Final = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
SELF_TRADE_DEFAULT: Final = "EXPIRE_MAKER"


def text(value: Decimal) -> str:
    """Return a number as Binance writes it: eight decimals."""
    return str(value.quantize(EIGHT_PLACES))


class Listing(Record, frozen=True, kw_only=True):
    """A spot pair and its filters: prices in the quote asset, quantities in the base asset, multipliers of the average price."""

    name: str
    base: str
    quote: str
    tick_size: Decimal
    price_max: Decimal
    step_size: Decimal
    quantity_max: Decimal
    market_quantity_max: Decimal
    min_notional: Decimal
    notional_max: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    open_orders_max: int
    status: str = "TRADING"

    def exchange_info(self) -> dict[str, Any]:
        """Return the pair's entry in exchangeInfo."""
        tick, step = text(self.tick_size), text(self.step_size)
        return {
            "symbol": self.name,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": text(self.price_max), "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": text(self.quantity_max), "stepSize": step},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": text(Decimal(0)),
                    "maxQty": text(self.market_quantity_max),
                    "stepSize": text(Decimal(0)),
                },
                {
                    "filterType": "PERCENT_PRICE_BY_SIDE",
                    "bidMultiplierUp": str(self.multiplier_up),
                    "bidMultiplierDown": str(self.multiplier_down),
                    "askMultiplierUp": str(self.multiplier_up),
                    "askMultiplierDown": str(self.multiplier_down),
                    "avgPriceMins": AVERAGE_MINUTES,
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": text(self.min_notional),
                    "applyMinToMarket": True,
                    "maxNotional": text(self.notional_max),
                    "applyMaxToMarket": False,
                    "avgPriceMins": AVERAGE_MINUTES,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self.open_orders_max},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": SELF_TRADE_DEFAULT,
            "allowedSelfTradePreventionModes": list(SELF_TRADE_MODES),
        }


def _listed(name: str, quote: str, *filters: str) -> Listing:
    tick, price_max, step, quantity_max, market_max, notional = (Decimal(each) for each in filters)
    return Listing(
        name=name,
        base=name.removesuffix(quote),
        quote=quote,
        tick_size=tick,
        price_max=price_max,
        step_size=step,
        quantity_max=quantity_max,
        market_quantity_max=market_max,
        min_notional=notional,
        notional_max=Decimal(9_000_000) * notional / 5,
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        open_orders_max=OPEN_ORDERS_MAX,
    )


#                     tick          highest price  step       largest      at market   least notional
LISTINGS: Final = (
    _listed("BTCUSDT", "USDT", "0.01", "1000000", "0.00001", "9000", "120", "5"),
    _listed("ETHUSDT", "USDT", "0.01", "1000000", "0.0001", "9000", "2400", "5"),
    _listed("BNBUSDT", "USDT", "0.01", "100000", "0.001", "900000", "4000", "5"),
    _listed("SOLUSDT", "USDT", "0.01", "10000", "0.001", "90000", "15000", "5"),
    _listed("XRPUSDT", "USDT", "0.0001", "10000", "0.1", "9000000", "2500000", "5"),
    _listed("ADAUSDT", "USDT", "0.0001", "1000", "0.1", "900000", "900000", "5"),
    _listed("DOGEUSDT", "USDT", "0.00001", "1000", "1", "9000000", "8000000", "1"),
    _listed("SHIBUSDT", "USDT", "0.00000001", "1", "1", "46116860414", "6000000000", "1"),
    _listed("LTCUSDT", "USDT", "0.01", "100000", "0.001", "90000", "9000", "5"),
    _listed("LINKUSDT", "USDT", "0.01", "10000", "0.01", "90000", "40000", "5"),
    _listed("ETHBTC", "BTC", "0.00001", "922327", "0.0001", "100000", "900", "0.0001"),
    _listed("EURUSDT", "USDT", "0.0001", "100", "0.1", "900000", "500000", "5"),
)
