"""What `sluice backtest` says: words, JSON, CSV and page agree, and the limits of the data stand in each."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from orders.caveats import MEANINGS, NOT_STATED, Caveat

ROOT = Path(__file__).resolve().parents[2]
D = Decimal
CRYPTO = ROOT / "data/configs/crypto.toml"
PAGE = (ROOT / "data" / "README.md").read_text()
CAVEATS = ["survivorship_bias", "closes_only", "adjusted_prices", "synthetic_spread", "no_depth", "handwritten_limits"]


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def config(folder: Path, *, caveats: str | None = "kept") -> Path:
    """The shipped config cut to spring 2022; `caveats` None: without its table, else other words for it."""
    text = (ROOT / "data/configs/backtest.toml").read_text()
    text = text.replace("start = 2019-01-31", "start = 2022-02-28").replace("end = 2022-12-28", "end = 2022-05-31")
    if caveats != "kept":
        text = re.sub(r"\n\[data\.caveats\].*?\n\n", lambda found: f"\n{caveats or ''}\n", text, flags=re.DOTALL)
    path = folder / "spring.toml"
    path.write_text(text)
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["backtest", *arguments]) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("result")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert (
                run(["backtest", str(config(folder)), "--output", str(folder / "run"), "--csv", str(folder / "csv"), "--json"])
                == 0
            )
    return json.loads(out.getvalue()), folder


def test_json_has_every_part_of_the_result(result: tuple[dict[str, Any], Path]) -> None:
    found, folder = result
    assert [row["multiple"] for row in found["cost_stress"]] == ["1", "2", "3"]
    assert [caveat["name"] for caveat in found["caveats"]] == CAVEATS
    assert all(caveat["meaning"] == MEANINGS[Caveat(caveat["name"])] for caveat in found["caveats"])
    assert found["tearsheet"] == str(folder / "run" / "tearsheet.html")
    assert found["cost_stress"][0]["pnl"] == found["pnl"]
    assert D(found["equity_end"]) - D(found["equity_start"]) == D(found["pnl"])
    assert {"days", "months", "winners", "performance", "fees", "spread", "slippage", "financing", "refusals"} <= found.keys()


def test_tables_say_what_json_says(result: tuple[dict[str, Any], Path]) -> None:
    found, folder = result
    tables = {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in (folder / "csv").iterdir()}
    for name, key in (
        ("equity", "days"),
        ("monthly", "months"),
        ("costs", "cost_stress"),
        ("winners", "winners"),
        ("caveats", "caveats"),
    ):
        rows = [{column: "" if value is None else str(value) for column, value in row.items()} for row in found[key]]
        assert tables.pop(name) == rows
    assert tables == {}


def test_a_stressed_run_leaves_no_other_record(result: tuple[dict[str, Any], Path]) -> None:
    _, folder = result
    lines = [json.loads(line) for line in (folder / "run" / "execution_logs.jsonl").read_text().splitlines()]
    assert sum(line["type"] == "run_start" for line in lines) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["csv", "run", "spring.toml"]


def test_words_have_the_limits_and_the_costs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = said(capsys, str(config(tmp_path)), "--output", str(tmp_path / "run"), "--no-tearsheet", "--stress", "1,10")
    limits = [line for line in text.splitlines() if line.startswith("limits ")]
    assert "20 names that were still in the S&P 500 when the data end, in December 2022" in limits[0]
    assert len(limits) == len(CAVEATS)
    assert re.search(r"^10x +[0-9,.]+ ", text, re.MULTILINE)
    assert not (tmp_path / "run" / "tearsheet.html").exists()


def test_no_stress_runs_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = json.loads(
        said(capsys, str(config(tmp_path)), "--output", str(tmp_path / "run"), "--no-tearsheet", "--no-stress", "--json")
    )
    assert (found["cost_stress"], found["break_even_multiple"], found["tearsheet"]) == ([], None, None)


@pytest.mark.parametrize(
    ("caveats", "stated", "words"),
    [(None, None, NOT_STATED), ("[data.caveats]\n", [], "none, says the config")],
    ids=["nothing is stated", "none is stated"],
)
def test_silence_about_limits_is_not_their_absence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, caveats: str | None, stated: Any, words: str
) -> None:
    path = config(tmp_path, caveats=caveats)
    plain = ["--no-tearsheet", "--no-stress"]
    assert f"limits         {words}" in said(capsys, str(path), "--output", str(tmp_path / "a"), *plain).splitlines()
    assert json.loads(said(capsys, str(path), "--output", str(tmp_path / "b"), "--json", *plain))["caveats"] == stated


@pytest.mark.parametrize(
    "caveats",
    [
        '[data.caveats]\nsurvivorship = "x"\n',
        '[data.caveats]\ngaps = ""\n',
        '[data.caveats]\ngaps = "a\\nb"\n',
        "[data.caveats]\ngaps = 1\n",
    ],
    ids=["unknown name", "no words", "two lines", "not text"],
)
def test_a_caveat_that_cannot_be_said_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, caveats: str) -> None:
    assert run(["backtest", str(config(tmp_path, caveats=caveats)), "--output", str(tmp_path / "run")]) == 2
    assert "data.caveats" in capsys.readouterr().err


def test_every_caveat_has_a_meaning_and_is_documented_with_it() -> None:
    section = PAGE.partition("### Caveats")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", section, re.MULTILINE))
    assert rows == {caveat.value: MEANINGS[caveat] for caveat in Caveat}


def test_every_column_is_documented(result: tuple[dict[str, Any], Path]) -> None:
    _, folder = result
    for path in (folder / "csv").iterdir():
        section = PAGE.partition(f"### `{path.name}`")[2].partition("\n## ")[0].partition("\n### ")[0]
        cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        assert [name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)] == path.read_text().splitlines()[0].split(
            ","
        )


def test_a_shadow_ends_with_the_limits_of_its_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = re.sub(r'"data/lakehouse[^"/]*(/[^"]*)?"', lambda found: f'"{tmp_path / "lake"}{found[1] or ""}"', CRYPTO.read_text())
    (tmp_path / "crypto.toml").write_text(text.replace("market_speed = 10 ", "market_speed = 1200 "))
    assert run(["shadow", str(tmp_path / "crypto.toml"), "--json"]) == 0
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert end["type"] == "end"
    assert sorted(end["caveats"]) == ["handwritten_limits", "no_depth", "synthetic_prices", "synthetic_spread"]
