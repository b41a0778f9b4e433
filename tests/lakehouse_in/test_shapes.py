"""Every shape the platform writes: told apart by content, read to the same kind of value, refused where it contradicts itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.atoms import split_atom
from lakehouse.shape import Shape
from lakehouse.shapes import recognise
from orders.errors import InputError
from orders.values import Grade
from tests.lakehouse_in.shapes_made import (
    HOUR_NS,
    LONG_RUN,
    RUN,
    SHORT_RUN,
    STAMP_NS,
    Document,
    Runs,
    accepted,
    atom_row,
    flat_row,
    flattened,
    good_atoms,
    good_flattened,
    good_meta,
    held,
    meta_row,
    refused,
)

D = Decimal


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        ({"winners": []}, Shape.V3),
        ({"profiles": {}, "metadata": {"flattened": True}}, Shape.FLATTENED),
        ({"profiles": {}, "metadata": {"flattened": False}}, Shape.V2),
        ({"profiles": {}, "metadata": {}}, Shape.V2),
        ({"profiles": {}}, Shape.V2),
        ({"weights": [], "metadata": {}}, Shape.META),
        ({"weights": []}, Shape.META),
    ],
    ids=str,
)
def test_a_shape_is_told_by_content(document: Document, shape: Shape) -> None:
    assert recognise(document) is shape


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"winners": [], "profiles": {}},
        {"profiles": {}, "weights": []},
        {"winners": {}},
        {"weights": {"BINANCE:BTCUSDT": 1}},
        {"profiles": []},
        {"profiles": {}, "metadata": {"flattened": "true"}},
        {"profiles": {}, "metadata": {"flattened": 1}},
        {"meta_profile": "m", "risk_profile": "hrp", "sleeves": []},
        {"BINANCE:BTCUSDT": 1.0},
    ],
    ids=str,
)
def test_any_other_document_is_refused_with_one_code(document: object) -> None:
    with pytest.raises(InputError) as caught:
        recognise(document)
    assert caught.value.code == "SHAPE_UNKNOWN"


@pytest.mark.parametrize(
    ("document", "key", "shape"),
    [
        (good_flattened(), "flattened/hrp", Shape.FLATTENED),
        (good_meta(), "meta_benchmark/hrp", Shape.META),
        (good_atoms(), "v2/hrp", Shape.V2),
    ],
    ids=["flattened", "meta", "raw"],
)
def test_a_shape_the_config_does_not_allow_is_refused(runs: Runs, document: Document, key: str, shape: Shape) -> None:
    path = runs.write(document, name="portfolio_optimized_v3.json")
    outcome = refused(runs.outcome(path, key=key, shapes=frozenset({Shape.V3})))
    assert outcome.code == "SHAPE_NOT_ALLOWED"
    assert f"found {shape}" in outcome.message


def test_a_flattened_file_in_a_run_is_traded_by_its_net_weights(runs: Runs) -> None:
    audited = accepted(runs.outcome(runs.write(good_flattened()), key="flattened/hrp"))
    assert audited.targets == {
        "BINANCE:ETHUSDT": D("-0.09999999999999998"),
        "BINANCE:SOLUSDT": D(0),
        "CME_MINI:ES1!": D("-0.05"),
        "FX_IDC:EURUSD": D("0.25"),
    }
    assert (audited.source_run, audited.grade, audited.shape) == (RUN, Grade.LEDGER_ONLY, Shape.FLATTENED)
    assert (audited.regime_name, audited.generated_ns) == ("NORMAL", STAMP_NS)
    assert audited.fractions == {"flattened/hrp": D(1)}
    assert audited.notes == (
        "flattened/barbell has no capital and is refused: WINNER_EMPTY: none; assets; an engine that failed is no order to sell "
        "was expected",
    )


@pytest.mark.parametrize("key", ["rank:1", "hrp/flattened", "v2/hrp", "flattened/max_sharpe"])
def test_a_flattened_profile_needs_capital_by_its_own_key(runs: Runs, key: str) -> None:
    outcome = refused(runs.outcome(runs.write(good_flattened()), key=key))
    assert outcome.code == "WINNER_MISSING"
    assert "flattened/hrp" in outcome.message


def test_a_skipped_profile_with_capital_is_refused_and_never_a_flatten(runs: Runs) -> None:
    assert refused(runs.outcome(runs.write(good_flattened()), key="flattened/barbell")).code == "WINNER_EMPTY"


def test_a_flattened_file_outside_of_a_run_is_absent(runs: Runs) -> None:
    path = runs.write(good_flattened(), run=None)
    outcome = refused(runs.outcome(path, key="flattened/hrp"))
    assert (outcome.code, outcome.grade) == ("PROVENANCE_BELOW_MINIMUM", Grade.ABSENT)
    assert accepted(runs.outcome(path, key="flattened/hrp", grade_min=Grade.ABSENT)).source_run == "(no run)"


def test_the_run_is_where_the_file_really_lies(runs: Runs) -> None:
    runs.write(good_flattened())
    latest = runs.runs.parent / "latest"
    latest.symlink_to(runs.runs / RUN)
    linked = latest / "data" / "portfolio_flattened.json"
    assert accepted(runs.outcome(linked, key="flattened/hrp")).source_run == RUN
    shutil.copytree(runs.runs / RUN, runs.runs.parent / "copy" / RUN)
    copied = runs.runs.parent / "copy" / RUN / "data" / "portfolio_flattened.json"
    assert refused(runs.outcome(copied, key="flattened/hrp")).code == "PROVENANCE_BELOW_MINIMUM"
    loose = runs.runs / "portfolio_flattened.json"
    loose.write_text(json.dumps(good_flattened()))
    assert refused(runs.outcome(loose, key="flattened/hrp")).code == "PROVENANCE_BELOW_MINIMUM"


def test_a_broken_ledger_of_the_run_is_broken_for_its_flattened_file(runs: Runs) -> None:
    path = runs.write(good_flattened())
    ledger = runs.runs / RUN / "audit.jsonl"
    ledger.write_text(ledger.read_text().replace("optimize_hrp", "optimize_xxx"))
    assert refused(runs.outcome(path, key="flattened/hrp")).grade is Grade.BROKEN


@pytest.mark.parametrize(
    ("regime", "quadrant", "counts"),
    [
        ("TURBULENT", "INFLATIONARY_TREND", "TURBULENT"),
        ("QUIET", None, "QUIET"),
        ("QUIET", "CRISIS", "CRISIS"),
        ("QUIET", "UNKNOWN", "CRISIS"),
        ("calm", "NORMAL", "CRISIS"),
    ],
)
def test_name_and_quadrant_of_a_v2_regime_both_count(runs: Runs, regime: str, quadrant: str | None, counts: str) -> None:
    document = flattened({"hrp": [flat_row("AMEX:SPY", 1.0)]}, regime=regime, quadrant=quadrant)
    assert accepted(runs.outcome(runs.write(document), key="flattened/hrp")).regime_name == counts


FLAT = {"Symbol": "AMEX:SPY", "Weight": 0.5, "Net_Weight": 0.2, "Gross_Weight": 0.5, "Direction": "LONG"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Net_Weight": 0.6}, "MANIFEST_CONTRADICTION"),
        ({"Net_Weight": -0.2}, "MANIFEST_CONTRADICTION"),
        ({"Net_Weight": 0.0}, "MANIFEST_CONTRADICTION"),
        ({"Direction": "FLAT"}, "MANIFEST_CONTRADICTION"),
        ({"Direction": "SHORT"}, "MANIFEST_CONTRADICTION"),
        ({"Gross_Weight": 0.4}, "MANIFEST_CONTRADICTION"),
        ({"Weight": -0.5}, "MANIFEST_CONTRADICTION"),
        ({"Source_Run": "20250101-other"}, "MANIFEST_CONTRADICTION"),
        ({"Net_Weight": 1.5, "Weight": 2, "Gross_Weight": 2}, "MANIFEST_CONTRADICTION"),
        ({"Net_Weight": ...}, "WEIGHT_MISSING"),
        ({"Net_Weight": float("nan")}, "WEIGHT_NOT_FINITE"),
        ({"Gross_Weight": float("inf")}, "WEIGHT_NOT_FINITE"),
        ({"Net_Weight": "0.2"}, "MANIFEST_MALFORMED"),
        ({"Direction": None}, "MANIFEST_MALFORMED"),
        ({"Symbol": "BINANCE:btcusdt"}, "SYMBOL_MALFORMED"),
    ],
    ids=str,
)
def test_a_flattened_row_that_contradicts_itself_refuses_its_profile(runs: Runs, change: Document, code: str) -> None:
    row = {name: value for name, value in (FLAT | change).items() if value is not ...}
    document = flattened({"hrp": [flat_row("AMEX:GLD", 0.2), row], "erc": [flat_row("AMEX:GLD", 0.2)]})
    path = runs.write(document)
    assert refused(runs.outcome(path, key="flattened/hrp")).code == code
    other = accepted(runs.outcome(path, key="flattened/erc"))
    assert other.targets == {"AMEX:GLD": D("0.2")}
    assert code in other.notes[0]


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({}, "0.2"),
        ({"Net_Weight": -0.2, "Direction": "SHORT"}, "-0.2"),
        ({"Net_Weight": 0.5}, "0.5"),
        ({"Net_Weight": 0.0, "Direction": "FLAT"}, "0"),
        ({"Direction": ...}, "0.2"),
        ({"Weight": ..., "Gross_Weight": ...}, "0.2"),
        ({"Cluster_Weight": float("nan"), "Market": None}, "0.2"),
        ({"Source_Run": RUN}, "0.2"),
    ],
    ids=str,
)
def test_a_flattened_row_with_one_meaning_is_accepted(runs: Runs, change: Document, target: str) -> None:
    row = {name: value for name, value in (FLAT | change).items() if value is not ...}
    document = flattened({"hrp": [flat_row("AMEX:GLD", 0.2), row]})
    assert accepted(runs.outcome(runs.write(document), key="flattened/hrp")).targets["AMEX:SPY"] == D(target)


@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("BINANCE:BTCUSDT_momentum_SHORT_1d", "SYMBOL_IS_ATOM"),
        ("FX_IDC:EURUSD_trend_LONG", "SYMBOL_IS_ATOM"),
        ("long_all", "SYMBOL_WITHOUT_EXCHANGE"),
        ("FX", "SYMBOL_WITHOUT_EXCHANGE"),
    ],
)
def test_a_leaked_atom_or_sleeve_refuses_the_whole_flattened_document(runs: Runs, symbol: str, code: str) -> None:
    document = flattened({"hrp": [flat_row("AMEX:GLD", 0.2)], "erc": [flat_row(symbol, 0.2)]})
    outcome = refused(runs.outcome(runs.write(document), key="flattened/hrp"))
    assert outcome.code == code
    assert "in profile erc" in outcome.message


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda d: d["metadata"].update(generated_at=None), "MANIFEST_UNDATED"),
        (lambda d: d["metadata"].update(generated_at=5), "STAMP_MALFORMED"),
        (lambda d: d["metadata"].update(generated_at="2026-02-03 10:00:00.000001+00:00 "), "STAMP_MALFORMED"),
        (lambda d: d["profiles"].update({"a/b": {}}), "WINNER_UNREADABLE"),
        (lambda d: d["profiles"].update(hrp=[]), "MANIFEST_MALFORMED"),
        (lambda d: d["profiles"]["hrp"].update(assets={}), "MANIFEST_MALFORMED"),
        (lambda d: d["profiles"]["hrp"]["assets"].append(5), "SYMBOL_MALFORMED"),
        (lambda d: d["profiles"]["hrp"]["assets"].append(flat_row("FX_IDC:EURUSD", 0.1)), "MANIFEST_CONTRADICTION"),
        (lambda d: d["profiles"].update({f"p{n}": {} for n in range(101)}), "MANIFEST_MALFORMED"),
    ],
    ids=["undated", "stamp a number", "stamp with a tail", "name", "list", "rows", "row", "twice", "too many"],
)
def test_a_spoilt_flattened_document_is_refused(runs: Runs, spoil: Callable[[Document], Any], code: str) -> None:
    document = good_flattened()
    spoil(document)
    assert refused(runs.outcome(runs.write(document), key="flattened/hrp")).code == code


@pytest.mark.parametrize("document", [flattened({}), good_meta() | {"weights": []}], ids=["no profiles", "no weights"])
def test_a_document_without_portfolios_is_held(runs: Runs, document: Document) -> None:
    assert held(runs.outcome(runs.write(document), key="flattened/hrp")).code == "NO_WINNERS"


@pytest.mark.parametrize("stamp", ["2026-02-03T10:00:00.000001", "2026-02-03 10:00:00.000001"], ids=["T", "space"])
def test_both_forms_of_the_documents_stamp_are_read(runs: Runs, stamp: str) -> None:
    document = good_flattened()
    document["metadata"]["generated_at"] = stamp
    path = runs.write(document)
    assert accepted(runs.outcome(path, key="flattened/hrp")).generated_ns == STAMP_NS
    assert held(runs.outcome(path, key="flattened/hrp", now_ns=STAMP_NS + 24 * HOUR_NS + 1)).code == "MANIFEST_STALE"
    assert held(runs.outcome(path, key="flattened/hrp", now_ns=STAMP_NS - 61 * 10**9)).code == "MANIFEST_FROM_FUTURE"


# --- meta ---

META = "meta_benchmark/hrp"
ONLY_PROVEN = frozenset({Shape.META})


def test_a_meta_portfolio_its_sleeves_prove_is_traded(runs: Runs) -> None:
    audited = accepted(runs.outcome(runs.write(good_meta(), name="whatever.json"), key=META, shapes=ONLY_PROVEN))
    assert set(audited.targets) == {"BINANCE:BTCUSDT", "FX_IDC:EURUSD"}
    assert audited.targets["FX_IDC:EURUSD"] == D("-0.1")
    assert (audited.source_run, audited.regime_name, audited.shape) == (RUN, "TURBULENT", Shape.META)
    assert audited.notes == ()
    assert any(name == f"ledger_chain of {SHORT_RUN}" and ok for name, ok, _ in audited.checks)


def test_a_meta_portfolio_is_no_better_than_its_worst_sleeve(runs: Runs) -> None:
    path = runs.write(good_meta())
    (runs.runs / SHORT_RUN / "audit.jsonl").unlink()
    outcome = refused(runs.outcome(path, key=META))
    assert (outcome.code, outcome.grade) == ("PROVENANCE_BELOW_MINIMUM", Grade.ABSENT)


def sleeves(*rows: Document) -> Callable[[Runs], object]:
    return lambda runs: runs.write_sleeves(list(rows))


def sleeve_file(document: object) -> Callable[[Runs], object]:
    return lambda runs: runs.write(document, run=SHORT_RUN)


LONG_SLEEVE = {"id": "long_all", "run_id": LONG_RUN}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda runs: (runs.runs / RUN / "data" / "meta_manifest_meta_benchmark_hrp.json").unlink(),
        sleeves(LONG_SLEEVE),
        sleeves(LONG_SLEEVE, {"id": "short_all", "meta_profile": "nested"}),
        sleeves(LONG_SLEEVE, {"id": "short_all", "run_id": "../../etc"}),
        sleeves(LONG_SLEEVE, {"id": "short_all", "run_id": "20250101-none"}),
        sleeves(LONG_SLEEVE, LONG_SLEEVE, {"id": "short_all", "run_id": SHORT_RUN}),
        lambda runs: (runs.runs / SHORT_RUN / "data" / "portfolio_flattened.json").unlink(),
        sleeve_file(flattened({"erc": [flat_row("AMEX:SPY", 1.0)]})),
        sleeve_file(flattened({"hrp": []})),
        sleeve_file(flattened({"hrp": [flat_row("BINANCE:BTCUSDT_momentum_SHORT_1d", 0.3)]})),
        sleeve_file(good_atoms()),
        sleeve_file({"weights": []}),
        sleeve_file([]),
    ],
    ids=[
        "no list of sleeves",
        "sleeve not listed",
        "nested meta",
        "run with a path",
        "no such run",
        "sleeve listed twice",
        "no flattened file",
        "other profile only",
        "profile without rows",
        "atom left in it",
        "raw atoms",
        "meta file",
        "array",
    ],
)
def test_a_meta_portfolio_without_evidence_needs_an_opt_in(runs: Runs, spoil: Callable[[Runs], object]) -> None:
    path = runs.write(good_meta(), name="meta.json")
    spoil(runs)
    assert refused(runs.outcome(path, key=META, shapes=ONLY_PROVEN)).code == "META_UNPROVEN"
    audited = accepted(runs.outcome(path, key=META, shapes=frozenset({Shape.META_UNPROVEN})))
    assert audited.regime_name == "CRISIS"
    assert audited.notes[0].startswith("meta portfolio without evidence of its sleeves")


def lost_short() -> Document:
    """What the platform's fallback makes of a short atom: long, with its whole weight."""
    document = good_meta()
    document["weights"] = [meta_row("BINANCE:BTCUSDT", 0.46), meta_row("FX_IDC:EURUSD", 0.1)]
    return document


