"""The platform's example files, each with the outcome its contract states."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.drift_csv import parse_drift
from lakehouse.manifest import AuditedManifest, ManifestOutcome, ManifestRefused, judge_manifest
from lakehouse.shape import Shape
from lakehouse.shapes import recognise
from lakehouse.state import read_actual_state
from lakehouse.strict_json import parse
from lakehouse.upstream_time import stamp_ns, zone_of
from orders.values import Grade, Side
from tests.lakehouse_in.shapes_made import ALL, PLATFORM, Runs

if TYPE_CHECKING:
    from conftest import Lake

D = Decimal
SHAPES_OF = {
    "c1_v3_multi_winner.json": Shape.V3,
    "c2_v3_renormalised.json": Shape.V3,
    "c3_v2_atoms.json": Shape.V2,
    "c4_meta_with_sleeve_id.json": Shape.META,
    "c6_flattened_with_atom.json": Shape.FLATTENED,
}


def judged(tmp_path: Path, name: str, *, key: str, stamp: str, shapes: frozenset[Shape] = ALL) -> ManifestOutcome:
    runs = Runs(tmp_path)
    return judge_manifest(
        (PLATFORM / name).read_bytes(),
        policy=runs.policy(capital={key: "1"}, shapes=shapes),
        market_now_ns=stamp_ns(stamp, zone=zone_of("UTC")),
        provenance=runs.provenance(Grade.ABSENT),
        written_ns=1,
    )


@pytest.mark.parametrize(("name", "shape"), SHAPES_OF.items())
def test_each_is_told_by_its_content(name: str, shape: Shape) -> None:
    data = (PLATFORM / name).read_bytes()
    assert recognise(parse(data, what=name, size_max=len(data), nonfinite=True)) is shape


def test_c1_nets_btc_over_winners(lake: Lake) -> None:
    outcome = lake.outcome(capital={"rank:1": "0.6", "rank:3": "0.4"})
    assert isinstance(outcome, AuditedManifest)
    assert outcome.targets["BINANCE:BTCUSDT"] == D("0.6") * D("0.55") - D("0.4") * D("0.40")
    assert outcome.targets["NASDAQ:AAPL"] == D("0.24")
    assert [winner.rank for winner in outcome.winners] == [1, 3]


def test_c2_is_refused_for_its_renormalised_weights(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "c2_v3_renormalised.json", key="rank:1", stamp="2025-06-01T00:00:00")
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "MANIFEST_CONTRADICTION"
    assert "Net_Weight 10.000000000000002 but Weight 0.5" in outcome.message


def test_c3_is_refused_unless_raw_v2_is_asked_for(tmp_path: Path) -> None:
    stamp = "2026-01-28T19:22:50.441207"
    shapes = ALL - {Shape.V2}
    outcome = judged(tmp_path, "c3_v2_atoms.json", key="v2/hrp", stamp=stamp, shapes=shapes)
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "SHAPE_NOT_ALLOWED"


def test_c3_flattens_by_suffix(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "c3_v2_atoms.json", key="v2/hrp", stamp="2026-01-28T19:22:50.441207")
    assert isinstance(outcome, AuditedManifest)
    assert outcome.targets == {"BINANCE:BTCUSDT": D("-0.3"), "BINANCE:ETHUSDT": D(0), "NASDAQ:AAPL": D("0.2")}
    assert outcome.regime_name == "CRISIS"


def test_c3_equal_weight_leaves_a_quarter_in_cash(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "c3_v2_atoms.json", key="v2/equal_weight", stamp="2026-01-28T19:22:50.441207")
    assert isinstance(outcome, AuditedManifest)
    assert outcome.targets == {"CME_MINI:ES1!": D("-0.25"), "FX_IDC:EURUSD": D("0.25"), "OKX:1000PEPEUSDT.P": D("0.25")}
    assert sum(abs(target) for target in outcome.targets.values()) == D("0.75")


@pytest.mark.parametrize("profile", ["max_sharpe", "barbell"])
def test_c3_profiles_without_assets_are_refused_and_never_a_flatten(tmp_path: Path, profile: str) -> None:
    outcome = judged(tmp_path, "c3_v2_atoms.json", key=f"v2/{profile}", stamp="2026-01-28T19:22:50.441207")
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "WINNER_EMPTY"


def test_c4_is_refused_for_the_sleeve_id(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "c4_meta_with_sleeve_id.json", key="meta_benchmark/hrp", stamp="2026-01-28T21:08:00.900112")
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "SYMBOL_WITHOUT_EXCHANGE"
    assert "long_ma" in outcome.message


def test_c5_is_read_in_three_dialects_and_the_poison_row_is_counted() -> None:
    profiles = read_actual_state(PLATFORM / "c5_actual_state.json")
    assert {key: (profile.dialect, profile.ignored_rows) for key, profile in profiles.items()} == {
        "Rank1_custom_barbell": ("accepted", 0),
        "Rank3_riskfolio_hrp": ("shadow", 1),
        "LIVE_BINANCE_SHADOW": ("live", 0),
    }
    assert profiles["LIVE_BINANCE_SHADOW"].rows[0].quantity == D("-1.25")


def test_c6_is_refused_for_the_atom_upstream_left_with_the_wrong_side(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "c6_flattened_with_atom.json", key="flattened/hrp", stamp="2026-02-03T10:00:00.000001")
    assert isinstance(outcome, ManifestRefused)
    assert outcome.code == "SYMBOL_IS_ATOM"
    assert "BINANCE:BTCUSDT_momentum_SHORT_1d" in outcome.message


def test_c6_without_its_atom_is_accepted_and_flat_is_a_target_of_zero(tmp_path: Path) -> None:
    text = (PLATFORM / "c6_flattened_with_atom.json").read_text()
    start, end = text.index(',\n   {"Symbol": "BINANCE:BTCUSDT_momentum'), text.index('], "clusters"')
    runs = Runs(tmp_path)
    outcome = judge_manifest(
        (text[:start] + text[end:]).encode(),
        policy=runs.policy(capital={"flattened/hrp": "1"}),
        market_now_ns=stamp_ns("2026-02-03T10:00:00.000001", zone=zone_of("UTC")),
        provenance=runs.provenance(Grade.ABSENT),
        written_ns=1,
    )
    assert isinstance(outcome, AuditedManifest)
    assert outcome.targets == {"BINANCE:ETHUSDT": D("-0.09999999999999998"), "BINANCE:SOLUSDT": D(0)}
    assert outcome.regime_name == "TURBULENT"


def test_c7_is_read_unsigned_as_it_is() -> None:
    rows = parse_drift((PLATFORM / "c7_drift.csv").read_bytes(), what="c7")
    assert [(row.symbol, row.side, row.size, row.target_weight) for row in rows] == [
        ("BINANCE:BTCUSDT", Side.BUY, D("0.09999999999999998"), D("0.6")),
        ("BINANCE:ETHUSDT", Side.BUY, D("0.4"), D("0.4")),
        ("BINANCE:SOLUSDT", Side.SELL, D("0.5"), D("0.0")),
    ]
