"""`sluice config check FILE`: everything that is wrong with a run config, at once."""

from __future__ import annotations

from pathlib import Path

from commands.output import Exit, print_json
from engine.config_notes import config_notes
from engine.run_config import RunConfig, load_config


def run(path: Path, *, as_json: bool) -> int:
    """Print a summary of a good config and what it does not promise; raises `ConfigInvalid` with every problem of a bad one."""
    config = load_config(path)
    notes = config_notes(config)
    if as_json:
        print_json({"config": str(path), "config_sha256": config.sha256, "problems": [], "notes": notes})
        return Exit.DONE
    for line in summary(config):
        print(line)
    for note in notes:
        print(f"note     {note}")
    return Exit.DONE


def summary(config: RunConfig) -> list[str]:
    """Return what the config says, in a few lines."""
    sentinel = config.sentinel
    allowed = sum(len(symbols) for symbols in sentinel.allow.values())
    venues = ", ".join(
        f"{name} ({venue.adapter}, {venue.account}, calendar {venue.calendar})" for name, venue in config.venues.items()
    )
    winners = ", ".join(f"{key} {fraction}" for key, fraction in config.capital.winners.items())
    return [
        f"ok       {config.path} has no problems",
        f"         environment  {config.environment}   sha256 {config.sha256[:12]}…",
        f"         venues       {venues}",
        f"         capital      {winners} of equity in {config.capital.base_currency}",
        f"         limits       leverage {sentinel.max_leverage}, asset {sentinel.max_asset_exposure}, "
        f"order {sentinel.max_order_value_base} {config.capital.base_currency}, {allowed} symbols allowed",
        f"         data         {_prices(config)}",
    ]


def _prices(config: RunConfig) -> str:
    data = config.data
    if data.kind == "ibkr":
        return "live, of the line to Interactive Brokers that the orders take"
    if data.kind == "ccxt":
        place = f"at {data.endpoint}, which stands in for it" if data.endpoint is not None else "over the network"
        return f"live, {data.exchange} {place}; a stream is stale after {data.stale_ms} ms"
    return f"{data.kind} {data.path}, {data.start} to {data.end}"
