"""The faults the platform's own ledger writer is known to make: each has its name, its grade, and both reach who must act."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.manifest import AuditedManifest, ManifestRefused
from lakehouse.platform_ledger import FAULTS, REMARKS, verify_platform_ledger
from orders.values import Grade
from tests.gate.world import BTC as BITCOIN
from tests.gate.world import RUNS, SOURCE_RUN, World, manifest_text, quote, run_backtest
from tests.lakehouse_in.conftest import RUN

if TYPE_CHECKING:
    from conftest import Lake

LEDGERS = Path(__file__).parents[1] / "golden" / "ledgers"
PAGE = Path(__file__).parents[2] / "data" / "README.md"

BROKEN = {
    "restart_after_blank_line": ("BLANK_LINE", "CHAIN_RESTART"),
    "blank_last_line": ("BLANK_LINE",),
    "fork": ("FORK",),
    "int_keys": ("INT_KEYS",),
    "torn_line": ("TORN_LINE",),
    "cut_inside_a_line": ("TORN_LINE",),
    "tampered_line": ("HASH_MISMATCH",),
    "removed_line": ("BROKEN_LINK",),
    "empty": ("NO_RECORDS",),
}
SOUND = {
    "sound": ((), Grade.VERIFIED),
    "no_genesis": (("GENESIS_MISSING",), Grade.VERIFIED),
    "several_geneses": (("GENESIS_REPEATED",), Grade.VERIFIED),
    "nan_metrics": ((), Grade.VERIFIED),
    "cut_between_lines": ((), Grade.LEDGER_ONLY),  # the chain cannot show it; the success it cut off is missed
}


def ledger(name: str) -> bytes:
    return (LEDGERS / f"{name}.jsonl").read_bytes()


def test_every_golden_ledger_has_its_case() -> None:
    assert {path.stem for path in LEDGERS.glob("*.jsonl")} == BROKEN.keys() | SOUND.keys()


@pytest.mark.parametrize(("name", "codes"), BROKEN.items(), ids=list(BROKEN))
def test_a_known_fault_is_called_by_its_name_and_breaks_the_run(lake: Lake, name: str, codes: tuple[str, ...]) -> None:
    lake.ledger.write_bytes(ledger(name))
    refused = lake.outcome(grade_min=Grade.LEDGER_ONLY)
    assert isinstance(refused, ManifestRefused)
    assert (refused.code, refused.grade, refused.ledger_faults) == ("PROVENANCE_BELOW_MINIMUM", Grade.BROKEN, codes)
    assert refused.failed_checks[0] == "ledger_chain"
    assert [code for code in codes if not re.search(rf"{code} in line \d", refused.message)] == []


@pytest.mark.parametrize(("name", "expected"), SOUND.items(), ids=list(SOUND))
def test_what_only_looks_like_a_fault_is_none(lake: Lake, name: str, expected: tuple[tuple[str, ...], Grade]) -> None:
    lake.ledger.write_bytes(ledger(name))
    report = verify_platform_ledger(ledger(name))
    assert (report.ok, tuple(remark.code for remark in report.remarks)) == (True, expected[0])
    accepted = lake.outcome(grade_min=expected[1])
    assert isinstance(accepted, AuditedManifest)
    assert (accepted.grade, accepted.ledger_faults) == (expected[1], ())
    told = next(found for name, _, found in accepted.checks if name == "ledger_chain")
    assert [code for code in expected[0] if code not in told] == []


@pytest.mark.parametrize("name", ["fork", "restart_after_blank_line"])
def test_a_run_that_is_broken_and_allowed_is_traded_with_its_faults_told(lake: Lake, name: str) -> None:
    lake.ledger.write_bytes(ledger(name))
    accepted = lake.outcome(grade_min=Grade.BROKEN)
    assert isinstance(accepted, AuditedManifest)
    assert accepted.ledger_faults == BROKEN[name]
    assert accepted.grade_text.startswith(f"run {RUN} graded BROKEN: ledger_chain: {BROKEN[name][0]} in line ")


def made_day(tmp_path: Path, *, ledger_name: str, grade_min: str) -> World:
    """A made day whose manifest names a run with one of these ledgers."""
    world = World(tmp_path, quotes=[quote(BITCOIN, at_ms) for at_ms in range(0, 2500, 100)]).write()
    run = tmp_path / "runs" / RUN
    (run / "data").mkdir(parents=True)
    (run / "audit.jsonl").write_bytes(ledger(ledger_name))
    (run / "data" / "tournament_candidates.csv").write_text("engine,profile,is_candidate\ncustom,equal_weight,True\n")
    text = world.config_path.read_text().replace(str(RUNS), str(tmp_path / "runs"))
    world.config_path.write_text(text.replace('provenance_min = "VERIFIED"', f'provenance_min = "{grade_min}"'))
    return world


@pytest.mark.parametrize(
    ("grade_min", "decision", "fills"), [("VERIFIED", "REFUSED", False), ("BROKEN", "ACCEPTED", True)], ids=["refused", "allowed"]
)
def test_the_journals_manifest_line_names_the_faults(tmp_path: Path, grade_min: str, decision: str, fills: bool) -> None:
    world = made_day(tmp_path, ledger_name="restart_after_blank_line", grade_min=grade_min)
    path = world.save("m.json", manifest_text({BITCOIN.symbol: "0.2"}).replace(SOURCE_RUN, RUN))
    lines = run_backtest(world, [(0, path)]).lines
    (line,) = [line for line in lines if line["type"] == "manifest"]
    assert (line["decision"], line["grade"], line["failed_checks"], line["ledger_faults"]) == (
        decision,
        "BROKEN",
        ["ledger_chain"],
        ["BLANK_LINE", "CHAIN_RESTART"],
    )
    assert "BLANK_LINE in line 3, CHAIN_RESTART in line 4" in line["message"]
    assert any(line["type"] == "fill" for line in lines) is fills


def test_every_name_is_documented_with_what_it_means_for_the_grade() -> None:
    page = PAGE.read_text()
    for names, grade in ((FAULTS, "BROKEN"), (REMARKS, "none")):
        for name in names:
            row = re.search(rf"^\| `{name}` \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
            assert row is not None, name
            assert row.group(2).strip() == grade
