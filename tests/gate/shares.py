"""The gate's world of shares at Interactive Brokers, as it names its venue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.gate.world import Name, World

RENAMED = (('"US"', '"IBKR"'), ('.US"', '.IBKR"'), (".US]", ".IBKR]"), ("\nUS = ", "\nIBKR = "))


def shares_at_ib(root: Path, *, names: Sequence[Name], environment: str) -> World:
    """Write a made world of these shares at venue IBKR; return it."""
    world = World(root, names=names, environment=environment).write()
    for path in (root / "symbols.toml", root / "limits.json", world.config_path):
        text = path.read_text()
        for old, new in RENAMED:
            text = text.replace(old, new)
        path.write_text(text)
    return world
