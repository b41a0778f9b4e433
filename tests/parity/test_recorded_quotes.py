"""A stretch of the sample's quotes, which keep no distance from any due time: how many orders differ, and why."""

from __future__ import annotations

from itertools import takewhile

from sim.feed import read_quotes
from tests.gate.world import BTC, DAY_NS, ETH, ROOT, SECOND, World, manifest_text, run_backtest, run_shadow
from tests.parity.comparison import differing, orders_of

STRETCH_S = 4
WEIGHTS = (("0.3", "0.1"), ("0.1", "0.3"), ("0.2", "0.25"))


def stretch(root) -> World:
    world = World(root, names=(BTC, ETH)).write()
    _, inputs = world.load()
    quotes = read_quotes(ROOT / "data/samples/crypto/quotes.csv.gz", limits=inputs.market_limits)
    world.quotes = list(takewhile(lambda quote: quote.market_ns < DAY_NS + STRETCH_S * SECOND, quotes))
    return world.write()


def test_of_recorded_quotes_the_share_of_differing_orders_is_reported_and_each_is_attributed(tmp_path, record_property):
    runs = []
    for name, run in (("test", run_backtest), ("shadow", run_shadow)):
        world = stretch(tmp_path / name)
        manifests = [
            (200 + 1_100 * place, world.save(f"{place}.json", manifest_text({BTC.symbol: btc, ETH.symbol: eth})))
            for place, (btc, eth) in enumerate(WEIGHTS)
        ]
        runs.append(run(world, manifests))
    count, words = differing(*runs)
    share = len(words) / count
    record_property("share_of_orders_that_differ", f"{share:.2f}")
    print(f"{len(words)} of {count} orders differ ({share:.0%}) over {STRETCH_S} s", *words, sep="\n  ")  # noqa: T201
    assert count == 2 * len(WEIGHTS)
    assert [order[0] for order in orders_of(runs[0])] == [order[0] for order in orders_of(runs[1])]
    assert all("only in one of them" not in line for line in words)
