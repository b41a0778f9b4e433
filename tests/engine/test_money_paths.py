"""What goes wrong in the middle of a run stops it loudly, and nothing is traded on leave that has lapsed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderInitialized

from orders.errors import ConfigError, RecordCorrupt
from tests.gate.script import Script, approval_of, arm, order_from
from tests.gate.world import ETH, SOL, World, manifest_text, quote, run_backtest, run_shadow, shares

A, B = shares(2)


def at(world: World, *instants: tuple[int, int]) -> None:
    """Quote every name at these milliseconds, that many ticks above its first price."""
    world.quotes = [quote(name, ms, ticks=ticks) for ms, ticks in instants for name in world.names]


def configure(world: World, *changes: tuple[str, str]) -> None:
    text = world.config_path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    world.config_path.write_text(text)


def overdrawn(root: Path) -> World:
    """A price that jumps by more than the cash buffer while the orders are on the wire."""
    world = World(root, names=(A, B), latency_ms="60", jitter_ms="0")
    at(world, (50, 0), (400, 0), (430, 400), (800, 400), (1200, 400))
    return world.write()


FULL = manifest_text({A.symbol: "0.5", B.symbol: "0.5"})


def test_backtest_whose_account_breaks_says_so_with_its_own_code(tmp_path: Path) -> None:
    world = overdrawn(tmp_path)
    with pytest.raises(RecordCorrupt) as caught:
        run_backtest(world, [(100, world.save("m.json", FULL))])
    assert caught.value.code == "ACCOUNT_BROKEN"


def test_node_that_breaks_halts_durably_and_the_run_fails(tmp_path: Path) -> None:
    world = overdrawn(tmp_path)
    ran = run_shadow(world, [(100, world.save("m.json", FULL))])
    assert ran.code == 1
    assert [line["reason"].split(":")[0] for line in ran.of("halt")] == ["ENGINE_STOPPED"]
    assert not world.layout.permission.exists()


TURNED_AWAY = {
    "a manifest that is refused": manifest_text({A.symbol: "2", B.symbol: "0.5"}),
    "a manifest that is half written": FULL[:200],
    "an empty file": "",
    "an older manifest": manifest_text({A.symbol: "0.5"}, generated="2025-01-06T13:00:00"),
}


@pytest.mark.parametrize("text", TURNED_AWAY.values(), ids=TURNED_AWAY)
def test_manifest_that_waits_for_prices_is_given_up_when_what_follows_is_turned_away(text: str, tmp_path: Path) -> None:
    world = World(tmp_path, names=(A, B))
    at(world, (50, 0), (400, 0), (800, 0))
    world.write()
    ran = run_backtest(world, [(100, world.save("good.json", FULL)), (200, world.save("bad.json", text))])
    first, second = (line["decision"] for line in ran.of("manifest"))
    assert first == "ACCEPTED" != second
    assert ran.of("cycle", "intent", "fill") == []


def test_manifest_that_comes_back_after_a_hold_is_traded(tmp_path: Path) -> None:
    world = World(tmp_path, names=(A, B))
    at(world, (50, 0), (400, 0), (800, 0))
    world.write()
    good = world.save("good.json", FULL)
    ran = run_backtest(world, [(100, good), (200, world.save("bad.json", "")), (250, good)])
    assert [line["symbol"] for line in ran.of("fill")] == [A.symbol, B.symbol]


def held_then_priced(root: Path, *later: Any) -> Any:
    """A is held; the second manifest meets no newer price of it before the deadline, then what `later` brings."""
    world = World(root, names=(A, B))
    world.quotes = [quote(A, 50), quote(B, 50), quote(A, 400), quote(B, 400), quote(B, 2_500), *later]
    world.write()
    configure(
        world,
        (next(line for line in world.config_path.read_text().splitlines() if "plan_deadline_s" in line), "plan_deadline_s = 1"),
    )
    first = world.save("first.json", manifest_text({A.symbol: "0.5"}, generated="2025-01-06T13:59:30"))
    second = world.save("second.json", manifest_text({A.symbol: "0.2", B.symbol: "0.3"}, generated="2025-01-06T13:59:31"))
    return run_backtest(world, [(100, first), (1_000, second)])


def test_plan_that_was_held_for_a_price_is_made_when_the_price_comes(tmp_path: Path) -> None:
    ran = held_then_priced(tmp_path, quote(A, 3_000), quote(B, 3_000), quote(A, 3_500), quote(B, 3_500))
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", "held", "done"]
    assert [line["cause"] for line in ran.of("cycle")] == ["new_manifest", "new_manifest", "top_up"]
    assert [line["symbol"] for line in ran.of("fill")] == [A.symbol, A.symbol, B.symbol]


def test_plan_that_stays_held_is_not_tried_for_ever(tmp_path: Path) -> None:
    ran = held_then_priced(tmp_path, *(quote(B, ms) for ms in range(4_000, 40_000, 1_500)))
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", *["held"] * 5]
    assert len(ran.of("fill")) == 1


def test_plan_that_stayed_held_is_made_when_the_price_comes_back_after_hours(tmp_path: Path) -> None:
    """Nothing more is tried or told until then: the last try waits for every price while the manifest is young enough."""
    hours = 3 * 3_600_000
    quiet = [quote(B, ms) for ms in range(4_000, hours, 20_000)]
    ran = held_then_priced(tmp_path, *quiet, quote(A, hours), quote(B, hours), quote(A, hours + 500), quote(B, hours + 500))
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["done", *["held"] * 5, "done"]
    assert [line["symbol"] for line in ran.of("fill")] == [A.symbol, A.symbol, B.symbol]


def test_a_name_without_a_price_holds_the_whole_book_and_is_named(tmp_path: Path) -> None:
    ran = held_then_priced(tmp_path)
    held = [line for line in ran.of("plan") if line["decision"] == "HOLD"]
    assert {line["code"] for line in held} == {"NO_MARK"}
    assert all(A.symbol in line["message"] for line in held)
    assert len(ran.of("fill")) == 1


@pytest.mark.parametrize("sold", [True, False], ids=["sell fills", "sell cannot fill"])
def test_buys_on_margin_wait_for_room_when_the_sells_did_not_make_it(sold: bool, tmp_path: Path) -> None:
    """The Sentinel judged the book as the sells would leave it: leverage 0.5 of at most 0.6."""
    world = World(tmp_path, names=(A, B), latency_ms="0", jitter_ms="0")
    at(world, (50, 0), (400, 0), (800, 0), (1200, 0))
    world.write()
    configure(world, ('account = "cash"', 'account = "margin"'), ('max_leverage = "1"', 'max_leverage = "0.6"'))
    first = world.save("a.json", manifest_text({A.symbol: "0.5"}))
    second = world.save("b.json", manifest_text({B.symbol: "0.5"}, generated="2025-01-06T13:59:40"))

    def deny_sells(kernel: Any, assembly: Any) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, OrderInitialized) and event.side == OrderSide.SELL:
                assembly.gate.revoke(event.client_order_id.value)

        kernel.msgbus.subscribe("events.order.*", on_event)

    ran = run_backtest(world, [(100, first), (600, second)], **({} if sold else {"prepare": deny_sells}))
    bought = [line for line in ran.of("fill") if line["symbol"] == B.symbol]
    assert bool(bought) is sold
    if not sold:
        assert [line["reason"] for line in ran.of("skip") if line["symbol"] == B.symbol][-1:] == ["REDUCTION_UNFILLED"]


def test_leave_that_was_not_used_lapses_with_its_cycle(tmp_path: Path) -> None:
    left = approval_of(ETH, order_id="d" * 32, quantity="1", limit=None)
    world = World(tmp_path, names=(ETH, SOL), latency_ms="0", jitter_ms="0")
    at(world, (50, 0), (400, 0), (800, 0), (1200, 0))
    world.write()
    assemblies: list[Any] = []

    def prepare(kernel: Any, assembly: Any) -> None:
        assemblies.append(assembly)
        steps = [
            lambda script: arm(assembly, left),
            lambda script: None,
            lambda script: None,
            lambda script: assembly.strategy.submit_order(order_from(assembly, left)),
        ]
        kernel.trader.add_strategy(Script(ETH.instrument_id, steps))

    manifest = manifest_text({SOL.symbol: "0.1"})
    ran = run_backtest(world, [(100, world.save("m.json", manifest))], prepare=prepare)
    assert [line["symbol"] for line in ran.of("fill")] == [SOL.symbol]
    assert [line["code"] for line in ran.of("verdict") if line["client_order_id"] == "d" * 32] == ["NO_APPROVAL"]


def test_weights_that_no_exact_arithmetic_holds_are_held_and_the_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, names=(A, B))
    at(world, (50, 0), (400, 3), (800, 3), (1200, 3))
    world.write()
    absurd = FULL.replace("0.5,", "1.234567890123456e-399,", 2)
    ran = run_backtest(world, [(100, world.save("m.json", absurd))])
    assert [(line["decision"], line["code"]) for line in ran.of("plan")] == [("HOLD", "NUMBER_RANGE")]
    assert [line["outcome"] for line in ran.of("cycle_end")] == ["held"]


def traded(root: Path, names: tuple[Any, ...], *manifests: dict[str, str], changes: Sequence[tuple[str, str]] = ()) -> World:
    world = World(root, names=names, latency_ms="5", jitter_ms="0")
    at(world, *((ms, 0) for ms in range(50, 1000, 50)))
    world.write()
    configure(world, *changes)
    installed = [
        (60 + 400 * number, world.save(f"{number}.json", manifest_text(weights, generated=f"2025-01-06T13:59:3{number}")))
        for number, weights in enumerate(manifests)
    ]
    ran = run_shadow(world, installed)
    assert ran.code == 0, ran.said
    return world


def prolong(world: World) -> None:
    """Let the replay go on after what a run has played."""
    world.quotes += [quote(name, ms) for ms in range(60_000, 60_400, 50) for name in world.names]
    world.write()


def test_held_symbol_that_is_allowed_no_more_is_a_config_error(tmp_path: Path) -> None:
    world = traded(tmp_path, (A, B), {A.symbol: "0.3", B.symbol: "0.3"})
    prolong(world)
    configure(world, (f'allow]\nUS = ["{A.symbol}", ', "allow]\nUS = ["))
    with pytest.raises(ConfigError) as caught:
        run_shadow(world)
    assert caught.value.code == "HELD_NOT_TRADABLE"
    assert A.symbol in caught.value.found


EURO_CASH = ('USD = "100000"', 'USD = "100000"\nEUR = "500"')
EURO_INTEREST = ("[symbols]", '[assumptions.financing.interest.EUR]\ncredit_fraction = "0"\ndebit_fraction = "0"\n[symbols]')
EURO_RATE = (
    "[symbols]",
    '[rates.EUR]\nvalue = "1.1"\nas_of = 2025-01-06T00:00:00Z\nvalid_until = 2025-01-07T00:00:00Z\n[symbols]',
)


def test_cash_in_a_currency_that_the_config_knows_no_more_is_a_config_error(tmp_path: Path) -> None:
    """Its book would be valued with a rate that nobody gives any more."""
    euros = (EURO_CASH, EURO_INTEREST, EURO_RATE)
    world = traded(tmp_path, (A, B), {A.symbol: "0.3"}, changes=euros)
    prolong(world)
    with pytest.raises(ConfigError) as caught:
        run_shadow(world)
    assert caught.value.code == "CASH_NOT_CONFIGURED"
    assert "EUR at US" in caught.value.found
    configure(world, *euros)
    assert run_shadow(world).code == 0


def test_a_record_in_another_base_currency_is_not_gone_on_with(tmp_path: Path) -> None:
    """Its peak and its day's start are dollars: held against euros the loss limit would be wrong by the rate."""
    world = traded(tmp_path, (A, B), {A.symbol: "0.3"})
    prolong(world)
    configure(world, ('base_currency = "USD"', 'base_currency = "EUR"'), (EURO_RATE[0], EURO_RATE[1].replace("EUR", "USD")))
    with pytest.raises(ConfigError) as caught:
        run_shadow(world)
    assert caught.value.code == "BASE_CURRENCY_CHANGED"


