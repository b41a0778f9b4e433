"""The README says what is so: its reasons are the planner's, its commands run, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands.promote_parser import spelled_out
from orders.plan import Reason

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data" / "README.md"]
LINES = re.findall(r"^    \.venv/bin/sluice (.+?)(?:  +.*)?$", README, re.MULTILINE)


def test_every_reason_is_explained_and_none_that_does_not_exist() -> None:
    section = README.partition("## Why a line")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", section, re.MULTILINE)
    assert [name for name, _ in rows] == [reason.value for reason in Reason]
    assert all(meaning.strip() for _, meaning in rows)


def _command(line: str) -> str:
    """The words of a command line before its first option or file."""
    spelt = " ".join(spelled_out(line.split()))
    groups = "bundle|config|data|demo|keys|ledger|limits|override|promote|sentinel"
    return re.match(rf"(?:{groups}) [a-z-]+|[a-z]+", spelt).group()  # type: ignore[union-attr]  # every line begins so


def _help(command: str) -> str:
    sluice = Path(sys.executable).parent / "sluice"
    words = [str(sluice), *command.split(), "--help"]
    shown: str = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
    return shown


def test_the_readme_names_every_command() -> None:
    expected = {
        "plan",
        "shadow",
        "backtest",
        "report",
        "calibrate",
        "replay",
        "rehearse",
        "live",
        "twin",
        "arm",
        "approve",
        "keys new",
        "keys show",
        "verify",
        "status",
        "doctor",
        "halt",
        "resume",
        "flatten",
        "enable",
        "config check",
    }
    expected |= {"sentinel explain", "sentinel what-if", "sentinel coverage"}
    expected |= {"ledger key", "ledger prove", "ledger rotate", "witness", "trace"}
    expected |= {"bundle create", "bundle show", "bundle verify", "bundle diff", "bundle runs"}
    expected |= {"demo promotion", "rollback", "promote handoff"}
    expected |= {"promote move", "promote sign", "promote show", "promote record", "promote log", "promote status"}
    expected |= {"override request", "override sign", "override show"}
    expected |= {"data import", "data fetch", "data show", "data check"}
    expected |= {"limits hours", "limits fetch", "limits import", "limits show", "limits volumes"}
    assert {_command(line) for line in LINES} == expected


@pytest.mark.parametrize("line", LINES, ids=_command)
def test_a_command_of_the_readme_exists_with_its_options_and_no_required_one_is_left_out(line: str) -> None:
    shown = _help(_command(line))
    named = set(re.findall(r"--[a-z]+", line))
    required = set(re.findall(r"^ +(--[a-z]+)[^\n]*(?:\n {8,}[^\n-]*)?\[required\]", shown, re.MULTILINE))
    assert required <= named
    assert named <= set(re.findall(r"--[a-z]+", shown))


def test_every_file_a_command_of_the_readme_names_is_there() -> None:
    written = ("ccxt:", "data/lakehouse/")  # an option, and what a run makes
    files = [
        word
        for line in LINES
        for word in line.replace("replay_quotes:", "").split()
        if "/" in word and not word.startswith(written)
    ]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("target", ["setup", "paper", "test", "check", "help"])
def test_a_target_of_make_is_listed_by_help(target: str) -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    assert re.search(rf"^make {target}\b", shown.stdout, re.MULTILINE)
