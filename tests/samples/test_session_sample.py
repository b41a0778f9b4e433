"""The session sample: made again byte for byte, and in a shadow the share's line waits for New York while the coin trades."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.verifier import verify

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "samples" / "sessions"
OPEN_NS = 1_736_173_800 * 10**9  # 2025-01-06T14:30:00Z


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    return {
        path.relative_to(root).as_posix(): gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in files
    }


def test_the_session_sample_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLE.parent / "make_sessions.py", "--out", tmp_path], check=True, timeout=60)
    assert content(tmp_path) == content(SAMPLE)


def test_in_the_shipped_config_a_share_waits_for_its_session_and_is_topped_up_at_the_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "data/configs/sessions.toml").read_text().replace("data/lakehouse/sessions", str(tmp_path / "lake"))
    config = tmp_path / "sessions.toml"
    config.write_text(text.replace("market_speed = 20 ", "market_speed = 40 "))
    assert run(["shadow", str(config)]) == 0
    assert "1 trade · 1 market closed" in capsys.readouterr().out
    lines = [json.loads(raw) for raw in (tmp_path / "lake" / "execution_logs.jsonl").read_bytes().splitlines()]
    skipped = [(line["symbol"], line["reason"]) for line in lines if line["type"] == "skip" and line["cycle"] == 1]
    assert skipped == [("NASDAQ:AAPL", "MARKET_CLOSED")]
    fills = [line for line in lines if line["type"] == "fill"]
    assert [(fill["symbol"], fill["cycle"], fill["market_ns"] >= OPEN_NS) for fill in fills] == [
        ("BINANCE:BTCUSDT", 1, False),
        ("NASDAQ:AAPL", 2, True),
    ]
    assert [line["outcome"] for line in lines if line["type"] == "cycle_end"] == ["waiting", "done"]
    assert verify(tmp_path / "lake").ok