def cut_exchange() -> Document:
    document = good_meta()
    document["weights"][1]["Symbol"] = "FX:EURUSD"
    return document


def one_missing() -> Document:
    document = good_meta()
    del document["weights"][1]
    return document


@pytest.mark.parametrize("made", [lost_short, cut_exchange, one_missing])
@pytest.mark.parametrize("shapes", [ONLY_PROVEN, frozenset({Shape.META_UNPROVEN})], ids=["proven only", "opted in"])
def test_sleeves_that_say_otherwise_refuse_a_meta_portfolio_always(
    runs: Runs, made: Callable[[], Document], shapes: frozenset[Shape]
) -> None:
    assert refused(runs.outcome(runs.write(made(), name="meta.json"), key=META, shapes=shapes)).code == "META_CONTRADICTED"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda d: d["weights"][0].update(Weight=0.5), "MANIFEST_CONTRADICTION"),
        (lambda d: d["weights"][0].update(Direction="SHORT"), "MANIFEST_CONTRADICTION"),
        (lambda d: d["weights"].append(d["weights"][0]), "MANIFEST_CONTRADICTION"),
        (lambda d: d["weights"][0].update(Symbol="long_all"), "SYMBOL_WITHOUT_EXCHANGE"),
        (lambda d: d["weights"][0].update(Symbol="BINANCE:BTCUSDT_trend_LONG"), "SYMBOL_IS_ATOM"),
        (lambda d: d["weights"].append(1), "SYMBOL_MALFORMED"),
        (lambda d: d["metadata"].update(meta_profile="a b"), "MANIFEST_MALFORMED"),
        (lambda d: d["metadata"].pop("risk_profile"), "MANIFEST_MALFORMED"),
        (lambda d: d.pop("metadata"), "MANIFEST_MALFORMED"),
        (lambda d: d["metadata"].update(sleeve_weights={}), "META_UNPROVEN"),
        (lambda d: d["metadata"].update(sleeve_weights={"long_all": float("nan")}), "META_UNPROVEN"),
    ],
    ids=[
        "gross",
        "side",
        "twice",
        "sleeve id",
        "atom",
        "number",
        "name",
        "no profile",
        "no metadata",
        "no sleeves",
        "NaN sleeve",
    ],
)
def test_a_spoilt_meta_document_is_refused(runs: Runs, spoil: Callable[[Document], Any], code: str) -> None:
    document = good_meta()
    spoil(document)
    assert refused(runs.outcome(runs.write(document), key=META, shapes=ONLY_PROVEN)).code == code


