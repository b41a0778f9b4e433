"""A run's recorder with what every line names of it, and the halt that is written by it: the same of every kind of run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.order_context import RunFacts
from engine.prices import Prices
from engine.recorder import Recorder
from lakehouse import records
from orders.book import BookKeeper
from orders.canonical import canonical_sha256
from sentinel.limits import limits_sha256

if TYPE_CHECKING:
    from engine.assemble import Parts


def run_facts(parts: Parts) -> RunFacts:
    """Return what every line of a run names of it."""
    config = parts.config
    return RunFacts(
        run_id=parts.run_id,
        environment=config.environment,
        config_sha256=config.sha256,
        limits_sha256=limits_sha256(config.sentinel_limits()),
        market_limits_sha256=parts.market_limits_sha256,
        assumptions_sha256=canonical_sha256(config.assumptions()),
        base_currency=config.plan_policy().base_currency,
        bundle_sha256=parts.bundle_sha256,
    )


def made_recorder(
    kernel: Any, parts: Parts, *, prices: Prices, keeper: BookKeeper, strategy_id: str
) -> tuple[Recorder, Callable[[str], None]]:
    """Return the recorder over the run's journal, and what halts the run for a reason."""

    def halt(reason: str) -> None:
        """Block first, then write what can be written; a second reason is written too."""
        outcome = parts.permission.halt(by="engine", reason=reason, now_ns=kernel.clock.timestamp_ns())
        recorder.write_quietly(records.HaltLine, action="halt", by="engine", reason=reason)
        parts.on_halt(reason if outcome.durable else f"{reason}; {outcome.problem}")

    recorder = Recorder(
        journal=parts.journal,
        facts=run_facts(parts),
        market_time=parts.market_time,
        clock_ns=kernel.clock.timestamp_ns,
        keeper=keeper,
        listings=parts.listings,
        limits=parts.market_limits,
        strategy_id=strategy_id,
        halt=halt,
        last_cycle=parts.fold.cycle,
        durable=parts.durable,
        fill_keys=parts.fold.fill_keys,
        on_fill=parts.on_fill,
        quote_of=prices.quote_of,
    )
    return recorder, halt
