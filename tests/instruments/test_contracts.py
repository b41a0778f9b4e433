"""A linear perpetual in contracts of a tenth: sized, paid, funded and held with the venue's account in step, in both kernels."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Currency

from engine.assemble import Assembly
from tests.financing.made import DAY_MS, MANIFEST_MS, booked, dated
from tests.financing.test_funding import PERP, perpetual
from tests.gate.world import Prepare, Ran, World, manifest_text, run_backtest, run_shadow

D = Decimal
TENTH = D("0.1")


def contracts(root: Path, weight: str, *, step: str = "1", size: str = "0.1") -> World:
    """The made perpetual in contracts: a step of one contract, each of a tenth of a bitcoin."""
    world = perpetual(root, weight)
    path = root / "limits.json"
    text = path.read_text()
    for old, new in ((f'"{PERP.step}"', f'"{step}"'), ('"multiplier": "1"', f'"multiplier": "{size}"')):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return world


def gap(kernel: Any, assembly: Assembly, size: Decimal) -> Decimal:
    """What the simulated margin account has above our book; it moves by realised profit, ours by the whole notional."""
    account = kernel.cache.account_for_venue(Venue("BINANCE"))
    ours = assembly.recorder.keeper.cash["BINANCE"]["USDT"]
    for position in kernel.cache.positions_open(venue=Venue("BINANCE")):
        ours += position.signed_decimal_qty() * D(str(position.avg_px_open)) * size
    theirs: Decimal = account.balance_total(Currency.from_str("USDT")).as_decimal()
    return theirs - ours


def after_each_fill(gaps: list[Decimal], size: Decimal) -> Prepare:
    def prepare(kernel: Any, assembly: Assembly) -> None:
        def on_event(event: Any) -> None:
            if isinstance(event, OrderFilled):
                gaps.append(gap(kernel, assembly, size))

        kernel.msgbus.subscribe(topic="events.order.*", handler=on_event, priority=0)

    return prepare


def turned(world: World) -> list[tuple[int, Path]]:
    weights = ("0.8", "0.3", "-0.5", "-0.2")
    return [
        (
            MANIFEST_MS + place * DAY_MS,
            world.save(f"turn-{place}.json", manifest_text({PERP.symbol: w}, generated=f"2025-01-{6 + place:02}T14:30:00")),
        )
        for place, w in enumerate(weights)
    ]


def test_contracts_are_sized_by_what_one_is_worth_and_the_account_stays_in_step(tmp_path: Path) -> None:
    gaps: list[Decimal] = []
    world = contracts(tmp_path, "0.8")
    ran = run_backtest(world, turned(world), prepare=after_each_fill(gaps, TENTH))
    first = ran.of("fill")[0]
    assert first["quantity"] == "15"  # 80,000 USDT at 50,300 are 1.59 BTC, 15 whole contracts
    assert D(first["notional_quote"]) == 15 * TENTH * D(first["price"])
    assert D(first["fee"]) == D(first["notional_quote"]) * D("0.001")
    assert len(gaps) == len(ran.of("fill")) >= 4
    assert set(gaps) == {D(0)}
    assert not ran.of("reject", "halt")


def test_funding_is_paid_on_the_notional_of_the_contracts(tmp_path: Path) -> None:
    world = contracts(tmp_path, "0.8")
    ran = run_backtest(world, dated(world))
    line = booked(ran.lines)[0]
    assert line["kind"] == "funding"
    assert D(line["basis"]) == 15 * TENTH * D(line["price"])
    assert D(line["amount"]) == -D(line["basis"]) * D("0.0001")


def test_the_shadow_trades_the_same_contracts(tmp_path: Path) -> None:
    def traded(ran: Ran) -> list[tuple[str, str, str]]:
        return [(line["side"], line["quantity"], line["multiplier"]) for line in ran.of("fill")]

    test, shadow = contracts(tmp_path / "test", "0.8"), contracts(tmp_path / "shadow", "0.8")
    expected = traded(run_backtest(test, dated(test)))
    assert expected == [("BUY", "15", "0.1")]
    assert traded(run_shadow(shadow)) == expected


@pytest.mark.parametrize(("step", "size", "quantity"), [("1", "1", "1"), ("1", "0.01", "159"), ("0.01", "0.1", "15.9")])
def test_other_contract_sizes_size_the_same_exposure(tmp_path: Path, step: str, size: str, quantity: str) -> None:
    gaps: list[Decimal] = []
    world = contracts(tmp_path, "0.8", step=step, size=size)
    ran = run_backtest(world, dated(world), prepare=after_each_fill(gaps, D(size)))
    assert next(line["quantity"] for line in ran.of("fill")) == quantity
    assert set(gaps) == {D(0)}
