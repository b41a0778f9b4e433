"""The quick valuation between plans says what the planner's says, and nothing where the planner could not value the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.book_valuer import BookValuer
from orders.valuation import Marks, Valuation, value_book
from tests.gate.world import ETH, SOL, Ran, World, manifest_text, quote, run_backtest

SECOND = 1_000_000_000


def valuer_of(ran: Ran) -> BookValuer:
    return ran.assembly.sentinel._valuer


def test_both_valuations_agree_and_a_price_too_old_values_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, latency_ms="5", jitter_ms="0")
    world.quotes = [quote(name, at, ticks=at // 10) for at in range(0, 1_000, 50) for name in (SOL, ETH)]
    world.write()
    seen: list[Any] = []

    def inspect(ran: Ran) -> None:
        last = max(ran.assembly.prices.quote_of(name.symbol).ts_ns for name in (SOL, ETH))
        positions = ran.assembly.recorder.keeper.positions
        inputs = ran.assembly.desk.inputs(cycle=9, manifest_sha256="", source_run="", targets={}, symbols=sorted(positions))
        valued = value_book(inputs.book, marks=Marks(**marks_of(inputs, now_ns=last)))
        seen.extend([valued, valuer_of(ran).value(last), valuer_of(ran).value(last + 60 * SECOND)])
        seen.extend([valuer_of(ran).value(last + 60 * SECOND + 1), valuer_of(ran).value(last - 1)])

    run_backtest(world, [(100, world.save("m.json", manifest_text({SOL.symbol: "0.3", ETH.symbol: "0.2"})))], inspect=inspect)
    planners, quick, at_the_limit, too_old, from_the_future = seen
    assert isinstance(planners, Valuation)
    assert len(planners.values) == 2
    assert quick is not None
    assert quick[0] == planners.equity_base
    assert at_the_limit == quick
    assert (too_old, from_the_future) == (None, None)


def marks_of(inputs: Any, *, now_ns: int) -> dict[str, Any]:
    return {
        "quotes": inputs.quotes, "limits": inputs.limits, "listings": inputs.listings, "rates": inputs.rates,
        "base_currency": inputs.policy.base_currency, "now_ns": now_ns, "price_age_max_ns": inputs.policy.price_age_max_ns,
    }  # fmt: skip
