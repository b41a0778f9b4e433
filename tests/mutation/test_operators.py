"""What is changed in a module, and what is left alone; each mutant compiles, and its name outlives a move in its file."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.forked import ROOM
from tests.mutation.operators import mutants, mutated

CASES: list[tuple[str, list[str]]] = [
    ("a < b", ["a <= b", "a >= b"]),
    ("a >= b", ["a > b", "a < b"]),
    ("a is None", ["a is not None"]),
    ("a in b", ["a not in b"]),
    ("0 <= a", ["0 < a", "0 > a", "1 <= a"]),
    ("a and b", ["a or b", "b", "a"]),
    ("a or b or c", ["a and b and c", "b or c", "a or c", "a or b"]),
    ("not a", ["a"]),
    ("-a", ["a"]),
    ("a * b", ["a / b"]),
    ("max(a, b)", ["min(a, b)"]),
    ("abs(a)", ["a"]),
    ("all(a)", ["any(a)"]),
    ("EXACT.add(a, b)", ["EXACT.subtract(a, b)"]),
    ("Outcome.DENY", ["Outcome.ALLOW"]),
    ("Outcome.NEEDS_OVERRIDE", ["Outcome.ALLOW"]),
    ("Side.BUY", ["Side.SELL"]),
    ("Decimal('0.01')", ["Decimal('1.01')"]),
    ("True", ["False"]),
    ("'HALT'", ["'XXHALT'"]),
    ("''", ["'XX'"]),
    ("state == 'open'", ["state != 'open'", "state == 'XXopen'"]),
    ("re.compile('a{1,64}b{3}')", ["re.compile('a{2,64}b{3}')", "re.compile('a{1,65}b{3}')", "re.compile('a{1,64}b{4}')"]),
    ("a if b else c", ["a if not b else c"]),
    ("'words for people'", []),
    ("f'{a + 1} of {b < c}'", []),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_expression_is_changed_in_each_way_there_is(expression: str, expected: list[str]) -> None:
    source = f"x = {expression}\n"
    found = [ast.unparse(mutated(source, number=one.number)).removeprefix("x = ") for one in mutants(source, module="m")]
    assert found == [ast.unparse(ast.parse(f"x = {text}")).removeprefix("x = ") for text in expected]


STATEMENTS: list[tuple[str, list[str]]] = [
    ("known.append(1)", ["pass", "known.append(2)"]),
    ("raise Refused", ["pass"]),
    ("self.x = y", ["pass"]),
    ("x = y", []),
    ("x += y", ["x -= y"]),
    ("assert x > 0", []),
    ("'''A docstring of 1 word.'''", []),
    ("x: int = y", []),
    ("for x in y:\n    pass", ["for x in ():\n    pass"]),
    ("for x in y:\n    continue", ["for x in ():\n    continue", "for x in y:\n    break"]),
    ("if x:\n    pass", ["if not x:\n    pass"]),
    ("with exact():\n    pass", ["if True:\n    pass"]),
    ("try:\n    f\nexcept E:\n    g", ["try:\n    f\nexcept ():\n    g"]),
]


@pytest.mark.parametrize(("statement", "expected"), STATEMENTS, ids=[case[0].split("\n")[0] for case in STATEMENTS])
def test_a_statement_is_changed_in_each_way_there_is(statement: str, expected: list[str]) -> None:
    source = statement + "\n"
    found = [ast.unparse(mutated(source, number=one.number)) for one in mutants(source, module="m")]
    assert found == [ast.unparse(ast.parse(text)) for text in expected]


def test_a_mutant_knows_its_function_and_what_stands_outside_of_its_body() -> None:
    source = "class A:\n    x = 1\n\n    def f(self, y=2):\n        def g():\n            return 3\n        return g\n\n\nz = 4\n"
    found = [(one.function, one.in_function, one.line, one.after) for one in mutants(source, module="m")]
    assert found == [("A", False, 2, "x = 2"), ("A.f", False, 4, "3"), ("A.f", True, 6, "return 4"), ("", False, 10, "z = 5")]


def test_a_name_is_of_the_code_and_not_of_its_place_and_no_two_are_alike() -> None:
    source = "def f(a, b):\n    if a < b:\n        return 1\n    return a < b\n"
    names = [one.name for one in mutants(source, module="m")]
    assert names[:2] == ["m.f: a < b -> a <= b", "m.f: a < b -> a >= b"]
    assert len(set(names)) == len(names)
    assert [one.name for one in mutants("import os\n\n\n" + source, module="m")] == names
    twice = [one.name for one in mutants("def f(a):\n    g(a > 0, a > 0)\n    g(a > 0, a > 0)\n", module="m")]
    assert len(set(twice)) == len(twice)


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_every_mutant_of_the_room_compiles_and_is_another_module(path) -> None:
    source = path.read_text()
    whole = ast.dump(ast.parse(source))
    for one in mutants(source, module=path.stem)[::9]:
        tree = mutated(source, number=one.number)
        compile(tree, str(path), "exec")
        assert ast.dump(tree) != whole
