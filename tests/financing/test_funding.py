"""A linear perpetual on a margin account: funding of both signs every eight hours, by rate or dated series, in both kernels."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from lakehouse.verifier import verify
from sim.feed import FeedQuote
from tests.financing.made import DAY_MS, LOOSE, SPEED, booked, dated, watch_account
from tests.gate.world import DAY_NS, Name, Ran, World, manifest_text, quote, run_backtest, run_shadow

PERP = Name("BINANCE:BTCUSDT.P", "50000", step="0.001", base="BTC")
HOUR_NS = 3_600_000_000_000
INTERVAL_NS = 8 * HOUR_NS
FIXED = 'rate = "0.0001"'


def made_quotes(days: int = 6) -> list[FeedQuote]:
    return [quote(PERP, DAY_MS * day, ticks=10_000 * ((3 * day) % 5)) for day in range(days)]


def perpetual(root: Path, weight: str, *, funding: str = FIXED, account: str = "margin", base_on_buys: str = "false") -> World:
    """Return a world of one perpetual; USDT is worth a dollar."""
    world = World(root, names=(PERP,), latency_ms="0", jitter_ms="0", quotes=made_quotes()).write()
    symbols = root / "symbols.toml"
    symbols.write_text(symbols.read_text().replace('asset_class = "spot"', 'asset_class = "perpetual"'))
    (root / "manifests").mkdir()
    (root / "manifests/2025-01-06.json").write_text(manifest_text({PERP.symbol: weight}))
    text = world.config_path.read_text()
    changes = {
        **LOOSE,
        'account = "cash"': f'account = "{account}"',
        "base_on_buys = true": f"base_on_buys = {base_on_buys}",
        "valid_until = 2025-01-07": "valid_until = 2025-03-07",
        "[rates.USDT]": f'[assumptions.financing.funding."{PERP.symbol}"]\n{funding}\ninterval_h = 8\n[rates.USDT]',
        f"market_speed = {SPEED}": f'market_speed = {SPEED}\nmanifests = "{root}/manifests"',
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    world.config_path.write_text(text)
    return world


@pytest.mark.parametrize("weight", ["0.8", "-0.8"], ids=["a long pays", "a short earns"])
def test_a_rate_above_zero_moves_from_longs_to_shorts_every_interval(tmp_path: Path, weight: str) -> None:
    gaps: list[Decimal] = []
    world = perpetual(tmp_path / "test", weight)
    test = run_backtest(world, dated(world), prepare=watch_account(gaps, venue="BINANCE", code="USDT"))
    lines = booked(test.lines)
    sign = -1 if weight == "0.8" else 1
    assert {line["kind"] for line in lines} == {"funding"}
    assert all(Decimal(line["amount"]) * sign > 0 for line in lines)
    assert all(line["to_ns"] % INTERVAL_NS == 0 and line["to_ns"] - line["from_ns"] == INTERVAL_NS for line in lines)
    assert len({line["to_ns"] for line in lines}) == len(lines) == 12
    assert set(gaps) == {Decimal(0)}
    again = perpetual(tmp_path / "shadow", weight)
    shadow = run_shadow(again)
    # Two hours after the order is 20 ms of the shadow: on a busy machine it may not have filled by then.
    assert booked(shadow.lines)[-10:] == lines[-10:]
    assert verify(again.lakehouse).ok


def series(root: Path, rates: list[str]) -> str:
    """Write a series whose stamps are a few milliseconds late, as a venue's are; return its line of config."""
    path = root.parent / f"{root.name}.csv"
    first = DAY_NS // INTERVAL_NS * INTERVAL_NS
    rows = [f"{first + number * INTERVAL_NS + 3_000_000},{rate}\n" for number, rate in enumerate(rates)]
    path.write_text("ts_ns,rate\n" + "".join(rows))
    return f'series = "{path}"'


def test_a_series_gives_each_interval_its_own_rate(tmp_path: Path) -> None:
    rates = [f"0.000{place % 7}" for place in range(20)]
    world = perpetual(tmp_path / "made", "0.8", funding=series(tmp_path / "made", rates))
    ran = run_backtest(world, dated(world))
    first = DAY_NS // INTERVAL_NS * INTERVAL_NS
    found = {(line["to_ns"] - first) // INTERVAL_NS: Decimal(line["rate"]) for line in booked(ran.lines)}
    assert found == {place: Decimal(rates[place]) for place in range(4, 16) if Decimal(rates[place])}
    assert len(ran.of("run_start")[0]["assumptions"]["financing"]["funding"][PERP.symbol]["series_sha256"]) == 64


def test_an_interval_without_a_rate_halts_and_says_what_to_do(tmp_path: Path) -> None:
    world = perpetual(tmp_path / "made", "0.8", funding=series(tmp_path / "made", ["0.0001"] * 6))
    halts: list[Ran] = []
    ran = run_backtest(world, dated(world), inspect=halts.append)
    (halt,) = ran.of("halt")
    assert "FUNDING_RATE_MISSING" in halt["reason"]
    assert "Complete the series" in halt["reason"]
    assert len(booked(ran.lines)) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account": "cash"}, "must be margin: BINANCE:BTCUSDT.P is a perpetual"),
        ({"base_on_buys": "true"}, "must be false: BINANCE:BTCUSDT.P is a perpetual"),
    ],
    ids=["a cash account", "a fee in the base asset"],
)
def test_a_perpetual_where_it_cannot_be_is_refused_by_the_config(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    world = perpetual(tmp_path / "made", "0.8", **changes)
    with pytest.raises(ConfigInvalid) as refused:
        load_config(world.config_path)
    assert words in str(refused.value)
