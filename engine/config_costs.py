"""A run config with its costs multiplied: the same run, dearer or cheaper, for the planner's forecast and the venue alike."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from orders.errors import ConfigError

if TYPE_CHECKING:
    from engine.config_sections import FeeSection, FinancingSection, VenueAssumptionsSection
    from engine.run_config import RunConfig

FRACTION_END: Final = Decimal(1)  # a fee of the whole notional, or a half spread down to nothing, is no market
BPS_END: Final = Decimal(10_000)


def with_costs(config: RunConfig, multiple: Decimal) -> RunConfig:
    """Return the config with fees, half spread of bars, slippage, impact, and what holding costs, times `multiple` >= 0.

    Of financing: borrow, interest owed, and funding at a fixed rate, of either sign; interest earned and funding of a series
    stay, and so does latency. Everything that makes a cost reads it from here, so that what a plan forecasts is what the venue
    charges. The spread of recorded quotes is in the data: see `sim.cost_stress`. Raises `ConfigError` STRESS_TOO_HIGH when a
    cost would reach all of the notional.
    """
    section = config.assumptions_section
    scaled = section.model_copy(
        update={
            "slippage_bps": _within(section.slippage_bps, multiple, end=BPS_END, what="slippage_bps"),
            "bar_half_spread_bps": _within(section.bar_half_spread_bps, multiple, end=BPS_END, what="bar_half_spread_bps"),
            "fees": {venue: _fees(fees, multiple, venue=venue) for venue, fees in section.fees.items()},
            "financing": _financing(section.financing, multiple),
            "by_venue": {venue: _own(own, multiple, venue=venue) for venue, own in section.by_venue.items()},
            "impact": None
            if section.impact is None
            else section.impact.model_copy(update={"coefficient": section.impact.coefficient * multiple}),
        }
    )
    return config.model_copy(update={"assumptions_section": scaled})


def _fees(fees: FeeSection, multiple: Decimal, *, venue: str) -> FeeSection:
    return fees.model_copy(
        update={
            name: _within(getattr(fees, name), multiple, end=FRACTION_END, what=f"fees.{venue}.{name}")
            for name in ("maker_fraction", "taker_fraction")
        }
    )


def _own(own: VenueAssumptionsSection, multiple: Decimal, *, venue: str) -> VenueAssumptionsSection:
    names = ("slippage_bps", "bar_half_spread_bps")
    given = {name: value for name in names if (value := getattr(own, name)) is not None}
    return own.model_copy(
        update={name: _within(value, multiple, end=BPS_END, what=f"by_venue.{venue}.{name}") for name, value in given.items()}
    )


def _financing(terms: FinancingSection, multiple: Decimal) -> FinancingSection:
    def scaled(value: Decimal, what: str) -> Decimal:
        return _within(value, multiple, end=FRACTION_END, what=f"financing.{what}")

    return terms.model_copy(
        update={
            "borrow": {name: scaled(value, f"borrow.{name}") for name, value in terms.borrow.items()},
            "interest": {
                code: each.model_copy(update={"debit_fraction": scaled(each.debit_fraction, f"interest.{code}.debit_fraction")})
                for code, each in terms.interest.items()
            },
            "funding": {
                symbol: each
                if each.rate is None
                else each.model_copy(update={"rate": scaled(each.rate, f"funding.{symbol}.rate")})
                for symbol, each in terms.funding.items()
            },
        }
    )


def _within(value: Decimal, multiple: Decimal, *, end: Decimal, what: str) -> Decimal:
    assert multiple >= 0
    scaled = value * multiple
    if abs(scaled) >= end:
        raise ConfigError(
            "STRESS_TOO_HIGH",
            expected=f"costs below the whole notional: assumptions.{what} times {multiple} below {end}",
            found=str(scaled),
            action="Name smaller multiples with --stress.",
        )
    return scaled
