"""Margin accounts: shorts are opened, turned and covered with the account in step; a cash account refuses them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import Venue

from engine.assemble import Assembly
from sim.feed import FeedQuote
from tests.financing.made import (
    DAY_MS,
    LONG,
    LOOSE,
    MANIFEST_MS,
    SHORT,
    SPEED,
    account_gap,
    dated,
    made,
    watch_account,
)
from tests.gate.world import BTC, ETH, Prepare, Ran, World, manifest_text, quote, run_backtest, run_shadow

TURNS = (
    {LONG.symbol: "0.8", SHORT.symbol: "-0.6"},
    {LONG.symbol: "0.3", SHORT.symbol: "-0.2"},
    {LONG.symbol: "0.3"},
    {SHORT.symbol: "0.3"},
    {LONG.symbol: "-0.3"},
)


def after_each_fill(gaps: list[Decimal], *, venue: str, code: str) -> Prepare:
    """Note how far the account is from the book once an order's events have been taken by everybody."""

    def prepare(kernel: Any, assembly: Assembly) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, OrderFilled):
                gaps.append(account_gap(kernel, assembly, venue=venue, code=code))

        kernel.msgbus.subscribe(topic="events.order.*", handler=on_event, priority=0)

    return prepare


def turning(world: World, turns: tuple[dict[str, str], ...]) -> list[tuple[int, Path]]:
    """A manifest every other day."""
    return [
        (
            MANIFEST_MS + 2 * place * DAY_MS,
            world.save(f"turn-{place}.json", manifest_text(weights, generated=f"2025-01-{6 + 2 * place:02}T14:30:00")),
        )
        for place, weights in enumerate(turns)
    ]


