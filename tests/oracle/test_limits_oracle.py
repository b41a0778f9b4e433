"""The Sentinel and an independent slow oracle of the limits say the same of every plan and every order of random sequences.

The whole run is 100,000 sequences, with SLUICE_CAMPAIGN=full; otherwise a few hundred.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from tests.oracle.driver import DisagreementError, Sequence
from tests.oracle.limits_oracle import Oracle

FULL = os.environ.get("SLUICE_CAMPAIGN") == "full"
SEQUENCES = 100_000 if FULL else 600
PARTS = 20 if FULL else 4
STEPS = 32
AT_THE_PLAN = {
    "HALT", "PROVENANCE", "MANIFEST_BOUNDS", "REGIME_PARITY", "MAX_LEVERAGE", "MAX_ASSET_EXPOSURE", "MAX_ORDER_VALUE",
    "ALLOW_LIST", "PRICE_AGE", "PRICE_COLLAR", "DUPLICATE", "REDUCE_ONLY", "MAX_ORDER_VOLUME", "MARKET_SANITY", "FILL_DRIFT",
    "LOSS_LIMIT", "REPEATED_EXECUTION", "MESSAGE_LIMIT", "CAPITAL_FRACTION",
}  # fmt: skip
AT_THE_GATE = {
    "HALT", "APPROVAL_USED", "MISMATCH", "PRICE_AGE", "PRICE_COLLAR", "RESERVATION", "MAX_LEVERAGE", "MESSAGE_LIMIT",
    "MARKET_SANITY", "SELF_MATCH", "CAPITAL_FRACTION",
}  # fmt: skip
"""What a few hundred sequences deny; what is rarer at the gate may be absent from so few."""
SELDOM = {"REDUCE_ONLY", "FILL_DRIFT", "LOSS_LIMIT", "MAX_ASSET_EXPOSURE", "MAX_ORDER_VALUE"}


@pytest.mark.parametrize("part", range(PARTS))
def test_sentinel_and_oracle_agree_on_every_plan_and_every_order(part: int) -> None:
    per_part = SEQUENCES // PARTS
    for seed in range(part * per_part, (part + 1) * per_part):
        Sequence(seed).run(STEPS)


def test_the_sequences_deny_by_every_limit_and_let_much_pass() -> None:
    told = Counter[str]()
    for seed in range(600):
        sequence = Sequence(seed)
        sequence.run(STEPS)
        told.update(sequence.said)
    assert {name.removeprefix("plan ") for name in told if name.startswith("plan ")} == AT_THE_PLAN
    assert {name.removeprefix("gate ") for name in told if name.startswith("gate ")} - SELDOM - {"went"} == AT_THE_GATE
    assert told["resize MAX_ORDER_VOLUME"]
    assert told["resize REDUCE_ONLY"]
    assert told["gate went"] > 300
    assert told["approved"] > 600


@pytest.mark.parametrize(
    ("limit", "wrong"),
    [
        ("max_leverage", Fraction(1, 2)), ("max_asset", Fraction(1, 4)), ("max_order_value", Fraction(100)),
        ("collar", Fraction(1, 100)), ("spread", Fraction(1, 100)), ("hhi", Fraction(1, 10)), ("turnover", Fraction(1, 10)),
        ("parts", (Fraction(1),) * 5), ("repeats", 1), ("messages_per_s", 0), ("grade", 4), ("max_order_units", Fraction(5)),
    ],
)  # fmt: skip
def test_an_oracle_with_one_wrong_limit_is_found_out(limit: str, wrong: object) -> None:
    with pytest.raises(DisagreementError):
        _run_with(limit, wrong)


def _run_with(limit: str, wrong: object) -> None:
    for seed in range(200):
        sequence = Sequence(seed)
        setattr(sequence.plain, limit, wrong)  # the Sentinel's were made before
        sequence.run(STEPS)


def test_the_oracle_imports_nothing_of_the_engine() -> None:
    modules = set()
    for name in ("limits_oracle.py", "oracle_book.py"):
        tree = ast.parse((Path(__file__).parent / name).read_text())
        modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"__future__", "collections.abc", "dataclasses", "fractions", "types", "tests.oracle.oracle_book"}
    assert Oracle.__module__ == "tests.oracle.limits_oracle"
