"""The contracts of the fake TWS: twelve US shares, one without ISIN, and a currency pair; written by hand, of real magnitudes."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sim.rehearsal.tws.values import ZERO, Contract

CENTS: Final = ((ZERO, Decimal("0.0001")), (Decimal(1), Decimal("0.01")))  # IB's market rule 26: sub-penny ticks below a dollar
HALF_PIPS: Final = ((ZERO, Decimal("0.00005")),)  # market rule 59
NO_ISIN: Final = "NOIS"  # a share whose contract data has no ISIN: Nautilus refuses to load it

_SHARES: Final = (
    (265598, "AAPL", "NASDAQ", "APPLE INC", "US0378331005"),
    (4391, "AMD", "NASDAQ", "ADVANCED MICRO DEVICES", "US0079031078"),
    (272093, "MSFT", "NASDAQ", "MICROSOFT CORP", "US5949181045"),
    (4815747, "NVDA", "NASDAQ", "NVIDIA CORP", "US67066G1040"),
    (3691937, "AMZN", "NASDAQ", "AMAZON.COM INC", "US0231351067"),
    (208813719, "GOOGL", "NASDAQ", "ALPHABET INC-CL A", "US02079K3059"),
    (13977, "XOM", "NYSE", "EXXON MOBIL CORP", "US30231G1022"),
    (1520593, "JPM", "NYSE", "JPMORGAN CHASE & CO", "US46625H1005"),
    (72063691, "BRK B", "NYSE", "BERKSHIRE HATHAWAY INC-CL B", "US0846707026"),
    (8719, "JNJ", "NYSE", "JOHNSON & JOHNSON", "US4781601046"),
    (756733, "SPY", "ARCA", "SS SPDR S&P 500 ETF TRUST-US", "US78462F1030"),
    (990001, NO_ISIN, "NYSE", "A SHARE WITHOUT ISIN", ""),
)


def made_contracts() -> dict[int, Contract]:
    """Return every contract by its id."""
    shares = [
        Contract(
            con_id=con_id,
            symbol=symbol,
            sec_type="STK",
            currency="USD",
            primary=primary,
            name=name,
            isin=isin,
            min_tick=Decimal("0.0001"),
            rule_id=26,
            rule=CENTS,
        )
        for con_id, symbol, primary, name, isin in _SHARES
    ]
    pair = Contract(
        con_id=12087792,
        symbol="EUR",
        sec_type="CASH",
        currency="USD",
        primary="IDEALPRO",
        name="European Monetary Union Euro",
        isin="",
        min_tick=Decimal("0.00005"),
        rule_id=59,
        rule=HALF_PIPS,
    )
    return {contract.con_id: contract for contract in (*shares, pair)}
