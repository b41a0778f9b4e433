"""Bundles for tests: a tiny one of made parts, and the shipped samples' configs in a directory of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lakehouse.bundles import Bundle, make_bundle, write_bundle
from lakehouse.layout import Layout

ROOT: Final = Path(__file__).resolve().parents[2]
TINY: Final[dict[str, Any]] = {
    "limits": {"max_leverage": "1.05", "allow": {"US": ["NASDAQ:AAPL", "NYSE:XOM"]}},
    "data": {"kind": "bars", "start": "2022-03-31", "end": "2022-06-02"},
    "market_limits/US": {"NASDAQ:AAPL": {"step_size": "1"}},
}


def tiny(**changed: Any) -> Bundle:
    """A bundle of three small parts, some of them changed."""
    return make_bundle(TINY | changed)


def written(lakehouse: Path, bundle: Bundle) -> Path:
    """The bundle's directory."""
    return write_bundle(Layout(lakehouse), bundle)[0]


def shipped(tmp_path: Path, name: str = "shadow.toml", **changed: str) -> Path:
    """A copy of a shipped config whose data directory is below `tmp_path`; `changed`: values by key, the first of each."""
    text = (ROOT / "data/configs" / name).read_text()
    at = text.index('directory = "')
    lake = text[at:].split('"')[1]
    text = text.replace(f'"{lake}', f'"{tmp_path / "lake"}')
    for key, value in changed.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{key} ="))
        text = text.replace(line, f"{key} = {value}", 1)
    path = tmp_path / "run.toml"
    path.write_text(text)
    return path