def test_the_list_of_sleeves_itself_is_refused_by_its_first_sleeve_id(runs: Runs) -> None:
    document = {
        "metadata": {"source": "x", "meta_profile": "m", "risk_profile": "hrp", "run_id": RUN},
        "weights": [meta_row("long_all", 0.6), meta_row("short_all", 0.4)],
    }
    assert refused(runs.outcome(runs.write(document), key="m/hrp")).code == "SYMBOL_WITHOUT_EXCHANGE"


# --- raw atoms ---


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [
        ("BINANCE:BTCUSDT_rating_all_short_SHORT", ("BINANCE:BTCUSDT", -1)),
        ("BINANCE:ETHUSDT_momentum_SHORT_1d", ("BINANCE:ETHUSDT", -1)),
        ("BINANCE:ETHUSDT_momentum_LONG_15m", ("BINANCE:ETHUSDT", 1)),
        ("FX_IDC:EURUSD_trend_LONG", ("FX_IDC:EURUSD", 1)),
        ("CME_MINI:ES1!_vol_breakout_SHORT", ("CME_MINI:ES1!", -1)),
        ("BINANCE:BTCUSDT.P_my own text_LONG", ("BINANCE:BTCUSDT.P", 1)),
        ("X:A_b_LONG_c_SHORT", ("X:A", -1)),
        ("FX_IDC:EURUSD", None),
        ("NSE:M_M", None),
    ],
)
def test_an_atom_is_split_behind_the_colon(symbol: str, parts: tuple[str, int] | None) -> None:
    assert split_atom(symbol) == parts