def test_shorts_are_opened_covered_and_turned_with_the_account_in_step(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = made(tmp_path, TURNS[0], days=12)
    ran = run_backtest(world, turning(world, TURNS), prepare=after_each_fill(gaps, venue="US", code="USD"))
    fills = [(line["cycle"], line["symbol"], line["side"]) for line in ran.of("fill")]
    wanted = [
        (1, SHORT.symbol, "SELL"), (1, LONG.symbol, "BUY"), (2, LONG.symbol, "SELL"), (2, SHORT.symbol, "BUY"),
        (3, SHORT.symbol, "BUY"), (4, LONG.symbol, "SELL"), (4, SHORT.symbol, "BUY"), (5, SHORT.symbol, "SELL"),
        (5, LONG.symbol, "SELL"),
    ]  # fmt: skip
    assert [fill for fill in fills if fill in wanted] == wanted
    assert ran.assembly.recorder.keeper.positions[LONG.symbol] < 0
    assert set(gaps) == {Decimal(0)}
    assert not ran.of("reject", "halt")


def test_one_manifest_turns_a_long_into_a_short_with_the_account_in_step(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = made(tmp_path, TURNS[0], days=8)
    turns = ({LONG.symbol: "0.6", SHORT.symbol: "-0.4"}, {LONG.symbol: "-0.5", SHORT.symbol: "0.3"})
    text = world.config_path.read_text()
    world.config_path.write_text(text.replace("plan_deadline_s", 'flips = "same_plan"\nplan_deadline_s'))
    ran = run_backtest(world, turning(world, turns), prepare=after_each_fill(gaps, venue="US", code="USD"))
    held = ran.assembly.recorder.keeper.positions
    assert held[LONG.symbol] < 0 < held[SHORT.symbol]
    assert [line["side"] for line in ran.of("fill") if line["symbol"] == LONG.symbol] == ["BUY", "SELL", "SELL"]
    assert set(gaps) == {Decimal(0)}
    assert not ran.of("reject", "halt")


def test_the_same_book_on_a_cash_account_refuses_the_short_and_buys_the_rest(tmp_path: Path) -> None:
    world = made(tmp_path, TURNS[0], rates={})
    world.config_path.write_text(world.config_path.read_text().replace('account = "margin"', 'account = "cash"'))
    ran = run_backtest(world, dated(world))
    assert [(line["symbol"], line["reason"]) for line in ran.of("skip")] == [(SHORT.symbol, "REFUSED_SHORT")]
    assert [(line["symbol"], line["side"]) for line in ran.of("fill")] == [(LONG.symbol, "BUY")]


def test_leverage_of_longs_and_shorts_is_the_sentinels_to_limit(tmp_path: Path) -> None:
    world = made(tmp_path, TURNS[0])
    world.config_path.write_text(world.config_path.read_text().replace('max_leverage = "2"', 'max_leverage = "1.3"'))
    ran = run_backtest(world, dated(world))
    (plan,) = ran.of("plan")
    assert plan["decision"] == "REFUSED" or plan["code"]
    assert any(v["control"] == "MAX_LEVERAGE" and v["outcome"] == "DENY" for v in plan["verdicts"])
    assert not ran.of("fill")


def coins(root: Path) -> World:
    """Two spot pairs on a margin account whose buys pay their fee in what was bought."""
    quotes: list[FeedQuote] = [
        quote(name, DAY_MS * day + place, ticks=100 * ((3 * day + 5 * place) % 7))
        for day in range(8)
        for place, name in enumerate((BTC, ETH))
    ]
    world = World(root, names=(BTC, ETH), latency_ms="0", jitter_ms="0", quotes=quotes).write()
    text = world.config_path.read_text()
    for old, new in {**LOOSE, "valid_until = 2025-01-07": "valid_until = 2025-03-07", 'BINANCE = "0"': 'BINANCE = "0.1"'}.items():
        assert old in text, old
        text = text.replace(old, new)
    world.config_path.write_text(text)
    return world


def test_a_fee_in_the_base_asset_leaves_less_of_it_on_a_margin_account_too(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = coins(tmp_path)
    turns = ({BTC.symbol: "0.5", ETH.symbol: "-0.4"}, {BTC.symbol: "0.3", ETH.symbol: "-0.1"}, {ETH.symbol: "-0.05"})
    seen: list[dict[str, Decimal]] = []

    def inspect(ran: Ran) -> None:
        seen.append(
            {
                position.instrument_id.symbol.value: position.signed_decimal_qty()
                for position in ran.kernel.cache.positions_open(venue=Venue("BINANCE"))
            }
        )

    ran = run_backtest(world, turning(world, turns), prepare=after_each_fill(gaps, venue="BINANCE", code="USDT"), inspect=inspect)
    fees = {(line["side"], line["fee_currency"]) for line in ran.of("fill")}
    assert fees == {("BUY", "BTC"), ("BUY", "ETH"), ("SELL", "USDT")}
    ours = ran.assembly.recorder.keeper.positions
    assert {symbol.split(":")[1]: quantity for symbol, quantity in ours.items() if quantity} != {}
    for name, held in seen[0].items():
        assert abs(ours[f"BINANCE:{name}"] - held) < Decimal("0.0001")
    assert not ran.of("reject", "halt")
    assert max(abs(gap) for gap in gaps) < 1, gaps  # Nautilus holds a position in whole steps, one of which is worth a dollar


def test_a_fee_in_the_base_asset_is_paid_in_a_node_too(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = coins(tmp_path)
    (tmp_path / "manifests").mkdir()
    for day, weights in (("06", {BTC.symbol: "0.5", ETH.symbol: "-0.4"}), ("08", {ETH.symbol: "-0.1"})):
        text = manifest_text(weights, generated=f"2025-01-{day}T14:30:00")
        (tmp_path / f"manifests/2025-01-{day}.json").write_text(text)
    text = world.config_path.read_text()
    dated_manifests = f'market_speed = {SPEED}\nmanifests = "{tmp_path}/manifests"'
    world.config_path.write_text(text.replace(f"market_speed = {SPEED}", dated_manifests))
    ran = run_shadow(world, prepare=watch_account(gaps, venue="BINANCE", code="USDT"))
    assert {("BUY", "BTC"), ("BUY", "ETH")} <= {(line["side"], line["fee_currency"]) for line in ran.of("fill")}
    assert len(gaps) > 2
    apart = [gap for gap in gaps if abs(gap) >= 1]
    assert len(apart) <= 1, gaps  # one that was booked between a fill's cash and its position, on a busy machine
    assert abs(gaps[-1]) < 1, gaps
    assert not ran.of("reject", "halt")


def test_equity_counts_a_short_at_its_mark_and_its_proceeds_as_cash(tmp_path: Path) -> None:
    """Equity before and after opening differs by fees and spread alone, whatever was sold short."""
    world = made(tmp_path, {SHORT.symbol: "-0.9"}, rates={})
    ran = run_backtest(world, dated(world))
    (fill,) = ran.of("fill")
    keeper = ran.assembly.recorder.keeper
    mid = Decimal(fill["arrival_mid"])
    equity = keeper.cash["US"]["USD"] + keeper.positions[SHORT.symbol] * mid
    cost = Decimal(fill["fee"]) + Decimal(fill["quantity"]) * (mid - Decimal(fill["price"]))
    assert equity == 100000 - cost
    assert keeper.cash["US"]["USD"] > 100000
