"""Venues are told apart where their own rows say so, and shrunk to what all of them say together."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from analysis.calibration import PRIOR_ORDERS, Calibration, Parameter, Status, calibrate
from analysis.calibration_data import observe
from analysis.calibration_text import calibration_lines, parameter_tables, with_changes
from analysis.log_store import open_log
from engine.config_sections import AssumptionsSection
from engine.run_config import load_config
from lakehouse.assumptions_file import read_assumptions, write_assumptions
from orders.assumptions import Assumptions, VenueAssumptions
from orders.costs import ImpactFacts, ImpactTerms
from tests.calibration.made import MS, VOLATILITIES, VOLUMES, Truth, made_log, prior, two_venue_log

ROOT = Path(__file__).resolve().parents[2]
D = Decimal
NAMES = ("latency_ms", "jitter_ms", "bar_half_spread_bps", "slippage_bps")
TRUTHS = {"FAR": replace(Truth(), latency_ms=180.0, jitter_ms=60.0, bar_half_spread_bps=6.0, slippage_bps=3.0), "NEAR": Truth()}
SEEDS = range(20)
INSIDE_MIN = 16  # of 20: see test_known_parameters


def fitted(path: Path, before: Assumptions | None = None) -> Calibration:
    with open_log(path, copy=False) as store:
        return calibrate(observe(store, volumes=VOLUMES, volatilities=VOLATILITIES), prior=before or prior(), seed=1)


def named(found: Calibration, name: str, venue: str = "") -> Parameter:
    return next(each for each in found.parameters if (each.name, each.venue) == (name, venue))


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> list[Calibration]:
    directory = tmp_path_factory.mktemp("venues")
    return [fitted(two_venue_log(directory / f"{seed}.jsonl", seed=seed, truths=TRUTHS)) for seed in SEEDS]


@pytest.mark.parametrize("venue", TRUTHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_venues_parameter_lies_in_its_own_interval_in_about_19_of_20_seeds(
    fits: list[Calibration], name: str, venue: str
) -> None:
    rows = [named(fit, name, venue) for fit in fits]
    truth = TRUTHS[venue].named()[name]
    inside = sum(row.low is not None and row.high is not None and float(row.low) <= truth <= float(row.high) for row in rows)
    assert inside >= INSIDE_MIN


def test_a_venue_is_shrunk_to_what_stands_for_all(fits: list[Calibration]) -> None:
    shrunk = 0
    for fit in fits:
        for venue in TRUTHS:
            for name in NAMES:
                row, pooled = named(fit, name, venue), named(fit, name).value
                assert row.prior == pooled
                if row.status is Status.FITTED:
                    assert row.estimate is not None
                    assert pooled is not None
                    weight = D(row.count) / (row.count + PRIOR_ORDERS)
                    assert row.value == (weight * row.estimate + (1 - weight) * pooled).quantize(D("0.0001"))
                    assert fit.changed_by_venue[venue][name] == row.value
                    shrunk += 1
    assert shrunk > 100


def test_venues_of_their_own_predict_the_rest_better_than_one_number_for_all(fits: list[Calibration]) -> None:
    for fit in fits:
        assert {each.venue for each in fit.judged} == {"", "FAR", "NEAR"}
        for each in fit.judged:
            assert each.absolute_after < each.absolute_before


def test_one_venue_is_not_told_apart_from_itself(tmp_path: Path) -> None:
    found = fitted(made_log(tmp_path / "log.jsonl", seed=1))
    assert {each.venue for each in found.parameters} == {""}
    assert found.changed_by_venue == {}


def test_a_venue_with_few_orders_is_inconclusive_and_stays_with_the_others(tmp_path: Path) -> None:
    rare = two_venue_log(tmp_path / "log.jsonl", seed=1, truths=TRUTHS, orders=100)  # 50 each, 35 of them to fit
    found = fitted(rare)
    assert {named(found, name).status for name in NAMES} == {Status.FITTED}
    assert {named(found, name, venue).status for name in NAMES for venue in TRUTHS} == {Status.INCONCLUSIVE}
    assert found.changed_by_venue == {}


def test_what_a_venue_has_of_its_own_is_its_prior(tmp_path: Path) -> None:
    own = prior(by_venue={"FAR": VenueAssumptions(latency_ns=150 * MS)})
    found = fitted(two_venue_log(tmp_path / "log.jsonl", seed=1, truths=TRUTHS), own)
    assert named(found, "latency_ms", "FAR").prior == 150
    assert named(found, "latency_ms", "NEAR").prior == named(found, "latency_ms").value


def test_slippage_is_not_told_from_impact_that_is_charged_apart(tmp_path: Path) -> None:
    impact = ImpactTerms(coefficient=D(1), by_symbol={"X:A": ImpactFacts(volatility_fraction=D("0.02"), daily_volume=D(1))})
    found = fitted(made_log(tmp_path / "log.jsonl", seed=1), prior(impact=impact))
    row = named(found, "slippage_bps")
    assert (row.status, row.value) == (Status.INCONCLUSIVE, row.prior)
    assert "impact is assumed apart" in row.words
    assert "slippage_bps" not in found.changed


def test_the_file_says_venues_apart_and_the_simulator_reads_them_so(fits: list[Calibration], tmp_path: Path) -> None:
    found = fits[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        config = load_config(ROOT / "data/configs/two_venues.toml")
    section = tomllib.loads(config.path.read_text())["assumptions"]
    venues = {"FAR": "US", "NEAR": "BINANCE"}
    moved = msgspec.structs.replace(found, changed_by_venue={venues[v]: own for v, own in found.changed_by_venue.items()})
    table = with_changes(section, moved, name="apart")
    path, sha256 = write_assumptions(tmp_path, assumptions=table, made={"seed": 1}, parameters=parameter_tables(found), report={})
    read = AssumptionsSection.model_validate(read_assumptions(path, sha256=sha256))
    assumed = config.model_copy(update={"assumptions_section": read}).assumptions()
    for venue, name in venues.items():
        own = found.changed_by_venue[venue]
        assert assumed.at(name).taker_terms.slippage_bps == own["slippage_bps"]
        assert assumed.at(name).latency_ns == own["latency_ms"] * MS
    assert "[parameters.slippage_bps.by_venue.FAR]" in path.read_text()


def test_the_lines_name_the_venue(fits: list[Calibration]) -> None:
    shown = "\n".join(calibration_lines(fits[0]))
    assert "slippage_bps at FAR" in shown
    assert "cost against the mid at the fill at NEAR: realised" in shown
