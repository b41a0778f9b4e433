"""Approvals: made in one place, bound to plan, cycle and line; the limits' hash changes with any limit."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orders.ids import client_order_id
from orders.plan import plan_sha256
from sentinel.limits import SentinelLimits, limits_sha256
from tests.planner.world import SHA, D
from tests.sentinel.cases import changed, judged, limits, made_plan

ROOT = Path(__file__).parents[2]
ROOMS = ("orders", "lakehouse", "sentinel", "strategies", "venues", "engine", "sim", "live", "analysis", "commands")
MAKES_APPROVAL = re.compile(r"(?<![A-Za-z_])Approval\(")


def test_approvals_are_made_in_the_guard_and_for_a_twin_and_nowhere_else() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for text in path.read_text(encoding="utf-8").splitlines()
        if MAKES_APPROVAL.search(text) and not text.startswith("class ")
    }
    assert found == {"sentinel/guard.py", "sentinel/followed.py"}


def test_what_approves_orders_that_went_out_elsewhere_serves_a_twin_which_cannot_send() -> None:
    users = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if re.search(
            r"^\s*(from sentinel\.followed import|from sentinel import .*followed|import sentinel\.followed)",
            path.read_text("utf-8"),
            re.M,
        )
    }
    assert users == {"sim/twin"}


@pytest.mark.parametrize("room", ["orders", "sentinel"])
def test_no_float_in_the_rooms_that_count_money(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path}:{node.lineno}"
            assert not (isinstance(node, ast.Name) and node.id == "float"), f"{path}:{node.lineno}"


def test_an_approval_is_bound_to_its_plan_and_line() -> None:
    plan = made_plan()
    judgement = judged(plan)
    assert judgement.plan_sha256 == plan_sha256(plan)
    for approval in judgement.approvals:
        assert approval.plan_sha256 == plan_sha256(plan)
        assert approval.client_order_id == client_order_id(environment="test", manifest_sha256=SHA, cycle=1, line=approval.line)
        assert approval.reference_price == D("10")
        assert approval.limit_price is None


def test_judging_twice_gives_the_same_answer() -> None:
    assert judged() == judged()


@pytest.mark.parametrize("field", SentinelLimits.__struct_fields__)
def test_every_limit_is_in_the_hash(field: str) -> None:
    value = getattr(limits(), field)
    other: Any = {"allow": {"US": ()}, "provenance_min": "ABSENT", "adv_fraction_max": D("0.1")}.get(
        field, value + 1 if isinstance(value, int | Decimal) else None
    )
    assert limits_sha256(changed(limits(), **{field: other})) != limits_sha256(limits())


def test_every_limit_is_explicit() -> None:
    assert SentinelLimits.__struct_defaults__ == ()