@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("BINANCE:BTCUSDT_LONG", "SYMBOL_IS_ATOM"),
        ("BTCUSDT_trend_LONG", "SYMBOL_WITHOUT_EXCHANGE"),
        ("binance:btcusdt_trend_LONG", "SYMBOL_MALFORMED"),
        ("BINANCE:BTCUSDT_trend_long", "SYMBOL_MALFORMED"),
        ("BINANCE:BTCUSDT_trend_SHORT_1y", "SYMBOL_MALFORMED"),
    ],
)
def test_what_looks_like_an_atom_and_is_none_is_refused(symbol: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        split_atom(symbol)
    assert caught.value.code == code


def raw(*rows: Document) -> Document:
    document = good_atoms()
    document["profiles"] = {"hrp": {"assets": list(rows), "clusters": []}}
    document["metadata"]["generated_at"] = "2026-02-03T10:00:00.000001"
    return document


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", 0.3, Direction="SHORT"), "ATOM_NOT_NORMALISED"),
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", 0.3, Net_Weight=-0.3), "ATOM_NOT_NORMALISED"),
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", 0.3, Net_Weight=-0.3, Direction="SHORT"), "ATOM_NOT_NORMALISED"),
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", 0.3, Direction="FLAT", Net_Weight=0), "ATOM_NOT_NORMALISED"),
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", float("nan")), "WEIGHT_NOT_FINITE"),
        (atom_row("BINANCE:BTCUSDT_LONG", 0.3), "SYMBOL_IS_ATOM"),
        (atom_row("long_all", 0.3), "SYMBOL_WITHOUT_EXCHANGE"),
        (atom_row("AMEX:SPY", 0.3, Direction="SHORT"), "MANIFEST_CONTRADICTION"),
        (atom_row("BINANCE:ETHUSDT_trend_LONG", 0.5), "MANIFEST_CONTRADICTION"),
        (atom_row("BINANCE:ETHUSDT_momentum_LONG", 0.7), "MANIFEST_CONTRADICTION"),
        (atom_row("BINANCE:BTCUSDT_trend_SHORT", 0.3, Source_Run="other"), "MANIFEST_CONTRADICTION"),
        ({"Symbol": "BINANCE:BTCUSDT_trend_LONG"}, "WEIGHT_MISSING"),
        ({"Symbol": None}, "SYMBOL_MALFORMED"),
    ],
    ids=str,
)
def test_an_atom_that_is_not_synthetic_long_refuses_its_profile(runs: Runs, row: Document, code: str) -> None:
    path = runs.write(raw(atom_row("BINANCE:ETHUSDT_trend_LONG", 0.5), row))
    assert refused(runs.outcome(path, key="v2/hrp")).code == code


def test_atoms_and_physical_rows_of_one_symbol_are_netted_exactly(runs: Runs) -> None:
    path = runs.write(
        raw(
            atom_row("FX_IDC:EURUSD_trend_LONG", 0.1),
            atom_row("FX_IDC:EURUSD_trend_SHORT_4h", 0.3),
            {"Symbol": "FX_IDC:EURUSD", "Weight": 0.05, "Net_Weight": -0.05, "Direction": "SHORT"},
            {"Symbol": "BINANCE:SOLUSDT_trend_SHORT", "Weight": 0.2},
        )
    )
    audited = accepted(runs.outcome(path, key="v2/hrp"))
    assert audited.targets == {"FX_IDC:EURUSD": D("-0.25"), "BINANCE:SOLUSDT": D("-0.2")}
    assert audited.notes == ("raw v2: strategy atoms were flattened by their suffix",)
