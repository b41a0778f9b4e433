"""What a run tells a person when it ends: what happened, what is left where, and what to do next."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from analysis.result_text import caveat_lines
from engine.quote_recorder import QuoteRecorder
from engine.recorder import Recorder
from engine.run_config import RunConfig
from lakehouse.layout import Layout


def farewell(
    *,
    config: RunConfig,
    layout: Layout,
    recorder: Recorder,
    equity: Decimal,
    instants: int,
    market: QuoteRecorder,
    faults: str,
) -> tuple[str, dict[str, Any]]:
    """Return the text, and the same as facts for a script. `equity` in base currency; `faults`: what was wrong with prices."""
    counts = recorder.counts
    start = starting_equity(config)
    change = f" ({(equity / start - 1) * 100:+.2f} %)" if start else ""
    python, place = ".venv/bin/sluice", f" {layout.directory}"
    own = layout.directory == config.as_written.lakehouse.directory  # what `plan` reads is where the config says
    trades = f"               {layout.trades}   {market.trades_recorded} trades\n" if market.trades_recorded else ""
    caveats = config.caveats()
    text = (
        f"\n{instants} instants · equity {equity:,.2f} {config.capital.base_currency}{change}"
        f" · orders {counts['orders']}"
        f" · fills {counts['fills']} · denied {counts['denied']} · rejected {counts['rejected']}"
        f" · not traded {counts['skipped']}\n"
        + (f"prices         {faults}\n" if faults else "")
        + "".join(f"{line}\n" for line in caveat_lines(caveats))
        + "\n"
        f"what is left   {layout.log}   {recorder.last_line} lines\n"
        f"               {layout.ledger}   {layout.state}\n"
        f"               {layout.top_of_book}   {market.recorded} quotes\n{trades}"
        f"next           {python} verify{place}    prove the record\n"
        + (
            f"               {python} plan --config {config.path}    what it would trade now, and why not the rest\n"
            if own
            else ""
        )
        + f"               {python} status --lakehouse{place}    what is held and open"
    )
    facts = {
        "type": "end",
        "equity": equity,
        "counts": counts,
        "quotes": market.recorded,
        "trades": market.trades_recorded,
        "faults": faults,
        "caveats": None if caveats is None else {caveat.name.value: caveat.words for caveat in caveats},
    }
    return text, facts


def starting_equity(config: RunConfig) -> Decimal | None:
    """Return the starting cash of all venues in base currency, by the config's rates; None where a currency has none."""
    rates, total = config.rates(), Decimal(0)
    for amounts in config.starting_cash().values():
        for currency, amount in amounts.items():
            rate = rates.get(currency)
            if currency == config.capital.base_currency:
                total += amount
            elif rate is not None:
                total += amount * rate.value
            elif amount:
                return None
    return total
