"""The house holds its own rules: the import map, the two doors, and no trace of what must not be named."""

import ast
import re
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


def test_what_the_security_linter_is_told_to_pass_over_is_judged_on_its_line() -> None:
    """`# why it is right  # nosec B999`, or a list in pyproject.toml with a reason each."""
    judged = re.compile(r"# [^#]{8,}  # nosec B[0-9]{3}$")
    marked = [(path, text) for path in sources() for text in path.read_text().splitlines() if "# nosec" in text]
    assert [f"{path.relative_to(ROOT)}: {text}" for path, text in marked if not judged.search(text)] == []
    assert marked


def test_the_security_linter_runs_where_the_others_do_and_sees_what_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import subprocess\n\nsubprocess.run('ls', shell=True)\n")
    command = ["--quiet", "--recursive", "--configfile", "pyproject.toml"]
    assert f"bandit {' '.join(command)} $(ROOMS)" in (ROOT / "Makefile").read_text()
    bandit = Path(sys.executable).parent / "bandit"
    if not bandit.exists():
        pytest.skip("bandit is not installed here: `make setup`")
    done = subprocess.run([bandit, *command, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert "B602" in done.stdout


def test_nothing_is_awaited_yielded_or_put_off_inside_a_block_of_exact_operators() -> None:
    """The context is the thread's: whatever goes on beside the block, or takes its context along, would reckon in it."""
    later = {"create_task", "ensure_future", "call_soon", "call_later", "call_at", "call_soon_threadsafe", "run_in_executor"}
    found = []
    for path in sources():
        for block in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.With | ast.AsyncWith)):
            names = {getattr(getattr(item.context_expr, "func", None), "id", "") for item in block.items}
            if not names.isdisjoint({"exact_operators", "exact_arithmetic"}):
                for inner in ast.walk(block):
                    called = getattr(getattr(inner, "func", None), "attr", "") if isinstance(inner, ast.Call) else ""
                    if isinstance(inner, ast.Await | ast.Yield | ast.YieldFrom) or called in later:
                        found.append(f"{path.relative_to(ROOT)}:{inner.lineno}")
    assert found == []
