"""The house holds its own rules: the import map, the two doors, and no trace of what must not be named."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("orders", "lakehouse", "sentinel", "strategies", "venues", "engine", "sim", "live", "analysis", "commands")


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_imports_point_down() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("word", ["/shared/", "TODO", "FIXME", "NotImplementedError"])
def test_no_source_hides_something_unfinished(word: str) -> None:
    assert [str(path) for path in sources() if word in path.read_text()] == []


def test_only_the_edges_know_nautilus() -> None:
    pure = [
        path
        for path in sources()
        if path.relative_to(ROOT).parts[0] in ("orders", "lakehouse", "sentinel", "analysis", "commands")
    ]
    assert [str(path) for path in pure if "nautilus_trader" in path.read_text()] == []


def test_every_room_has_one_sentence_about_itself() -> None:
    assert [room for room in ROOMS if len((ROOT / room / "__init__.py").read_text().strip()) < 30] == []


def test_tests_start_processes_in_one_place_which_kills_and_reaps_them() -> None:
    """What a failed test leaves running writes on, and its warning fails whichever test is next."""
    starters = [path for path in sorted((ROOT / "tests").rglob("*.py")) if "subprocess.Popen(" in path.read_text()]
    assert [str(path.relative_to(ROOT)) for path in starters if path != Path(__file__)] == ["tests/children.py"]
