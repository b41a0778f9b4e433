"""Rules over the source itself that the platform's execution code broke: swallowed errors, loose versions, scattered paths."""

from __future__ import annotations

import ast
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from lakehouse.layout import Layout
from tests.test_house import ROOT, sources

EVERYTHING = {"Exception", "BaseException"}


def swallowed(text: str) -> list[int]:
    """Lines of handlers that take everything and say nothing: a bare except, or one that passes by or answers empty."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        takes_all = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in EVERYTHING)
        if node.type is None or (takes_all and all(silent(statement) for statement in node.body)):
            found.append(node.lineno)
    return found


def silent(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        value = statement.value
        empty = isinstance(value, ast.List | ast.Tuple) and not value.elts
        return value is None or empty or isinstance(value, ast.Dict | ast.Constant)
    return isinstance(statement, ast.Pass | ast.Continue) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def test_no_error_is_swallowed() -> None:
    found = {str(path): lines for path in sources() if (lines := swallowed(path.read_text()))}
    assert found == {}


@pytest.mark.parametrize(
    "body",
    [
        "except:\n    raise",
        "except Exception:\n    pass",
        "except BaseException:\n    return []",
        "except Exception as e:\n    continue",
    ],
)
def test_a_swallowed_error_would_be_seen(body: str) -> None:
    indented = body.replace("\n", "\n    ")
    assert swallowed(f"def f():\n  while True:\n    try:\n        work()\n    {indented}\n")


def test_nautilus_is_the_version_that_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [entry for entry in project["dependencies"] if entry.startswith("nautilus_trader")]
    assert pin == f"nautilus_trader[ib]=={version('nautilus_trader')}"


def test_every_file_of_the_data_directory_has_its_name_in_one_place(tmp_path: Path) -> None:
    """As text that could become a path; in sentences, and where our own ledger names the log, it may stand elsewhere."""
    layout = Layout(tmp_path)
    names = {getattr(layout, name).name for name, value in vars(Layout).items() if isinstance(value, property)}
    allowed = {("lakehouse/provenance.py", "audit.jsonl"), ("lakehouse/ledger_format.py", "execution_logs.jsonl")}
    found = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for path in sources()
        if path.name != "layout.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in names and "." in str(node.value)
    }
    assert found == allowed
