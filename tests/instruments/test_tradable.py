"""What can be traded is said once: shares in whole steps, and pairs; a lot is a step, a contract with a multiplier is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.instruments import instrument_of
from orders.errors import InputError
from orders.tradable import check_tradable, decimals
from orders.values import Listing, MarketLimits

D = Decimal


def listing(asset_class: str, *, base: str | None = None) -> Listing:
    return Listing(
        symbol="X:Y", venue="V", instrument_id="Y.V", quote_currency="USD", base_currency=base, asset_class=asset_class
    )  # fmt: skip


def limits(**changes: Any) -> MarketLimits:
    values: dict[str, Any] = {
        "symbol": "X:Y", "venue": "V", "step_size": D(1), "tick_size": D("0.01"), "min_quantity": D(1), "min_notional": D(1),
        "max_quantity": None, "multiplier": D(1),
    }  # fmt: skip
    return MarketLimits(**values | changes)


SHARE, PAIR, FX = listing("equity"), listing("spot", base="BTC"), listing("fx", base="EUR")


@pytest.mark.parametrize(
    ("known", "changes", "size_precision", "increment"),
    [
        (SHARE, {}, 0, "1"),
        (PAIR, {"step_size": D("0.00001")}, 5, "0.00001"),
        (FX, {"step_size": D(1000), "min_quantity": D(1000), "tick_size": D("0.00005")}, 0, "1000"),
        (PAIR, {"step_size": D("2.5"), "tick_size": D("0.000000001")}, 1, "2.5"),
    ],
    ids=["whole shares", "a fine step", "lots of a thousand", "half steps and the finest tick"],
)
def test_what_is_tradable_becomes_an_instrument_of_the_same_steps(
    known: Listing, changes: dict[str, Any], size_precision: int, increment: str
) -> None:
    made = limits(**changes)
    check_tradable(known, made)
    instrument = instrument_of(known, made)
    assert instrument.size_precision == size_precision
    assert instrument.size_increment.as_decimal() == D(increment)
    assert instrument.price_increment.as_decimal() == made.tick_size
    assert instrument.multiplier.as_decimal() == 1


@pytest.mark.parametrize(
    ("known", "changes", "code"),
    [
        (listing("perpetual"), {}, "ASSET_CLASS_UNSUPPORTED"),
        (listing("perpetual", base="BTC"), {"multiplier": D("1e-10")}, "STEP_TOO_FINE"),
        (listing("spot"), {}, "ASSET_CLASS_UNSUPPORTED"),
        (listing("fx"), {}, "ASSET_CLASS_UNSUPPORTED"),
        (SHARE, {"multiplier": D(50)}, "MULTIPLIER_UNSUPPORTED"),
        (PAIR, {"multiplier": D("0.1")}, "MULTIPLIER_UNSUPPORTED"),
        (FX, {"multiplier": D(1000)}, "MULTIPLIER_UNSUPPORTED"),
        (SHARE, {"step_size": D("0.5")}, "STEP_NOT_WHOLE"),
        (PAIR, {"step_size": D("1e-10")}, "STEP_TOO_FINE"),
        (PAIR, {"tick_size": D("1e-10")}, "STEP_TOO_FINE"),
    ],
    ids=[
        "a perpetual without its base", "contracts too small to simulate", "a pair without its base",
        "fx without its base",
        "a future's multiplier on a share", "contracts of a tenth",
        "a lot as a multiplier", "half a share", "too fine a step", "too fine a tick",
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_refused_in_both_places(known: Listing, changes: dict[str, Any], code: str) -> None:
    for refuse in (check_tradable, instrument_of):
        with pytest.raises(InputError) as caught:
            refuse(known, limits(**changes))
        assert caught.value.code == code


@pytest.mark.parametrize(("step", "places"), [("0.25", 2), ("5", 0), ("0.00001", 5), ("1000", 0), ("1E+3", 0)])
def test_decimals_are_those_the_step_needs(step: str, places: int) -> None:
    assert decimals(D(step)) == places
