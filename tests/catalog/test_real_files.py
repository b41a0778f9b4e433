"""Real vendors' files, where they lie beside the project. The same claims are held on made data in this directory."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.catalog_view import problems
from lakehouse.price_kinds import Kind
from lakehouse.price_policy import BadRows
from sim.catalog.pairs import import_pair
from sim.catalog.store import CatalogStore
from tests.catalog.made import order, put, quiet, stored

PLACE = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not PLACE.is_dir(), reason="no vendors' files beside the project; made data covers the claims")


def test_minute_bars_of_a_perpetual_keep_every_row_that_is_on_the_tick(tmp_path: Path) -> None:
    how = order(zone="UTC", step_size=Decimal("0.0001"), bad_rows=BadRows.DROP)
    done = put(tmp_path / "c", PLACE / "btcusdt_perp_1m_2021-12-31.csv.gz", how).manifest
    assert (done.rows_read, done.rows_written, dict(done.dropped)) == (22_500, 22_486, {"OFF_STEP": 10, "OFF_TICK": 4})
    assert (done.gaps, done.missing_bars, done.spikes) == (2, 14, 12)


def test_bid_and_ask_bars_show_where_the_vendor_crossed_them(tmp_path: Path) -> None:
    how = order(tick_size=Decimal("0.00001"), step_size=Decimal(1000), columns={"volume": "-"}, bad_rows=BadRows.DROP)
    bid, ask = (PLACE / f"gbpusd_{side}_1m_2012-02.csv.gz" for side in ("bid", "ask"))
    with CatalogStore(tmp_path / "c") as store:
        done = import_pair(store, bid=bid, ask=ask, order=how, quote_size=Decimal(1_000_000), say=quiet)
    assert [each.manifest.rows_written for each in done] == [29_770, 30_117, 30_117]
    assert done[0].manifest.dropped == {"CROSSED": 347}
    assert problems(tmp_path / "c") == []


@pytest.mark.parametrize(("kind", "rows"), [(Kind.QUOTES, 451), (Kind.TRADES, 2_001)])
def test_parquet_with_binary_floats_is_exact_on_the_step(tmp_path: Path, kind: Kind, rows: int) -> None:
    how = order(kind, step_size=Decimal("0.000001"))
    done = put(tmp_path / "c", PLACE / f"binance_btcusdt_2021-01-08-{kind.value}.parquet", how).manifest
    assert (done.rows_written, done.dropped) == (rows, {})
    assert done.from_floats > 0
    assert len(stored(tmp_path / "c", how)) == rows
