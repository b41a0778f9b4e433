"""A market for a rehearsal: every share of the fake TWS in turn, a few cents up or down. Pure; endless; by seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

PAUSE_S: Final = 0.05  # between two steps: each share moves about once a second
CENT: Final = Decimal("0.01")
SIZE: Final = "10000"
FIRST: Final = {
    "AAPL": "230.00", "AMD": "140.00", "AMZN": "200.00", "BAC": "45.00", "BBY": "88.00", "BRK B": "470.00", "CVX": "160.00",
    "GE": "180.00", "GOOGL": "170.00", "HD": "410.00", "JNJ": "155.00", "JPM": "245.00", "KO": "64.00", "LLY": "790.00",
    "MRK": "101.00", "MSFT": "425.00", "NVDA": "138.00", "PEP": "163.00", "PFE": "26.00", "PG": "177.00", "RRC": "35.00",
    "SPY": "600.00", "UNH": "600.00", "WMT": "91.00", "XOM": "118.00",
}  # fmt: skip


def walk(seed: int) -> Iterator[dict[str, str]]:
    """Yield steps `quote` of the control endpoint. A bid moves by up to two cents and stays within a tenth of its first."""
    dice = random.Random(seed)  # repeatable draws, no secret  # nosec B311
    bids = {symbol: Decimal(price) for symbol, price in FIRST.items()}
    while True:
        for symbol, price in FIRST.items():
            moved = bids[symbol] + dice.randint(-2, 2) * CENT
            if abs(moved / Decimal(price) - 1) <= Decimal("0.1"):
                bids[symbol] = moved
            ask = bids[symbol] + dice.randint(1, 3) * CENT
            yield {"symbol": symbol, "bid": str(bids[symbol]), "ask": str(ask), "bid_size": SIZE, "ask_size": SIZE}
