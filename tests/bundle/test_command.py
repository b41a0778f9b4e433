"""`sluice bundle` through the command line: made once, shown, proven, compared; every refusal in one breath, with its code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.main import run
from lakehouse.bundles import HEAD, make_bundle
from tests.bundle.made import ROOT, shipped, tiny, written
from tests.bundle.test_files import TAMPERED


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


class Told:
    """One command line, and what it printed."""

    def __init__(self, capfd: pytest.CaptureFixture[str], *words: str | Path) -> None:
        self.code = run([str(word) for word in words])
        self.out, self.err = capfd.readouterr()

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def test_create_writes_once_and_prints_the_hash(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path)
    first = Told(capfd, "bundle", "create", config, "--json")
    second = Told(capfd, "bundle", "create", config, "--json")
    assert (first.code, second.code) == (0, 0)
    assert first.document | {"new": False} == second.document
    assert first.document["new"] is True
    directory = Path(first.document["directory"])
    assert directory == tmp_path / "lake/bundles" / first.document["sha256"]
    shown = Told(capfd, "bundle", "show", directory, "--json").document
    assert shown["parts"] == first.document["parts"]
    assert shown["says"]["environment"] == "paper-sp500"
    assert shown["says"]["data_end"] == "2022-06-02"
    words = Told(capfd, "bundle", "create", config)
    assert "was there, and every part is as its hash says" in words.out
    assert all(name in words.out for name in ("assumptions", "code", "config", "data", "limits", "market_limits/US", "symbols"))


def test_verify_with_a_config_looks_where_that_config_wrote_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path)
    made = Told(capfd, "bundle", "create", config, "--json").document["sha256"]
    assert Told(capfd, "bundle", "verify", made, "--config", config).code == 0
    elsewhere = Told(capfd, "bundle", "verify", made, "--config", config, "--lakehouse", tmp_path / "other")
    assert (elsewhere.code, "BUNDLE_UNKNOWN" in elsewhere.err, "--lakehouse" in elsewhere.err) == (2, True, True)


def test_show_finds_it_by_its_first_digits_and_prints_a_part_as_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    directory = written(tmp_path, tiny())
    where = ("--lakehouse", tmp_path)
    part = Told(capfd, "bundle", "show", directory.name[:8], "--part", "limits", *where)
    assert (part.code, part.out) == (0, tiny().parts["limits"].data.decode() + "\n")
    refused = Told(capfd, "bundle", "show", directory.name[:8], "--part", "nonsense", *where)
    assert refused.code == 2
    assert "BUNDLE_PART_UNKNOWN" in refused.err


def test_a_bundle_that_says_something_else_is_shown_by_a_refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    directory = written(tmp_path, make_bundle({"x": {"a": 1}}))
    refused = Told(capfd, "bundle", "show", directory)
    assert refused.code == 1
    assert "BUNDLE_MALFORMED" in refused.err


def test_verify_of_a_sound_bundle_says_how_much_holds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = Told(capfd, "bundle", "verify", written(tmp_path, tiny()))
    assert told.code == 0
    assert "3 parts are as their hashes say" in told.out


@pytest.mark.parametrize(("tamper", "code"), TAMPERED.values(), ids=TAMPERED)
def test_verify_of_a_tampered_bundle_exits_1_with_its_code_and_no_traceback(
    tamper: Any, code: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = written(tmp_path, tiny())
    tamper(directory)
    told = Told(capfd, "bundle", "verify", directory.name[:12], "--lakehouse", tmp_path)
    assert told.code == 1
    assert told.err.split()[:2] == ["error", code]
    assert told.err.count("\n") == 1


def test_verify_against_a_config_names_what_differs_with_both_values(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path)
    sha256 = Told(capfd, "bundle", "create", config, "--json").document["sha256"]
    same = Told(capfd, "bundle", "verify", sha256, "--lakehouse", tmp_path / "lake", "--config", config)
    assert same.code == 0
    assert f"same     {config} is what it says" in same.out
    shipped(tmp_path, max_leverage='"2"', seed="7")
    told = Told(capfd, "bundle", "verify", sha256, "--lakehouse", tmp_path / "lake", "--config", config, "--json")
    assert told.code == 3
    found = {part["name"]: [(one["key"], one["old"], one["new"]) for one in part["changes"]] for part in told.document["differs"]}
    assert found == {"limits": [("max_leverage", "1.05", "2")], "assumptions": [("seed", "1", "7")]}


def test_diff_shows_each_changed_key_with_old_and_new(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = [
        Told(capfd, "bundle", "create", shipped(tmp_path, **changed), "--json").document["sha256"]
        for changed in ({}, {"day_loss_max_fraction": '"0.2"', "top_ups_max": "4", "latency_ms": '"50"'})
    ]
    told = Told(capfd, "bundle", "diff", *(sha256[:10] for sha256 in made), "--lakehouse", tmp_path / "lake")
    assert told.code == 0
    rows = [line.split() for line in told.out.splitlines()]
    assert ["policy.top_ups_max", "3", "4"] in rows
    assert ["day_loss_max_fraction", "0.1", "0.2"] in rows
    assert ["latency_ns", "40000000", "50000000"] in rows
    assert rows[-1] == ["same", "code,", "data,", "market_limits/US,", "schedules,", "symbols"]
    document = Told(capfd, "bundle", "diff", *made, "--lakehouse", tmp_path / "lake", "--json").document
    assert {part["name"] for part in document["parts"] if part["state"] == "changed"} == {"assumptions", "config", "limits"}
    assert (document["old"], document["new"]) == tuple(made)


def test_diff_says_which_parts_came_and_went_and_which_names_of_a_list(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    old = written(tmp_path, tiny())
    new = written(
        tmp_path,
        make_bundle(
            {"limits": {"max_leverage": "1.05", "allow": {"US": ["NASDAQ:AAPL", "NYSE:GE"]}}, "data": 1, "hours/US": {"a": []}}
        ),
    )
    document = Told(capfd, "bundle", "diff", old, new, "--json").document
    found = {part["name"]: part for part in document["parts"]}
    assert {name: part["state"] for name, part in found.items()} == {
        "limits": "changed",
        "data": "changed",
        "hours/US": "added",
        "market_limits/US": "removed",
    }
    assert found["limits"]["changes"] == [
        {"key": "allow.US", "old": "NYSE:XOM", "new": "(not there)"},
        {"key": "allow.US", "old": "(not there)", "new": "NYSE:GE"},
    ]
    words = Told(capfd, "bundle", "diff", old, new)
    assert "removed  market_limits/US" in words.out


def test_days_of_prices_may_be_said_beside_the_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = Told(capfd, "bundle", "create", shipped(tmp_path), "--data", "2022-04-01..2022-05-01", "--json")
    assert (told.document["says"]["data_start"], told.document["says"]["data_end"]) == ("2022-04-01", "2022-05-01")


@pytest.mark.parametrize("window", ["2022-05-01..2022-04-01", "2022-04-01", "2022-13-01..2022-14-01", "yesterday..today", ".."])
def test_days_that_are_none_or_in_disorder_are_a_usage_error(
    window: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told(capfd, "bundle", "create", shipped(tmp_path), "--data", window)
    assert told.code == 2
    assert "2022-03-31..2022-06-02" in told.err


def test_prices_that_are_not_there_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = shipped(tmp_path)
    config.write_text(config.read_text().replace("data/samples/sp500/closes.csv.gz", "no/such/file"))
    told = Told(capfd, "bundle", "create", config)
    assert told.code == 2
    assert "BUNDLE_NO_PRICES" in told.err or "path" in told.err


@pytest.mark.parametrize("words", [("show",), ("verify",), ("diff", "abcd")], ids=["show", "verify", "diff"])
def test_a_bundle_nobody_has_is_refused_by_every_command(
    words: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told(capfd, "bundle", words[0], *words[1:], "abcd", "--lakehouse", tmp_path)
    assert told.code == 2
    assert "BUNDLE_UNKNOWN" in told.err


def test_a_full_part_is_what_its_file_holds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    document = Told(capfd, "bundle", "create", shipped(tmp_path), "--json").document
    directory = Path(document["directory"])
    sizes = {path.name: path.stat().st_size for path in directory.iterdir() if path.name != HEAD}
    assert {part["sha256"]: part["bytes"] for part in document["parts"].values()} == sizes
