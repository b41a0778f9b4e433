"""A run config that is refused: one change to a sound one, and the problems that are told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid, Problem
from engine.run_config import load_config


def change(path: Path, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which must be there."""
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new))


def problems(path: Path) -> tuple[Problem, ...]:
    """Return what is wrong with a config; one that is taken fails."""
    with pytest.raises(ConfigInvalid) as refused:
        load_config(path)
    return refused.value.problems


def keys_refused(path: Path) -> set[str]:
    """Return the keys of what is wrong."""
    return {problem.key for problem in problems(path)}
