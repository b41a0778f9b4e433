"""What must hold between sections of a run config, and between it and the files it names. Each check returns all its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.config_catalog import catalog_problems
from engine.config_financing import financing_problems
from engine.config_live import ibkr_symbol_problems, live_problems, live_provenance
from engine.config_override import override_problems
from engine.config_policy import policy_problems
from engine.config_schedules import schedules_problems, use_problems
from engine.config_snapshots import (
    hours_of_data_problems,
    hours_problems,
    tradable_problems,
    volume_share_problems,
    volumes_problems,
)
from lakehouse.returns_check import ReturnsCheck
from lakehouse.snapshots import read_market_limits
from orders.assumptions import FillRule
from orders.errors import ConfigError, InputError
from orders.values import Grade
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import PROFILES, profile_of
from venues.ibkr.adapter import VENUE as IBKR
from venues.symbols import SymbolMap, load_symbols

if TYPE_CHECKING:
    from engine.config_sections import (
        AssumptionsSection,
        CapitalSection,
        DataSection,
        LakehouseSection,
        RateSection,
        SentinelSection,
        SymbolsSection,
        VenueSection,
    )

MANIFEST_ALSO_MAX: Final = 15

type Key = tuple[str, ...]
type Found = Iterator[tuple[Key, str]]


def cross_problems(sections: dict[str, Any]) -> list[tuple[Key, str]]:
    """Return (key, message) of everything wrong between those sections that are valid by themselves, by their TOML names.

    A section that is missing from `sections` has been reported already; checks that need it are left out.
    """
    return [
        problem
        for needed, check in CHECKS
        if all(name in sections for name in needed)
        for problem in check(*(sections[name] for name in needed))
    ]


def _capital(capital: CapitalSection) -> Found:
    if not capital.winners:
        yield ("capital", "winners"), 'at least one winner was expected, such as "rank:1" = "1"'
    total = sum(capital.winners.values())
    if total > 1:
        yield ("capital", "winners"), f"the fractions must sum to 1 or less, sum was {total}"


def _capital_currencies(capital: CapitalSection, rates: dict[str, RateSection]) -> Found:
    for venue, amounts in capital.starting_cash.items():
        for currency in amounts:
            if currency != capital.base_currency and currency not in rates:
                yield (
                    ("capital", "starting_cash", venue, currency),
                    f"has no rate to {capital.base_currency}; add [rates.{currency}]",
                )
    if capital.base_currency in rates:
        yield ("rates", capital.base_currency), "is the base currency, which needs no rate; remove it"


def _rates(rates: dict[str, RateSection]) -> Found:
    for currency, rate in rates.items():
        if rate.as_of >= rate.valid_until:
            yield ("rates", currency, "valid_until"), "must be later than as_of"


def _data(data: DataSection) -> Found:
    if data.kind == "ccxt":
        yield from live_data_problems(data)
        return
    for name in ("exchange", "endpoint", "stale_ms"):
        if getattr(data, name) is not None:
            yield ("data", name), f"belongs to kind ccxt, kind was {data.kind}; remove it"
    yield from catalog_problems(data)
    if data.live:
        return
    if data.start >= data.end:
        yield ("data", "start"), f"must be before end, was {data.start} with end {data.end}"
    if not data.path.exists():
        yield ("data", "path"), _no_file(data.path)
    if data.manifests is not None and not data.manifests.is_dir():
        yield ("data", "manifests"), f"a directory of dated manifests was expected, found none at {data.manifests}"


def live_data_problems(data: DataSection) -> Found:
    """Return what is wrong with live data by itself; the reach of `endpoint` is decided here, before anything connects."""
    for name in ("exchange", "stale_ms"):
        if getattr(data, name) is None:
            yield ("data", name), "is missing; kind ccxt needs it"
    try:
        if data.exchange is not None:
            profile_of(data.exchange)
    except ConfigError as error:
        yield ("data", "exchange"), str(error)
    try:
        if data.endpoint is not None:
            parse_endpoint(data.endpoint)
    except ConfigError as error:
        yield ("data", "endpoint"), str(error)


def _data_venues(data: DataSection, venues: dict[str, VenueSection]) -> Found:
    """Every venue needs prices: a live source serves its own venue only."""
    if data.kind == "ibkr" and set(venues) != {IBKR}:
        yield ("data", "kind"), f"ibkr serves {IBKR} alone, the venues are {', '.join(venues)}"
    profile = PROFILES.get(data.exchange or "") if data.kind == "ccxt" else None
    if profile is not None and set(venues) != {profile.venue}:
        yield ("data", "exchange"), f"serves {profile.venue} alone, the venues are {', '.join(venues)}"


def _lakehouse(lakehouse: LakehouseSection) -> Found:
    named = [("manifest", lakehouse.manifest), *(("manifest_also", path) for path in lakehouse.manifest_also)]
    if lakehouse.drift_csv is not None:
        named.append(("drift_csv", lakehouse.drift_csv))
    for key, path in named:
        if not path.absolute().is_relative_to(lakehouse.manifest_root.absolute()):
            yield ("lakehouse", key), f"must lie below manifest_root {lakehouse.manifest_root}, was {path}"
    if lakehouse.returns_file is not None and lakehouse.returns_check is not ReturnsCheck.FILE:
        yield ("lakehouse", "returns_file"), f"belongs to returns_check file, which was {lakehouse.returns_check}; remove it"
    if (lakehouse.regime_audit is None) is not (lakehouse.regime_audit_age_max_h is None):
        missing = "regime_audit" if lakehouse.regime_audit is None else "regime_audit_age_max_h"
        yield ("lakehouse", missing), "is missing; regime_audit and regime_audit_age_max_h go together"
    if lakehouse.drift_rebalance_turnover > lakehouse.drift_urgent_turnover:
        yield (
            ("lakehouse", "drift_rebalance_turnover"),
            f"must be drift_urgent_turnover or less, was {lakehouse.drift_rebalance_turnover}",
        )
    if len({lakehouse.manifest, *lakehouse.manifest_also}) <= len(lakehouse.manifest_also):
        yield ("lakehouse", "manifest_also"), "names a path twice, or the one of manifest"
    if len(lakehouse.manifest_also) > MANIFEST_ALSO_MAX:
        yield ("lakehouse", "manifest_also"), f"at most {MANIFEST_ALSO_MAX} paths were expected"
    if not lakehouse.shapes_allowed:
        yield ("lakehouse", "shapes_allowed"), 'at least one shape was expected, such as "v3"'
    if lakehouse.provenance_min is not Grade.ABSENT and not lakehouse.runs_directory.is_dir():
        yield (
            ("lakehouse", "runs_directory"),
            f"a directory of source runs was expected for provenance_min {lakehouse.provenance_min}, "
            f"found none at {lakehouse.runs_directory}",
        )


def _assumptions(assumptions: AssumptionsSection) -> Found:
    if assumptions.fill_rule is not FillRule.PERFECT:
        return
    for name in ("latency_ms", "jitter_ms", "slippage_bps"):
        if getattr(assumptions, name):
            yield ("assumptions", name), f'must be "0" with fill_rule perfect, was {getattr(assumptions, name)}'
    for name, given in (("by_venue", assumptions.by_venue), ("impact", assumptions.impact)):
        if given:
            yield ("assumptions", name), "must not stand beside fill_rule perfect, which charges fees only"


def _impact(assumptions: AssumptionsSection, sentinel: SentinelSection) -> Found:
    """Every symbol that may be traded has what its size is measured against: what is not known is not free."""
    if assumptions.impact is None:
        return
    allowed = {symbol for symbols in sentinel.allow.values() for symbol in symbols}
    for symbol in sorted(allowed - assumptions.impact.by_symbol.keys()):
        yield ("assumptions", "impact", "by_symbol"), f"has no entry for {symbol}, which sentinel.allow lets trade"


def _venues(
    venues: dict[str, VenueSection], capital: CapitalSection, assumptions: AssumptionsSection, sentinel: SentinelSection
) -> Found:
    if not venues:
        yield ("venues",), "at least one venue was expected"
    tables: tuple[tuple[Key, dict[str, Any]], ...] = (
        (("capital", "starting_cash"), capital.starting_cash),
        (("assumptions", "fees"), assumptions.fees),
        (("sentinel", "allow"), sentinel.allow),
    )
    for key, table in tables:
        for venue in venues:
            if venue not in table:
                yield key, f"has no entry for venue {venue}"
    for key, table in (*tables, (("assumptions", "by_venue"), dict(assumptions.by_venue))):
        for name in table:
            if name not in venues:
                yield (*key, name), f"is no venue of this config ({', '.join(venues)})"


def _jump_confirm(sentinel: SentinelSection, data: DataSection) -> Found:
    """What a jump is held against is older than the jump must stand, and may not be too old for that by itself."""
    if sentinel.jump_confirm_s and sentinel.jump_confirm_s * 1_000 >= sentinel.jump_age_max_ms * data.market_speed:
        yield (
            ("sentinel", "jump_confirm_s"),
            f"must be less than jump_age_max_ms ({sentinel.jump_age_max_ms} ms of real time), was {sentinel.jump_confirm_s}",
        )


def _market_limits(venues: dict[str, VenueSection]) -> Found:
    for name, venue in venues.items():
        try:
            read_market_limits(venue.market_limits)
        except InputError as error:
            yield ("venues", name, "market_limits"), str(error)


def _allow(symbols: SymbolsSection, sentinel: SentinelSection, capital: CapitalSection, rates: dict[str, RateSection]) -> Found:
    try:
        listings = load_symbols(symbols.map)
    except ConfigError as error:
        yield ("symbols", "map"), str(error)
        return
    for venue, allowed in sentinel.allow.items():
        key = ("sentinel", "allow", venue)
        for symbol in sorted({symbol for symbol in allowed if allowed.count(symbol) > 1}):
            yield key, f"names {symbol} twice"
        for symbol in dict.fromkeys(allowed):
            for message in _listing_problems(listings, symbol, venue, capital.base_currency, rates):
                yield key, message


def _listing_problems(
    listings: SymbolMap, symbol: str, venue: str, base_currency: str, rates: dict[str, RateSection]
) -> Iterator[str]:
    listing = listings.by_symbol.get(symbol)
    if listing is None:
        yield f"{symbol} is not in the symbol map"
    elif listing.venue != venue:
        yield f"{symbol} trades at {listing.venue}, not at {venue}"
    elif listing.quote_currency != base_currency and listing.quote_currency not in rates:
        yield f"{symbol} is quoted in {listing.quote_currency}, which has no rate to {base_currency}"


def _no_file(path: Path) -> str:
    return f"a file was expected, found none at {path}"


CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[..., Found]], ...]] = (
    (("capital",), _capital),
    (("capital", "rates"), _capital_currencies),
    (("rates",), _rates),
    (("schedules",), schedules_problems),
    (("policy", "venues"), policy_problems),
    (("policy", "venues", "schedules"), use_problems),
    (("data",), _data),
    (("data", "venues"), _data_venues),
    (("live", "venues", "data"), live_problems),
    (("live", "symbols", "sentinel", "capital"), ibkr_symbol_problems),
    (("live", "lakehouse", "sentinel"), live_provenance),
    (("override", "live"), override_problems),
    (("lakehouse",), _lakehouse),
    (("assumptions",), _assumptions),
    (("assumptions", "sentinel"), _impact),
    (("venues", "capital", "assumptions", "sentinel"), _venues),
    (("assumptions", "venues", "capital", "symbols", "sentinel"), financing_problems),
    (("venues",), _market_limits),
    (("sentinel", "data"), _jump_confirm),
    (("venues",), hours_problems),
    (("venues", "data"), hours_of_data_problems),
    (("venues",), volumes_problems),
    (("venues", "symbols", "sentinel"), tradable_problems),
    (("venues", "sentinel"), volume_share_problems),
    (("symbols", "sentinel", "capital", "rates"), _allow),
)
