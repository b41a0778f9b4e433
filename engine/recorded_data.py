"""Recorded prices in place of a config's live ones: how the very file that is run live is backtested, under the same bundle."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from engine.bundle_carried import named_bundle, window_of
from engine.config_checks import cross_problems
from engine.config_sections import DataSection
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from orders.errors import ConfigError
from orders.values import Record

KINDS: Final = ("replay_quotes", "replay_closes", "bars", "catalog")
AS_RECORDED: Final = "recorded"
FORMS: Final = "replay_quotes:FILE, replay_closes:FILE, bars:FILE, catalog:DIR of quotes or catalog:DIR@1h of bars"


class RecordedPrices(Record, frozen=True, kw_only=True):
    """What a command line says of them. `source`: as `FORMS`; `first` and `last`: days, None: those of the bundle; `manifests`:
    a directory of dated manifests, None: the config's own, from the first price on.
    """

    source: str | None = None
    first: date | None = None
    last: date | None = None
    manifests: Path | None = None


def with_recorded_data(config: RunConfig, wanted: RecordedPrices, *, bundle: str | None) -> RunConfig:
    """Return the config over recorded prices; one whose own prices are recorded as it is.

    `bundle`: the one the run is held to, whose days are taken where none are given. Raises `ConfigError` DATA_OPTION naming what
    does not fit, and what `named_bundle` raises.
    """
    if not config.data.live:
        if wanted != RecordedPrices():
            raise _data_option(
                "prices of the command line beside a config that names recorded ones", "Change [data] of the file."
            )
        return config
    if wanted.source is None:
        raise _data_option(f"a config of live prices, [data] kind {config.data.kind}, and none recorded", f"Add --data: {FORMS}.")
    days = _days(config, wanted, bundle=bundle)
    given = _given(wanted.source) | {"start": days[0], "end": days[1], "market_speed": 1, "synthetic_spread_bps": "0"}
    if wanted.manifests is not None:
        given["manifests"] = str(wanted.manifests)
    try:
        data = DataSection.model_validate(given | {"caveats": config.data.caveats})
    except ValidationError as error:
        raise _data_option(f"{wanted.source!r} ({'; '.join(one['msg'] for one in error.errors())})") from error
    problems = [f"{'.'.join(key)} {message}" for key, message in cross_problems({"data": data, "venues": config.venues})]
    if not data.path.exists():
        problems.append(f"nothing at {data.path}")
    if problems:
        raise _data_option(f"{wanted.source!r} ({'; '.join(problems)})")
    return config.over(data)


def _given(source: str) -> dict[str, Any]:
    kind, _, place = source.partition(":")
    if kind not in KINDS or not place:
        raise _data_option(repr(source))
    if kind != "catalog":
        return {"kind": kind, "path": place}
    directory, at, bar = place.rpartition("@") if "@" in place else (place, "", "")
    prices = {"prices": "bars", "bar": bar} if at else {"prices": "quotes"}
    return {"kind": kind, "path": directory, "liquidity": AS_RECORDED, **prices}


def _days(config: RunConfig, wanted: RecordedPrices, *, bundle: str | None) -> tuple[date, date]:
    said = None
    if bundle is not None and None in (wanted.first, wanted.last):
        said = window_of(named_bundle(config, layout=Layout(config.lakehouse.directory), named=bundle))
    first = wanted.first or (None if said is None else said.first)
    last = wanted.last or (None if said is None else said.last)
    if first is None or last is None:
        raise _data_option("no days", "Add --from DAY and --to DAY, or --bundle with one that names its days.")
    return first, last


def _data_option(found: str, action: str = "`sluice backtest --help` shows the options.") -> ConfigError:
    return ConfigError(
        "DATA_OPTION",
        expected=f"recorded prices in place of live ones, --data {FORMS}, and their days",
        found=found,
        action=action,
    )