def test_dust_that_base_fees_leave_does_not_keep_the_shadow_from_starting_again(tmp_path: Path) -> None:
    world = traded(tmp_path, (ETH, SOL), {ETH.symbol: "0.37123", SOL.symbol: "0.2"}, {SOL.symbol: "0.2"})
    dust = [line for line in world.lines() if line["type"] == "fill" and line["symbol"] == ETH.symbol]
    assert [line["side"] for line in dust] == ["BUY", "SELL"]
    prolong(world)
    ran = run_shadow(world)
    assert ran.code == 0, ran.said
    assert 0 < ran.assembly.recorder.keeper.positions[ETH.symbol] < Decimal(ETH.step)


def test_buys_are_funded_with_the_slippage_that_is_assumed(tmp_path: Path) -> None:
    world = World(tmp_path, names=(A, B), latency_ms="5", jitter_ms="0")
    at(world, (50, 0), (400, 0), (800, 0))
    world.write()
    configure(
        world,
        ('slippage_bps = "0"', 'slippage_bps = "100"'),
        ('cash_buffer_fraction = "0.02"', 'cash_buffer_fraction = "0"'),
    )
    ran = run_backtest(world, [(100, world.save("m.json", FULL))])
    assert ran.assembly.recorder.keeper.cash["US"]["USD"] >= 0
    assert [line["reason"] for line in ran.of("skip")] == ["NO_CASH"]
