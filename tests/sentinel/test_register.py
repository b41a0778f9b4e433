"""The register names every control the code answers by, and nothing that no code says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from sentinel.register import BESIDE, REGISTER, Control, control_of

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
SAID_BY = frozenset({"_one", "_verdict", "_deny", "_allow", "_denied", "_sum", "_missing", "ask", "cap", "_failure"})
PAGE = (ROOT / "docs" / "controls.md").read_text()


@cache
def trees(*rooms: str) -> list[ast.Module]:
    return [ast.parse(path.read_text()) for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def said_in(source: str) -> set[str]:
    """Codes a module hands to what makes verdicts: as text, or by a constant of the module."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [word.value for word in node.keywords if word.arg == "control"] if name == "Verdict" else []
        given += node.args[:1] if name in SAID_BY else []
        for value in given:
            text = value.value if isinstance(value, ast.Constant) else constants.get(getattr(value, "id", ""), "")
            if isinstance(text, str) and CODE.fullmatch(text):
                found.add(text)
    return found


@cache
def texts(*rooms: str) -> frozenset[str]:
    """Every word of a code's shape that stands in a text of these rooms, alone or before a colon."""
    found = set()
    for tree in trees(*rooms):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"[A-Z]+(?:_[A-Z]+)*", node.value))
    return frozenset(found)


def test_the_register_has_the_21_controls_once_each_and_no_code_twice() -> None:
    assert [control.number for control in REGISTER] == list(range(1, 22))
    codes = [code for control in REGISTER for code in control.codes] + [code for code, _ in BESIDE]
    assert len(set(codes)) == len(codes)


def test_every_code_that_a_verdict_of_the_sentinel_can_carry_is_registered() -> None:
    said = set[str]()
    for path in sorted((ROOT / "sentinel").rglob("*.py")):
        said |= said_in(path.read_text())
    assert len(said) > 25
    known = {code for control in REGISTER for code in control.codes} | {code for code, _ in BESIDE}
    assert said - known == set()


def test_a_control_that_nobody_registered_would_be_missed() -> None:
    said = said_in('NEW_RULE: Final = "NEW_RULE"\nverdict = Verdict(control=NEW_RULE, outcome=Outcome.DENY)')
    assert said == {"NEW_RULE"}
    assert control_of("NEW_RULE") is None


@pytest.mark.parametrize("control", REGISTER, ids=lambda control: control.name)
def test_every_code_of_the_register_is_said_somewhere_in_the_code(control: Control) -> None:
    rooms = set(texts("engine", "live", "lakehouse", "orders", "strategies"))
    for path in sorted((ROOT / "sentinel").rglob("*.py")):
        if path.name != "register.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    rooms |= set(re.findall(r"[A-Z]+(?:_[A-Z]+)*", node.value))
    assert [code for code in control.codes if code not in rooms] == []


@pytest.mark.parametrize("control", REGISTER, ids=lambda control: control.name)
def test_the_page_of_controls_says_what_the_register_says(control: Control) -> None:
    codes = ", ".join(f"`{code}`" for code in control.codes)
    row = [str(control.number), control.name, codes, ", ".join(control.stages), control.rts6 or "–", control.sec or "–"]
    assert f"| {' | '.join(row)} | {control.source} |" in PAGE


def test_provisions_are_written_as_their_texts_number_them() -> None:
    rts6 = re.compile(r"(1[257](\([0-9]\)(\([a-d]\))?)?)(, 1[257]\([0-9]\))*")
    assert [control.name for control in REGISTER if control.rts6 and not rts6.fullmatch(control.rts6)] == []
    assert {control.sec for control in REGISTER} == {"", "(c)(1)(i)", "(c)(1)(ii)", "(c)(2)(ii)"}
