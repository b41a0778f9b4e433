"""`sluice plan`: what would be traded now, line by line, with the reason for every line that is not. Sends nothing.

It reads the manifest and the snapshot files the config names, and the permission to send; it writes nothing. Snapshots carry
the data's own time, so by default "now" is the newest price's stamp and not the wall clock: two calls on unchanged inputs
print the same bytes. Where the config replays data faster than real time, ages that are limits in real time are stretched by
that speed before they meet the data's stamps.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from commands.day_traded import turnover_today
from commands.halt_state import is_halted
from commands.output import Exit, print_json
from commands.plan_beside import Beside, drift, proof, regime
from commands.preview_standing import standing_of
from engine.config_values import ns_of
from engine.hours import Hours, load_calendars
from engine.regime_watch import RegimeSeen
from engine.run_config import RunConfig, load_config
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from lakehouse.newest_manifest import read_newest
from lakehouse.snapshots import BookSnapshot, MarketLimitsSnapshot, read_book, read_market_limits, read_quotes
from orders.canonical import decimal_text, plain
from orders.errors import ConfigError, InputError
from orders.flatten import Withdrawal, is_withdrawn, without_withdrawn
from orders.plan import Decision, Held, Plan, PlanInputs, plan_document, plan_sha256
from orders.valuation import Marks, open_exposure
from orders.values import Listing, Quote, Record
from sentinel.facts import Reference, SentinelFacts
from sentinel.guard import judge_plan
from sentinel.limits import SentinelLimits, limits_sha256
from strategies.planner import plan
from strategies.winner_shares import shares_of
from venues.symbols import load_symbols

PREVIEW: Final = "preview"  # the cause of a plan that is of no cycle
NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")


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


def run(config_path: Path, *, manifest: Path | None, now: str | None, as_json: bool) -> int:
    """Print the plan and the guard's answer; exit 0 for PLAN and HOLD, 3 for REFUSED.

    `manifest` instead of the config's may lie anywhere, but must not be a link that leads out of its directory. Raises
    `ConfigError` for the config and for files it names, among them a snapshot that is not there yet.
    """
    config = load_config(config_path)
    snapshots = read_snapshots(config)
    now_ns = snapshots.newest_ns if now is None else instant_ns(now)
    policy = config.manifest_policy()
    if manifest is not None:
        policy = msgspec.structs.replace(policy, root=str(manifest.parent))
    outcome = read_newest(
        config.manifest_paths() if manifest is None else (manifest,),
        policy=policy,
        market_now_ns=now_ns,
        provenance=config.provenance_policy(),
    )
    answer = _Answer(config, snapshots, now_ns=now_ns, as_json=as_json)
    if not isinstance(outcome, AuditedManifest):
        return answer.turned_away(outcome)
    if is_withdrawn(snapshots.book.withdrawn, outcome.manifest_sha256):
        return answer.withdrawn(outcome, snapshots.book.withdrawn)
    inputs = _inputs(config, outcome, snapshots, now_ns=now_ns)
    try:
        made = plan(inputs)
    except InputError as error:  # held like in the engine: numbers that no exact arithmetic holds
        made = Held(code=error.code, message=str(error))
    seen, beside = regime(config, outcome, now_ns=now_ns)
    answer.add(proof(outcome), beside)
    facts = made if isinstance(made, Held) else _facts(config, outcome, inputs, made, regime=seen)
    if isinstance(made, Held) or isinstance(facts, Held):
        held = facts if isinstance(facts, Held) else made
        assert isinstance(held, Held)
        return answer.held(outcome, held)
    return answer.planned(outcome, made, facts, limits=stretched(config.sentinel_limits(), speed=config.data.market_speed))


def instant_ns(text: str) -> int:
    """Return the instant in `text`: nanoseconds since 1970, or ISO 8601 with a zone. Raises `ConfigError` USAGE."""
    if NANOSECONDS.fullmatch(text):
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ConfigError(
            "USAGE",
            expected="--now as ISO 8601 with a zone, or nanoseconds",
            found=repr(text[:60]),
            action="2022-04-29T20:00:00Z is one.",
        )
    return ns_of(instant)


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


def _inputs(config: RunConfig, manifest: AuditedManifest, snapshots: Snapshots, *, now_ns: int) -> PlanInputs:
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


def _facts(
    config: RunConfig, manifest: AuditedManifest, inputs: PlanInputs, made: Plan, *, regime: RegimeSeen
) -> SentinelFacts | Held:
    """Return what the guard needs; references are the mids of the snapshot, and no approval is recent: a preview gave none.

    What runs have counted comes from the log (`commands.preview_standing`).
    """
    exposure = open_exposure(inputs.open_orders, marks=Marks.of_inputs(inputs))
    if isinstance(exposure, Held):
        return exposure
    return SentinelFacts(
        halted=is_halted(Layout(config.lakehouse.directory)),
        grade=manifest.grade,
        regime_name=regime.name,
        regime_quadrant=regime.quadrant,
        regime_source=regime.source,
        weights=manifest.targets,
        quotes=inputs.quotes,
        references={symbol: Reference(price=quote.mid, ts_ns=quote.ts_ns) for symbol, quote in inputs.quotes.items()},
        recent=(),
        open_exposure=exposure,
        now_ns=inputs.now_ns,
        hours=inputs.hours,
        standing=standing_of(
            config,
            made,
            inputs=inputs,
            limits=config.sentinel_limits(),
            generated_ns=manifest.generated_ns,
            real_now_ns=time.time_ns(),
        ),
    )


class _Answer:
    """Says what came out, in words or as the one JSON document."""

    def __init__(self, config: RunConfig, snapshots: Snapshots, *, now_ns: int, as_json: bool) -> None:
        self._config = config
        self._as_json = as_json
        self._now_ns = now_ns
        self._notes: list[str] = []
        self._document: dict[str, Any] = {
            "config_sha256": config.sha256,
            "limits_sha256": limits_sha256(config.sentinel_limits()),
            "market_limits_sha256": snapshots.market_limits.sha256,
            "market_limits_refused": plain(snapshots.market_limits.refused),
            "now_ns": str(now_ns),
            "cycle": snapshots.book.cycle + 1,
            "targets": {},
            "lines": [],
            "verdicts": [],
            "exposures": None,
            "plan_sha256": None,
            "failed_checks": [],
            "ledger_faults": [],
            "regime": None,
            "drift_alert": None,
            "drift_csv": None,
        }

    def add(self, *parts: Beside) -> None:
        """Take what is said beside the lines."""
        for part in parts:
            self._document |= part.fields
            self._notes.extend(part.lines)

    def turned_away(self, outcome: ManifestHeld | ManifestRefused) -> int:
        """The manifest itself is held or refused."""
        refused = isinstance(outcome, ManifestRefused)
        if isinstance(outcome, ManifestRefused):
            self.add(proof(outcome))
        grade = outcome.grade if isinstance(outcome, ManifestRefused) else None
        self._document |= {
            "manifest_sha256": outcome.manifest_sha256,
            "source_run": None if outcome.source_run is None else {"run_id": outcome.source_run, "grade": grade},
        }
        return self._say(Decision.REFUSED if refused else Decision.HOLD, outcome.code, outcome.message)

    def withdrawn(self, manifest: AuditedManifest, withdrawals: Sequence[Withdrawal]) -> int:
        """A person has flattened all of the manifest."""
        self._name(manifest)
        by = next(known for known in withdrawals if known.scope.whole)
        words = f"flattened by {by.by}: {by.reason}. Nothing of this manifest is traded any more; a new one ends that."
        return self._say(Decision.HOLD, "WITHDRAWN", words)

    def held(self, manifest: AuditedManifest, held: Held) -> int:
        """The book cannot be valued."""
        self._name(manifest)
        return self._say(Decision.HOLD, held.code, held.message)

    def planned(self, manifest: AuditedManifest, made: Plan, facts: SentinelFacts, *, limits: SentinelLimits) -> int:
        """There is a plan; the guard says whether it may be traded."""
        self._name(manifest)
        advice = drift(self._config, made)
        self.add(advice)
        digest = plan_sha256(made)
        judgement = judge_plan(made, facts=facts, limits=limits, sha256=digest)
        if self._as_json:
            fields = plan_document(made)
            self._document |= {
                "lines": fields.pop("lines"),
                "exposures": {name: fields[name] for name in ("gross_before", "net_before", "gross_after", "net_after")},
                "plan": fields,
                "plan_sha256": digest,
                "verdicts": plain(judgement.verdicts),
            }
        else:
            from commands.plan_view import print_plan

            print_plan(
                made,
                judgement,
                grade=manifest.grade,
                manifest_age_ns=self._now_ns - manifest.generated_ns,
                plan_sha256=digest,
                drift=advice.cells,
                notes=self._notes,
            )
        return self._say(judgement.decision, judgement.code, judgement.message)

    def _name(self, manifest: AuditedManifest) -> None:
        self._document |= {
            "manifest_sha256": manifest.manifest_sha256,
            "source_run": {"run_id": manifest.source_run, "grade": manifest.grade},
            "targets": {symbol: decimal_text(weight) for symbol, weight in manifest.targets.items()},
        }

    def _say(self, decision: Decision, code: str, message: str) -> int:
        message = message.removeprefix(f"{code}: ")
        if self._as_json:
            print_json(self._document | {"decision": decision, "code": code, "message": message})
        elif decision is Decision.HOLD:
            print(f"hold     {code}  {message}\n         Nothing was sent; what is held stays as it is.")
        elif decision is Decision.REFUSED:
            sys.stdout.flush()
            print(f"refused  {code}  {message}\n         Nothing was sent; what is held stays as it is.", file=sys.stderr)
        return Exit.REFUSED if decision is Decision.REFUSED else Exit.DONE
