"""A manifest's returns hash against the run's ledger and against the table, as far as config asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakehouse.manifest import AuditedManifest, read_manifest
from lakehouse.provenance import Provenance, ProvenancePolicy, grade_run
from lakehouse.returns_check import RETURNS_PATH, ReturnsCheck
from orders.values import Grade
from tests.lakehouse_in.conftest import GENERATED_NS

if TYPE_CHECKING:
    from conftest import Lake

RETURNS = "9eb1e9f6c2870b3c782b589f421b35cebe0472af1c5a300317cef1f061ef1ab9"  # of `table`, and named by the golden ledger
BARBELL = ("custom", "barbell")


def table(last: float = float("nan")) -> pd.DataFrame:
    days = pd.DatetimeIndex(["2026-01-05", "2026-01-06"], tz="UTC")
    return pd.DataFrame({"BINANCE:BTCUSDT": [0.01, -0.02], "BINANCE:ETHUSDT": [0.0, last]}, index=days)


def policy(lake: Lake, asked: ReturnsCheck, file: Path | None = None) -> ProvenancePolicy:
    name = None if file is None else str(file)
    return ProvenancePolicy(runs_directory=str(lake.runs), grade_min=Grade.ABSENT, returns=asked, returns_file=name)


def graded(lake: Lake, asked: ReturnsCheck, *, named: str | None = RETURNS, file: Path | None = None) -> Provenance:
    return grade_run(lake.run, winners=(BARBELL,), policy=policy(lake, asked, file), returns_hashes=[named])


@pytest.mark.parametrize(
    ("asked", "named", "grade", "failed"),
    [
        (ReturnsCheck.NOTED, RETURNS, Grade.VERIFIED, []),
        (ReturnsCheck.NOTED, "0" * 64, Grade.VERIFIED, []),
        (ReturnsCheck.NOTED, None, Grade.VERIFIED, []),
        (ReturnsCheck.LEDGER, RETURNS, Grade.VERIFIED, []),
        (ReturnsCheck.LEDGER, "0" * 64, Grade.LEDGER_ONLY, ["returns_hash_in_ledger"]),
        (ReturnsCheck.LEDGER, None, Grade.LEDGER_ONLY, ["returns_hash_in_ledger"]),
    ],
    ids=["noted", "noted and wrong", "noted and not named", "in the ledger", "not in the ledger", "not named"],
)
def test_the_ledger_must_name_it_where_config_asks(
    lake: Lake, asked: ReturnsCheck, named: str | None, grade: Grade, failed: list[str]
) -> None:
    proven = graded(lake, asked, named=named)
    assert (proven.grade, [name for name, _, _ in proven.failures]) == (grade, failed)


def test_one_of_two_winners_without_a_hash_fails_the_check(lake: Lake) -> None:
    winners = (BARBELL, ("riskfolio", "hrp"))
    proven = grade_run(lake.run, winners=winners, policy=policy(lake, ReturnsCheck.LEDGER), returns_hashes=[RETURNS, None])
    assert proven.grade is Grade.LEDGER_ONLY
    assert proven.reasons == "returns_hash_in_ledger: a winner names no source_returns_hash"


def of_shape(path: Path) -> None:
    """Labels of two kinds, one twice: the platform hashes the shape of such a table and nothing else."""
    pd.DataFrame({"a": [1.0, 2.0]}, index=pd.DatetimeIndex(["2020-01-01", None])).to_parquet(path)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: table().to_parquet(path), ""),
        (lambda path: table(0.0).to_parquet(path), f"{RETURNS}, "),
        (lambda path: path.write_bytes(b"PAR1"), "NOT_PARQUET"),
        (lambda path: None, "VANISHED"),
        (lambda path: os.mkfifo(path), "NOT_A_FILE"),
        (lambda path: path.symlink_to("/etc/hostname"), "ESCAPES"),
        (of_shape, "none (TypeError"),
    ],
    ids=["the table", "another table", "no Parquet", "no file", "a pipe", "a link out", "a table of no content hash"],
)
@pytest.mark.parametrize("named_file", [False, True], ids=["of the run", "named by config"])
def test_the_table_must_have_it_where_config_asks(
    lake: Lake, tmp_path: Path, write: Callable[[Path], object], words: str, named_file: bool
) -> None:
    path = tmp_path / "portfolio_returns.parquet" if named_file else lake.runs / lake.run / RETURNS_PATH
    write(path)
    proven = graded(lake, ReturnsCheck.FILE, file=path if named_file else None)
    assert proven.grade is (Grade.LEDGER_ONLY if words else Grade.VERIFIED)
    assert words in proven.reasons
    assert {name for name, _, _ in proven.failures} == ({"returns_hash_of_file"} if words else set())


def test_a_hash_that_names_the_shape_only_is_called_that(lake: Lake) -> None:
    from lakehouse.df_hash import shape_hash

    table().to_parquet(lake.runs / lake.run / RETURNS_PATH)
    proven = graded(lake, ReturnsCheck.FILE, named=shape_hash(table()))
    assert "names only the shape of" in proven.reasons


def test_a_manifest_is_graded_by_the_hash_it_names(lake: Lake) -> None:
    for asked, grade in ((ReturnsCheck.LEDGER, Grade.VERIFIED), (ReturnsCheck.FILE, Grade.LEDGER_ONLY)):
        outcome = read_manifest(
            lake.manifest, policy=lake.policy(), market_now_ns=GENERATED_NS + 1, provenance=policy(lake, asked)
        )
        assert isinstance(outcome, AuditedManifest)
        assert outcome.grade is grade
    assert outcome.failed_checks == ("returns_hash_of_file",)
