"""`sluice halt --drill` as a person runs it: a rehearsed live run is halted, measured, and the figures are evidence."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.code_version import code_version
from engine.run_config import load_config
from lakehouse.layout import Layout
from lakehouse.ledger_format import sha256
from lakehouse.live_note import read_live_note
from lakehouse.verifier import verify
from orders.canonical import sha256_hex
from tests.children import END_S, child

ROOT = Path(__file__).parents[2]
CRYPTO, IB = "data/configs/crypto_rehearsal.toml", "data/configs/ib_rehearsal.toml"
TIMES = ("blocked_ms", "cancel_ms", "flat_ms", "confirmed_ms")


@contextmanager
def drill(place: Path, *words: str, environ: Mapping[str, str] = os.environ) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "commands.main", "halt", "--drill", "--directory", str(place), *words]
    with child(command, cwd=ROOT, stderr=subprocess.PIPE, env=environ) as process:
        yield process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, errors = process.communicate(timeout=3 * END_S)
    assert "Traceback" not in errors, errors
    return process.returncode, said, errors


def evidence(place: Path) -> dict[str, Any]:
    """The last line of the log, which the ledger must have the hash of; the record verifies."""
    layout = Layout(place / "lakehouse")
    raw = layout.log.read_bytes().splitlines()
    line: dict[str, Any] = json.loads(raw[-1])
    assert line["type"] == "drill"
    records = [json.loads(each) for each in layout.ledger.read_bytes().splitlines()]
    (found,) = [each["body"] for each in records if each["type"] == "DRILL"]
    assert found == {
        "kind": "halt", "line_hash": sha256(raw[-1]), "log_line": len(raw), "outcome": line["outcome"],
        "source_sha256": line["source_sha256"],
    }  # fmt: skip
    assert verify(layout.directory).ok
    return line


def nothing_is_left(place: Path) -> bool:
    note = read_live_note(Layout(place / "lakehouse"))
    assert note is not None
    return not any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in (note.pid, note.watchdog))


def _alive(pid: int | None) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("config", "hang"), [(CRYPTO, False), (CRYPTO, True), (IB, False)], ids=["ccxt", "an engine hangs", "ibkr"]
)
def test_a_drill_passes_and_leaves_its_figures_as_evidence_for_this_code(config: str, hang: bool, tmp_path: Path) -> None:
    place = tmp_path / "d"
    with drill(place, "--config", config, *(["--hang"] if hang else [])) as process:
        code, said, errors = ended(process)
    assert code == 0, said + errors
    assert "passed     every order was cancelled and confirmed" in said
    line = evidence(place)
    assert (line["outcome"], line["problems"], line["kind"], line["hung"]) == ("passed", [], "halt", hang)
    assert line["engine"] == ("killed" if hang else "answered")
    assert line["worked"] > 0
    assert (line["left"], line["late"], line["bound_ms"]) == (0, 0, None)
    times = [line[name] for name in TIMES]
    assert times == sorted(times), line
    now = code_version()
    assert (line["source_sha256"], line["lock_sha256"]) == (now.source_sha256, now.lock_sha256)
    assert line["config_sha256"] == sha256_hex((ROOT / config).read_bytes())
    assert urlsplit(f"//{line['address'].removeprefix('http://')}").hostname == "127.0.0.1"
    assert nothing_is_left(place)


def test_a_venue_that_cancels_nothing_fails_the_drill_which_says_so(tmp_path: Path) -> None:
    """The bad twin: `sluice halt` does not come to an end, and orders work on."""
    place = tmp_path / "d"
    with drill(place, "--json", "--within", "4") as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        tell(started["control"], do="fault", request="DELETE order", kind="unavailable", times=0)
        code, said, errors = ended(process)
    assert code == 1, said + errors
    told = json.loads(said)
    line = evidence(place)
    assert (line["outcome"], line["left"], line["bound_ms"]) == ("failed", 2, 4_000)
    assert (line["flat_ms"], line["confirmed_ms"]) == (None, None)
    assert any(words.startswith("NOT confirmed") for words in line["problems"])
    assert "2 orders still work at the venue" in line["problems"]
    assert told["problems"] == line["problems"]
    assert nothing_is_left(place)


def tell(control: str, **step: Any) -> None:
    connection = http.client.HTTPConnection(urlsplit(control).netloc, timeout=30)
    connection.request("POST", "/", body=json.dumps(step), headers={"Content-Type": "application/json"})
    assert "error" not in json.loads(connection.getresponse().read())
    connection.close()


def test_a_run_whose_orders_never_work_is_told_and_nothing_is_recorded_or_reached(tmp_path: Path) -> None:
    """Its config names no venue of this machine, and the drill's copy does. The run cannot sign its ledger, and ends."""
    place, source = tmp_path / "d", tmp_path / "source.toml"
    text = (ROOT / CRYPTO).read_text()
    assert text.count('endpoint = "http://127.0.0.1:18080"') == 2
    source.write_text("\n".join(line for line in text.splitlines() if not line.startswith("endpoint")))
    environ = {**os.environ, "SLUICE_KEYS": "/dev/null/none"}
    with drill(place, "--config", str(source), environ=environ) as process:
        code, said, errors = ended(process)
    assert code == 1, said
    assert errors.startswith("error    DRILL_NOT_READY"), errors
    assert len(errors.splitlines()) == 1
    assert "nothing is recorded" in errors
    assert not Layout(place / "lakehouse").log.exists() or '"drill"' not in Layout(place / "lakehouse").log.read_text()
    config = load_config(place / "run.toml")
    assert config.live is not None
    assert all(section.rehearses for section in config.live.venues.values())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("halt", "--drill", "--lakehouse", "x"), "USAGE"),
        (("halt", "--drill", "--keys", "x"), "USAGE"),
        (("halt", "--hang", "--reason", "x"), "USAGE"),
        (("halt", "--within", "3", "--reason", "x"), "USAGE"),
        (("halt", "--drill", "--within", "0"), "USAGE"),
        (("halt",), "USAGE"),
        (("halt", "--drill", "--by", "a\nb"), "USAGE"),
        (("halt", "--drill", "--config", "data/configs/crypto_live.toml"), "REHEARSAL_CONFIG"),
        (("halt", "--drill", "--directory", "data/configs"), "REHEARSAL_EXISTS"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else words,
)
def test_what_cannot_be_drilled_is_refused_in_one_line(words: tuple[str, ...], code: str, capsys: Any, monkeypatch: Any) -> None:
    from commands.main import run

    monkeypatch.chdir(ROOT)
    assert run(words) == 2
    said = capsys.readouterr()
    assert code in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
