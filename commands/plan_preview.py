"""What a plan is previewed from: the snapshots of a run, the newest manifest, the counts of the log. Reads, never writes.

`sluice plan`, `sluice flatten` and `sluice sentinel what-if` look at the same world through this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from commands.day_traded import turnover_today
from commands.halt_state import is_halted
from commands.plan_beside import Beside, regime
from commands.preview_standing import fold_of, standing_of
from engine.hours import Hours, load_calendars
from engine.regime_watch import RegimeSeen
from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from lakehouse.newest_manifest import read_newest
from lakehouse.snapshots import BookSnapshot, MarketLimitsSnapshot, read_book, read_market_limits, read_quotes
from orders.capital import Capital
from orders.capital_granted import granted
from orders.errors import ConfigError, InputError
from orders.flatten import without_withdrawn
from orders.plan import Held, Plan, PlanInputs
from orders.valuation import Marks, open_exposure
from orders.values import Grade, Listing, Quote, Record
from sentinel.facts import Reference, SentinelFacts
from sentinel.limits import SentinelLimits
from strategies.planner import plan
from strategies.winner_shares import shares_of
from venues.symbols import load_symbols

PREVIEW: Final = "preview"  # the cause of a plan that is of no cycle


class Snapshots(Record, frozen=True, kw_only=True):
    """The world as a run left it."""

    quotes: Mapping[str, Quote]
    book: BookSnapshot
    market_limits: MarketLimitsSnapshot
    listings: Mapping[str, Listing]

    @property
    def newest_ns(self) -> int:
        """The newest price's stamp, in the data's own time; the book's where there is no price.

        Not the later of the two: a fast replay's clock runs on for days while the run that writes the book shuts down.
        """
        return max((quote.ts_ns for quote in self.quotes.values()), default=self.book.as_of_ns)


class Named(Record, frozen=True, kw_only=True):
    """What is known of the manifest behind a plan: its grade, its net weights, when it was made; None where it is not known,
    which denies.
    """

    grade: Grade | None
    weights: Mapping[str, Decimal]
    generated_ns: int | None

    @staticmethod
    def of(manifest: AuditedManifest) -> Named:
        return Named(grade=manifest.grade, weights=manifest.targets, generated_ns=manifest.generated_ns)


class Preview(Record, frozen=True, kw_only=True):
    """The plan of a manifest and what judges it; `facts` None: there is no plan, the book is held."""

    inputs: PlanInputs
    made: Plan | Held
    facts: SentinelFacts | None
    beside: Beside


def manifest_of(config: RunConfig, manifest: Path | None, *, now_ns: int) -> AuditedManifest | ManifestHeld | ManifestRefused:
    """Return the newest manifest of the config, or what is in `manifest`, which may lie anywhere, but must not be a link that
    leads out of its directory.
    """
    policy = config.manifest_policy()
    if manifest is not None:
        policy = msgspec.structs.replace(policy, root=str(manifest.parent))
    return read_newest(
        config.manifest_paths() if manifest is None else (manifest,),
        policy=policy,
        market_now_ns=now_ns,
        provenance=config.provenance_policy(),
    )


def preview_of(
    config: RunConfig, manifest: AuditedManifest, snapshots: Snapshots, *, now_ns: int, capital: Capital | None = None
) -> Preview:
    """Return the plan of a manifest as of the snapshots, and the facts that judge it.

    `capital`: in place of what the promotions of the config's log leave.
    """
    inputs = _manifest_inputs(config, manifest, snapshots, now_ns=now_ns)
    if capital is not None:
        inputs = msgspec.structs.replace(inputs, capital=capital)
    try:
        made = plan(inputs)
    except InputError as error:  # held like in the engine: numbers that no exact arithmetic holds
        made = Held(code=error.code, message=str(error))
    seen, beside = regime(config, manifest, now_ns=now_ns)
    if isinstance(made, Held):
        return Preview(inputs=inputs, made=made, facts=None, beside=beside)
    facts = facts_of(config, Named.of(manifest), inputs, made, regime=seen)
    if isinstance(facts, Held):
        return Preview(inputs=inputs, made=facts, facts=None, beside=beside)
    return Preview(inputs=inputs, made=made, facts=facts, beside=beside)


def read_snapshots(config: RunConfig) -> Snapshots:
    """Return what the config's snapshots say. Raises `ConfigError` for one that is not there or cannot be read."""
    try:
        return Snapshots(
            quotes=read_quotes(config.snapshots.quotes),
            book=read_book(config.snapshots.book),
            market_limits=read_market_limits(config.snapshots.market_limits),
            listings=load_symbols(config.symbols.map).by_symbol,
        )
    except InputError as error:
        raise ConfigError(error.code, expected=error.expected, found=error.found, action=error.action) from error


