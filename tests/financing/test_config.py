"""`[assumptions.financing]`: nothing of it has a default, and what is wrong is said with the key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from lakehouse.funding_series import read_funding_series
from orders.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [path for path in sorted((ROOT / "data/configs").glob("*.toml")) if not path.name.endswith("symbols.toml")]
SHADOW = ROOT / "data/configs/shadow.toml"


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_says_what_holding_costs(path: Path) -> None:
    config = load_config(path)
    terms = config.financing()
    assert set(config.venues) <= set(terms.borrow)
    assert {code for row in config.starting_cash().values() for code in row} <= set(terms.interest)


PROBLEMS = [
    ("no financing at all", "[assumptions.financing]", "[assumptions.fees.XX]", "assumptions", "financing"),
    ("a venue without borrow", 'US = "0"', "", "assumptions.financing.borrow", "has no entry for venue US"),
    ("a currency without interest", "interest.USD]", "interest.EUR]", "assumptions.financing.interest", "has no entry for USD"),
    ("no debit rate", 'debit_fraction = "0"', "", "debit_fraction", "missing"),
    ("a percentage", 'debit_fraction = "0"', 'debit_fraction = "5"', "debit_fraction", "2 % is 0.02"),
    ("a negative rate", 'credit_fraction = "0"', 'credit_fraction = "-0.01"', "credit_fraction", "0 or more"),
    ("another day count", '"act/365"', '"30/360"', "day_count", "act/365, act/360"),
    ("a time that is none", 'accrue_at = "17:00"', 'accrue_at = "24:00"', "accrue_at", "a local time"),
    ("borrow of nothing known", 'US = "0"', 'US = "0"\nEU = "0"', "borrow.EU", "no venue of this config"),
    (
        "funding of a share", "[symbols]",
        '[assumptions.financing.funding."NASDAQ:AAPL"]\nrate = "0.1"\ninterval_h = 8\n[symbols]', "funding", "no perpetual",
    ),
    (
        "a rate and a series", "[symbols]",
        '[assumptions.financing.funding."NASDAQ:AAPL"]\nrate = "0.1"\nseries = "x"\ninterval_h = 8\n[symbols]', "funding",
        "not both",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "words"), [row[1:] for row in PROBLEMS], ids=[row[0] for row in PROBLEMS])
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    text = SHADOW.read_text()
    assert old in text
    path = tmp_path / "run.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigInvalid) as refused:
        load_config(path)
    assert any(key in problem.key and words in f"{problem.key} {problem.message}" for problem in refused.value.problems), str(
        refused.value
    )


def test_a_series_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    path.write_text("ts_ns,rate\n28800000000000,0.0001\n57600000000000,-0.00003\n")
    assert read_funding_series(path) == {28800000000000: Decimal("0.0001"), 57600000000000: Decimal("-0.00003")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "found none"),
        ("", "header"),
        ("ts_ns,rate\n", "a row"),
        ("ts,rate\n1,0.1\n", "header"),
        ("ts_ns,rate\n1,0.1\n1,0.1\n", "line 3"),
        ("ts_ns,rate\n1,NaN\n", "line 2"),
        ("ts_ns,rate\n1,1\n", "between -1 and 1"),
        ("ts_ns,rate\n1\n", "line 2"),
        ("ts_ns,rate\nx,0.1\n", "line 2"),
    ],
    ids=["absent", "empty", "no rows", "another header", "an instant twice", "not a number", "too large", "short", "no instant"],
)
def test_a_spoilt_series_is_refused_with_its_line(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "series.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="FUNDING_SERIES") as refused:
        read_funding_series(path)
    assert words in str(refused.value)
