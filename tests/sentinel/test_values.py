"""What stands at the top of the Sentinel's modules: values that cannot be changed, codes that are their own names, bounds."""

from __future__ import annotations

import importlib
import pkgutil
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import sentinel
from sentinel import dsse, manifest_approval, override_token
from sentinel.fill_drift import FillDrift
from sentinel.limits import limits_sha256
from sentinel.loss import LossMode
from sentinel.override_values import OVERRIDABLE
from sentinel.regime import Regime
from sentinel.register import BESIDE, REGISTER, control_of
from sentinel.repeats import Repeats
from sentinel.verdicts import allow, deny
from tests.sentinel.cases import limits

D = Decimal
MODULES = {found.name: importlib.import_module(f"sentinel.{found.name}") for found in pkgutil.iter_modules(sentinel.__path__)}
VALUES = [
    value
    for name, module in MODULES.items()
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == f"sentinel.{name}"
]
FROM_OUTSIDE = {"_Signature", "_Envelope", "_Body", "_Line"}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.__module__}.{value.__name__}")
def test_a_value_is_frozen_named_and_has_no_other_fields(value: type[msgspec.Struct]) -> None:
    config = value.__struct_config__
    assert (config.frozen, config.forbid_unknown_fields) == (True, True)
    made = value(**dict.fromkeys(value.__struct_fields__))
    with pytest.raises(AttributeError):
        setattr(made, value.__struct_fields__[0], None)
    if value.__name__ not in FROM_OUTSIDE:
        with pytest.raises(TypeError):
            value(*[None] * len(value.__struct_fields__))


def test_the_values_are_many() -> None:
    assert len(VALUES) > 20
    assert {value.__name__ for value in VALUES} >= FROM_OUTSIDE


def test_a_constant_that_is_a_code_is_named_by_it() -> None:
    codes = {code for control in REGISTER for code in control.codes} | {code for code, _ in BESIDE}
    found = {
        (name, constant): value
        for name, module in MODULES.items()
        for constant, value in vars(module).items()
        if constant in codes
    }
    assert [key for key, value in found.items() if key[1] != value] == []
    assert len(found) > 25


def test_codes_beside_the_register_are_those_of_hours_armings_and_breaks() -> None:
    assert [code for code, _ in BESIDE] == [
        "MARKET_CLOSED",
        "NO_HOURS",
        "ARMED_NOTIONAL",
        "ARMING_EXPIRED",
        "CAPITAL_FRACTION",
        "CONTROL_FAILED",
    ]
    assert [control_of(code) for code, _ in BESIDE] == [None] * 6
    assert [control_of(code).number for code in ("PRICE_COLLAR", "FILL_DRIFT", "MANIFEST_ROLLED_BACK")] == [1, 1, 21]  # type: ignore[union-attr]


BOUNDS: list[tuple[str, str, Any]] = [
    ("limits", "WEIGHT_ABS_MAX", D("1")), ("limits", "REGIME_BAND", D("0.01")), ("limits", "MESSAGES_PER_S_MAX", 10_000),
    ("limits", "REPEATS_MAX", 1_000), ("fill_drift", "FILLS_MAX", 1_000), ("rates", "SECOND_NS", 10**9),
    ("rates", "DAY_NS", 86_400 * 10**9), ("loss", "DAY_NS", 86_400 * 10**9),
    ("manifest_bounds", "MANIFEST_FUTURE_NS", 86_400 * 10**9),
    ("dsse", "ENVELOPE_SIZE_MAX", 100_000), ("dsse", "SIGNATURES_MAX", 16), ("manifest_approval", "STAMP_MAX", 2**63),
    ("override_token", "REQUEST_SIZE_MAX", 50_000), ("override_token", "LINES_MAX", 500),
    ("override_token", "REASON_LENGTH_MAX", 500),
    ("override_values", "SPAN_MAX_NS", 4 * 3_600 * 10**9), ("override_values", "NAMES_MAX", 16), ("locks", "SHOWN_MAX", 3),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "value"), BOUNDS, ids=[f"{module}.{name}" for module, name, _ in BOUNDS])
def test_a_bound_is_what_the_pages_say(module: str, name: str, value: Any) -> None:
    assert getattr(MODULES[module], name) == value


def test_only_the_regime_can_be_overridden() -> None:
    assert set(OVERRIDABLE) == {"REGIME_PARITY"}


def test_words_of_logs_are_the_words_of_the_values() -> None:
    assert [mode.value for mode in LossMode] == ["OPEN", "CLOSE_ONLY", "UNKNOWN"]
    assert [(regime.value, regime.rank) for regime in Regime] == [("QUIET", 0), ("NORMAL", 1), ("TURBULENT", 2), ("CRISIS", 3)]
    types = (dsse_type(module) for module in (manifest_approval, override_token))
    assert list(types) == ["application/vnd.sluice.approval+json", "application/vnd.sluice.override+json"]
    assert dsse.NANOSECONDS.fullmatch("1" + "0" * 18)
    assert not dsse.NANOSECONDS.fullmatch("1" + "0" * 19)


def dsse_type(module: Any) -> str:
    return module.PAYLOAD_TYPE


def test_a_yes_and_a_no_are_of_the_whole_plan_where_no_line_is_named() -> None:
    assert (allow("A", "b", "c").line, deny("A", "b", "c").line, deny("A", "b", "c", 7).line) == (0, 0, 7)


def test_of_many_fills_and_parents_the_newest_thousand_are_remembered() -> None:
    drift, repeats = FillDrift(window_ns=10**9), Repeats(window_ns=10**9)
    for number in range(1_001):
        drift.fill("A", D(number), number)
        repeats.count("A", number)
    assert drift.oldest("A", 1_001) == (1, D(1))
    assert repeats.within(["A"], 1_001) == {"A": 1_000}


def test_a_limit_more_or_less_is_another_sha256() -> None:
    assert limits_sha256(limits()) != limits_sha256(limits(repeats_max=4))
    assert limits_sha256(limits()) == limits_sha256(limits())