def _manifest_inputs(config: RunConfig, manifest: AuditedManifest, snapshots: Snapshots, *, now_ns: int) -> PlanInputs:
    targets = without_withdrawn(
        manifest.targets, snapshots.book.withdrawn, manifest_sha256=manifest.manifest_sha256, listings=snapshots.listings
    )
    inputs = inputs_of(
        config,
        snapshots,
        manifest_sha256=manifest.manifest_sha256,
        source_run=manifest.source_run,
        targets=targets,
        now_ns=now_ns,
    )
    shares = {symbol: parts for symbol, parts in shares_of(manifest).items() if targets[symbol] == manifest.targets[symbol]}
    inputs = msgspec.structs.replace(inputs, shares=shares, cause=PREVIEW)
    if inputs.policy.turnover_day_max is None:
        return inputs
    return msgspec.structs.replace(inputs, turnover_today=turnover_today(config, inputs))


def inputs_of(
    config: RunConfig,
    snapshots: Snapshots,
    *,
    manifest_sha256: str,
    source_run: str,
    targets: Mapping[str, Decimal],
    now_ns: int,
) -> PlanInputs:
    """Return the inputs of a plan as of the snapshots."""
    policy = config.plan_policy()
    return PlanInputs(
        environment=config.environment,
        manifest_sha256=manifest_sha256,
        source_run=source_run,
        cycle=snapshots.book.cycle + 1,
        targets=targets,
        book=snapshots.book.book,
        open_orders=snapshots.book.open_orders,
        quotes=snapshots.quotes,
        limits=snapshots.market_limits.limits,
        listings=snapshots.listings,
        accounts=config.accounts(),
        fees=config.fees(),
        taker_terms=config.taker_terms(),
        rates=config.rates(),
        policy=msgspec.structs.replace(policy, price_age_max_ns=policy.price_age_max_ns * config.data.market_speed),
        now_ns=now_ns,
        hours=Hours(load_calendars(config).by_venue, listings=snapshots.listings).of(now_ns),
        capital=None if config.live is None else granted(fold_of(config.lakehouse.directory).promotions),
    )


def stretched(limits: SentinelLimits, *, speed: int) -> SentinelLimits:
    """Return limits whose ages are in the data's time: a real second is `speed` of its seconds."""
    return msgspec.structs.replace(
        limits,
        price_age_max_ns=limits.price_age_max_ns * speed,
        reference_age_max_ns=limits.reference_age_max_ns * speed,
        duplicate_window_ns=limits.duplicate_window_ns * speed,
        equity_age_max_ns=limits.equity_age_max_ns * speed,
        jump_age_max_ns=limits.jump_age_max_ns * speed,
    )


def facts_of(config: RunConfig, manifest: Named, inputs: PlanInputs, made: Plan, *, regime: RegimeSeen) -> SentinelFacts | Held:
    """Return what the guard needs; references are the mids of the snapshot, and no approval is recent: a preview gave none.

    What runs have counted comes from the log (`commands.preview_standing`).
    """
    exposure = open_exposure(inputs.open_orders, marks=Marks.of_inputs(inputs))
    if isinstance(exposure, Held):
        return exposure
    standing = standing_of(
        config,
        made,
        inputs=inputs,
        limits=config.sentinel_limits(),
        generated_ns=manifest.generated_ns,
        real_now_ns=time.time_ns(),
    )
    return SentinelFacts(
        halted=is_halted(Layout(config.lakehouse.directory)),
        grade=manifest.grade,
        regime_name=regime.name,
        regime_quadrant=regime.quadrant,
        regime_source=regime.source,
        weights=manifest.weights,
        quotes=inputs.quotes,
        references={symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in inputs.quotes.items()},
        recent=(),
        open_exposure=exposure,
        now_ns=inputs.now_ns,
        hours=inputs.hours,
        standing=standing,
    )
