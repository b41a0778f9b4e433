"""The contracts of the fake TWS, written by hand, of real magnitudes: US shares, the 20 of the S&P 500 sample among them, one
share without ISIN, and a currency pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

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
    (10098, "BAC", "NYSE", "BANK OF AMERICA CORP", "US0605051046"),
    (4819, "BBY", "NYSE", "BEST BUY CO INC", "US0865161014"),
    (5684, "CVX", "NYSE", "CHEVRON CORP", "US1667641005"),
    (498843743, "GE", "NYSE", "GENERAL ELECTRIC", "US3696043013"),
    (7930, "HD", "NYSE", "HOME DEPOT INC", "US4370761029"),
    (8894, "KO", "NYSE", "COCA-COLA CO/THE", "US1912161007"),
    (9160, "LLY", "NYSE", "ELI LILLY & CO", "US5324571083"),
    (70101545, "MRK", "NYSE", "MERCK & CO. INC.", "US58933Y1055"),
    (11017, "PEP", "NASDAQ", "PEPSICO INC", "US7134481081"),
    (11031, "PFE", "NYSE", "PFIZER INC", "US7170811035"),
    (11442, "PG", "NYSE", "PROCTER & GAMBLE CO/THE", "US7427181091"),
    (12075, "RRC", "NYSE", "RANGE RESOURCES CORP", "US75281A1097"),
    (13272, "UNH", "NYSE", "UNITEDHEALTH GROUP INC", "US91324P1021"),
    (13824, "WMT", "NYSE", "WALMART INC", "US9311421039"),
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


def changed_contract(contract: Contract, changes: Mapping[str, Any]) -> Contract:
    """Return tomorrow's contract data: texts of ISIN, ticks and sizes; a whole rule as (low, tick) pairs of texts."""
    exact: dict[str, Any] = dict(changes)
    for name in ("min_tick", "step_size", "min_quantity"):
        if name in exact:
            exact[name] = Decimal(exact[name])
    if "rule" in exact:
        exact["rule"] = tuple((Decimal(low), Decimal(tick)) for low, tick in exact["rule"])
    return msgspec.structs.replace(contract, **exact)


def names(wanted: Any, contract: Contract) -> bool:
    """Whether IB's words of a contract without an id mean this one."""
    symbol = wanted.symbol or wanted.localSymbol
    return (
        symbol in (contract.symbol, contract.local_symbol)
        and wanted.secType in ("", contract.sec_type)
        and wanted.currency in ("", contract.currency)
        and wanted.primaryExch in ("", contract.primary)
    )
