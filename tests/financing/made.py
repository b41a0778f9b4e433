"""A made market whose days pass in a quarter of a second: two shares on a margin account, one of them sold short."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Currency

from engine.assemble import Assembly
from sim.feed import FeedQuote
from tests.gate.world import Prepare, World, manifest_text, quote, shares

DAY_MS = 86_400_000
SPEED = 345_600
LONG, SHORT = shares(2)
DAYS = 8
MANIFEST_MS = (7 * 60 + 5) * 60_000  # five minutes after the close in New York, as a dated manifest appears
RATES = {
    'US = "0"': 'US = "0.05"\n"NYSE:S001" = "0.365"',
    'credit_fraction = "0"': 'credit_fraction = "0.0365"',
    'debit_fraction = "0"': 'debit_fraction = "0.073"',
    'accrue_at = "17:00"': 'accrue_at = "00:00"',
    'zone = "America/New_York"': 'zone = "UTC"',
}
LOOSE = {
    'account = "cash"': 'account = "margin"',
    "reference_age_max_ms = 60000": "reference_age_max_ms = 432000000",
    "plan_deadline_s = 30": "plan_deadline_s = 432000",
    "market_speed = 1": f"market_speed = {SPEED}",
    "end = 2025-01-07": "end = 2025-01-31",
    'max_leverage = "1"': 'max_leverage = "2"',
    'gross_weight_max = "1"': 'gross_weight_max = "2"',
    'max_asset_exposure = "0.5"': 'max_asset_exposure = "1.5"',
    'max_order_value_base = "60000"': 'max_order_value_base = "200000"',
    'hhi_max = "0.6"': 'hhi_max = "3"',
    "manifest_age_max_h = 24": "manifest_age_max_h = 2400",
}


def made_quotes(days: int = DAYS) -> list[FeedQuote]:
    """A quote of each share a day, whose prices move by whole dollars."""
    return [
        quote(name, DAY_MS * day + place, ticks=100 * ((3 * day + 5 * place) % 7))
        for day in range(days)
        for place, name in enumerate((LONG, SHORT))
    ]


def made(root: Path, weights: dict[str, str], *, rates: dict[str, str] = RATES, days: int = DAYS) -> World:
    """Return the market on disk, its manifest where a replay and a backtest find it."""
    world = World(root, names=(LONG, SHORT), latency_ms="0", jitter_ms="0", quotes=made_quotes(days)).write()
    text = world.config_path.read_text()
    for old, new in {**LOOSE, **rates}.items():
        assert old in text, old
        text = text.replace(old, new)
    (root / "manifests").mkdir()
    (root / "manifests/2025-01-06.json").write_text(manifest_text(weights))
    text = text.replace(f"market_speed = {SPEED}", f'market_speed = {SPEED}\nmanifests = "{root}/manifests"')
    world.config_path.write_text(text)
    return world


def dated(world: World) -> list[tuple[int, Path]]:
    """The manifest, as a backtest of the tests wants it."""
    return [(MANIFEST_MS, world.root / "manifests/2025-01-06.json")]


def booked(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every financing line without what differs from run to run."""
    rest = {"seq", "ts_ns", "market_ns", "run_id", "assumptions_sha256", "v", "type"}
    return [{key: value for key, value in line.items() if key not in rest} for line in lines if line["type"] == "financing"]


def watch_account(gaps: list[Decimal], *, venue: str = "US", code: str = "USD") -> Prepare:
    """Return what notes, after each amount that is booked, how far the simulated account is from the book."""

    def prepare(kernel: Any, assembly: Assembly) -> None:
        inner = assembly.accruals.on_cash

        def on_cash(where: str, currency: str, amount: Decimal) -> None:
            inner(where, currency, amount)
            if (where, currency) == (venue, code):
                gaps.append(account_gap(kernel, assembly, venue=venue, code=code))

        assembly.accruals.on_cash = on_cash

    return prepare


def account_gap(kernel: Any, assembly: Assembly, *, venue: str, code: str) -> Decimal:
    """What the simulated account has above our own book: of a margin account, which moves by realised profit, cash and cost."""
    account = kernel.cache.account_for_venue(Venue(venue))
    ours = assembly.recorder.keeper.cash[venue][code]
    if account.is_margin_account:
        for position in kernel.cache.positions_open(venue=Venue(venue)):
            if position.quote_currency.code == code:
                ours += position.signed_decimal_qty() * Decimal(str(position.avg_px_open))
    theirs: Decimal = account.balance_total(Currency.from_str(code)).as_decimal()
    return theirs - ours
