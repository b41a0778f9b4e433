"""The run config: one TOML file that says everything a run depends on. Every limit is explicit; unknown keys are refused.

Money, prices and fractions are quoted ("0.02"), so that they are exact; counts and durations are TOML integers with the unit
in the name. Paths are relative to the current directory, which is the project's root.
"""

from __future__ import annotations

import tomllib
from collections.abc import Set
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, PrivateAttr, ValidationError

from engine.config_checks import cross_problems
from engine.config_include import with_assumptions
from engine.config_live import LiveSection
from engine.config_override import OverrideSection, override_rules
from engine.config_policy import PolicySection, plan_policy
from engine.config_problems import ConfigInvalid, Problem, shape_problems, valid_sections
from engine.config_schedules import schedule_of
from engine.config_sections import (
    AlarmsSection,
    AssumptionsSection,
    CapitalSection,
    DataSection,
    LakehouseSection,
    RateSection,
    ReplaySection,
    ScheduleSection,
    SentinelSection,
    SnapshotsSection,
    SymbolsSection,
    VenueSection,
)
from engine.config_text import decode_error_line, dotted, key_lines, line_of
from engine.config_values import Currency, Name, SchemaVersion, Section, milliseconds_ns, ns_of
from lakehouse.plain_file import read_plain
from lakehouse.strict_toml import parse_toml
from orders.assumptions import Assumptions, VenueAssumptions
from orders.canonical import sha256_hex
from orders.caveats import MEANINGS, StatedCaveat
from orders.costs import ImpactFacts, ImpactTerms, TakerTerms
from orders.errors import ConfigError
from orders.financing import FinancingTerms, FundingTerms, InterestTerms
from orders.plan import PlanPolicy
from orders.schedule import Schedule
from orders.values import AccountKind, FeeSchedule, Rate
from sentinel.limits import SentinelLimits
from sentinel.override_values import OverrideRules

if TYPE_CHECKING:
    from engine.alarms import AlarmPolicy
    from lakehouse.drift_csv import DriftLevels
    from lakehouse.manifest import ManifestPolicy
    from lakehouse.provenance import ProvenancePolicy
    from lakehouse.regime_audit import RegimeAuditPolicy

CONFIG_SIZE_MAX: Final = 1_000_000  # bytes; a thousand allowed symbols are 20 kB
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_H: Final = 3_600 * NS_PER_S


class RunConfig(Section):
    """A checked run config; made by `load_config` and by nothing else."""

    schema_version: SchemaVersion
    environment: Name
    strategy_tag: Name
    lakehouse: LakehouseSection
    capital: CapitalSection
    policy: PolicySection
    sentinel: SentinelSection
    venues: dict[Name, VenueSection]
    assumptions_section: Annotated[AssumptionsSection, Field(alias="assumptions")]
    rates_section: Annotated[dict[Currency, RateSection], Field(alias="rates", default_factory=dict)]
    schedules_section: Annotated[dict[Name, ScheduleSection], Field(alias="schedules", default_factory=dict)]
    symbols: SymbolsSection
    data: DataSection
    snapshots: SnapshotsSection
    alarms: AlarmsSection | None = None
    replay: ReplaySection | None = None
    live: LiveSection | None = None
    override: OverrideSection | None = None

    _sha256: str = PrivateAttr(default="")
    _path: Path = PrivateAttr(default=Path())
    _written: RunConfig | None = PrivateAttr(default=None)

    @property
    def sha256(self) -> str:
        """Hex sha256 of the file's bytes."""
        assert self._sha256
        return self._sha256

    @property
    def path(self) -> Path:
        """The file this config was read from."""
        return self._path

    def read_from(self, path: Path, *, sha256: str) -> RunConfig:
        """Return this config, knowing its file and the sha256 of the file's bytes."""
        made = self.model_copy()
        made._path, made._sha256 = path, sha256
        return made

    @property
    def as_written(self) -> RunConfig:
        """What the file says, where this is it over other prices or in another data directory; else itself."""
        return self if self._written is None else self._written

    def over(self, data: DataSection) -> RunConfig:
        """Return this config over recorded prices in place of its own live ones; its bundle stays that of the file."""
        assert self.data.live
        assert not data.live
        return self._changed({"data": data})

    def recorded_in(self, directory: Path) -> RunConfig:
        """Return this config with all that a run of it writes in another data directory: record, snapshots, and the manifest
        where a replay installs dated ones.
        """
        places = {"directory": directory}
        if self.data.manifests is not None:
            places |= {"manifest": directory / self.lakehouse.manifest.name, "manifest_root": directory}
        snapshots = {name: directory / "snapshots" / path.name for name, path in self.snapshots}
        return self._changed(
            {
                "lakehouse": self.lakehouse.model_copy(update=places),
                "snapshots": self.snapshots.model_copy(update=snapshots),
            }
        )

    def _changed(self, update: dict[str, Section]) -> RunConfig:
        made = self.model_copy(update=update)
        made._written = self.as_written
        return made

    def schedules(self) -> dict[str, Schedule]:
        """Return the execution schedules by name; at_once is built in and not among them."""
        return {name: schedule_of(name, section) for name, section in self.schedules_section.items()}

    def schedule_by_venue(self) -> dict[str, str]:
        """Return the name of the schedule of each venue."""
        policy = self.policy
        return {venue: policy.schedule_by_venue.get(venue, policy.schedule) for venue in self.venues}

    def assumptions(self) -> Assumptions:
        """Return what the simulated venue pretends."""
        section = self.assumptions_section
        return Assumptions(
            name=section.name,
            fill_rule=section.fill_rule,
            fill_at=section.fill_at,
            latency_ns=milliseconds_ns(section.latency_ms),
            jitter_ns=milliseconds_ns(section.jitter_ms),
            cancel_latency_ns=milliseconds_ns(section.cancel_latency_ms),
            seed=section.seed,
            slippage_bps=section.slippage_bps,
            bar_half_spread_bps=section.bar_half_spread_bps,
            own_consumption=section.own_consumption,
            fees=self.fees(),
            financing=self.financing(),
            by_venue={
                venue: VenueAssumptions(
                    latency_ns=None if own.latency_ms is None else milliseconds_ns(own.latency_ms),
                    jitter_ns=None if own.jitter_ms is None else milliseconds_ns(own.jitter_ms),
                    slippage_bps=own.slippage_bps,
                    bar_half_spread_bps=own.bar_half_spread_bps,
                )
                for venue, own in section.by_venue.items()
            },
            impact=None
            if section.impact is None
            else ImpactTerms(
                coefficient=section.impact.coefficient,
                by_symbol={
                    symbol: ImpactFacts(volatility_fraction=facts.volatility_fraction, daily_volume=facts.daily_volume)
                    for symbol, facts in section.impact.by_symbol.items()
                },
            ),
        )

    def taker_terms(self) -> dict[str, TakerTerms]:
        """Return what a market order is assumed to pay beside fees, by venue."""
        assumed = self.assumptions()
        return {venue: assumed.at(venue).taker_terms for venue in self.venues}

    def financing(self) -> FinancingTerms:
        """Return what holding costs and earns. A funding series stands here by the sha256 of its file."""
        section = self.assumptions_section.financing
        return FinancingTerms(
            day_count=section.day_count,
            accrue_at=section.accrue_at,
            zone=section.zone,
            borrow=dict(section.borrow),
            interest={
                code: InterestTerms(credit_fraction=terms.credit_fraction, debit_fraction=terms.debit_fraction)
                for code, terms in section.interest.items()
            },
            funding={
                symbol: FundingTerms(
                    rate=terms.rate,
                    interval_ns=terms.interval_h * NS_PER_H,
                    series_sha256=None if terms.series is None else sha256_hex(terms.series.read_bytes()),
                )
                for symbol, terms in section.funding.items()
            },
        )

    def funding_series(self) -> dict[str, dict[int, Decimal]]:
        """Return the dated funding rates of the perpetuals that have a series."""
        from lakehouse.funding_series import read_funding_series

        funding = self.assumptions_section.financing.funding
        return {symbol: read_funding_series(terms.series) for symbol, terms in funding.items() if terms.series is not None}

    def fees(self) -> dict[str, FeeSchedule]:
        """Return the fee schedule of each venue."""
        return {
            venue: FeeSchedule(
                maker_fraction=fees.maker_fraction, taker_fraction=fees.taker_fraction, base_on_buys=fees.base_on_buys
            )
            for venue, fees in self.assumptions_section.fees.items()
        }

    def accounts(self) -> dict[str, AccountKind]:
        """Return the kind of account at each venue."""
        return {name: venue.account for name, venue in self.venues.items()}

    def starting_cash(self) -> dict[str, dict[str, Decimal]]:
        """Return the cash of a first start, by venue and currency."""
        return {venue: dict(amounts) for venue, amounts in self.capital.starting_cash.items()}

    def plan_policy(self) -> PlanPolicy:
        """Return how targets become a plan."""
        return plan_policy(self.policy, base_currency=self.capital.base_currency)

    def sentinel_limits(self) -> SentinelLimits:
        """Return the guard's limits."""
        section = self.sentinel
        return SentinelLimits(
            max_leverage=section.max_leverage,
            max_asset_exposure=section.max_asset_exposure,
            max_order_value_base=section.max_order_value_base,
            price_collar_fraction=section.price_collar_fraction,
            price_age_max_ns=section.price_age_max_ms * NS_PER_MS,
            reference_age_max_ns=section.reference_age_max_ms * NS_PER_MS,
            gross_weight_min=section.gross_weight_min,
            gross_weight_max=section.gross_weight_max,
            hhi_max=section.hhi_max,
            turnover_max=section.turnover_max,
            crisis_net_long_max=section.crisis_net_long_max,
            turbulent_gross_fraction=section.turbulent_gross_fraction,
            duplicate_window_ns=section.duplicate_window_s * NS_PER_S,
            provenance_min=section.provenance_min,
            max_leverage_net=section.max_leverage_net,
            equity_age_max_ns=section.equity_age_max_ms * NS_PER_MS,
            max_order_units=section.max_order_units,
            adv_fraction_max=section.adv_fraction_max,
            messages_per_s_max=section.messages_per_s_max,
            messages_per_day_max=section.messages_per_day_max,
            repeats_max=section.repeats_max,
            repeats_window_ns=section.repeats_window_s * NS_PER_S,
            day_loss_max_fraction=section.day_loss_max_fraction,
            drawdown_max_fraction=section.drawdown_max_fraction,
            spread_max_fraction=section.spread_max_fraction,
            jump_max_fraction=section.jump_max_fraction,
            jump_age_max_ns=section.jump_age_max_ms * NS_PER_MS,
            jump_confirm_ns=section.jump_confirm_s * NS_PER_S,
            fill_drift_max_fraction=section.fill_drift_max_fraction,
            fill_drift_window_ns=section.fill_drift_window_s * NS_PER_S,
            day_turnover_max=section.day_turnover_max,
            manifest_age_max_ns=self.lakehouse.manifest_age_max_h * NS_PER_H,
            allow={venue: tuple(symbols) for venue, symbols in section.allow.items()},
        )

    def manifest_policy(self) -> ManifestPolicy:
        """Return what is asked of a manifest."""
        from lakehouse.manifest import ManifestPolicy  # here: `config check` must start fast

        section = self.lakehouse
        return ManifestPolicy(
            root=str(section.manifest_root),
            zone=section.zone,
            age_max_ns=section.manifest_age_max_h * NS_PER_H,
            future_skew_max_ns=section.future_skew_max_s * NS_PER_S,
            size_max=section.manifest_size_max_bytes,
            capital=self.capital.winners,
            shapes=frozenset(section.shapes_allowed),
        )

    def manifest_paths(self) -> tuple[Path, ...]:
        """Return where a manifest may appear, `manifest` first; the newest of them counts."""
        return self.lakehouse.manifest, *self.lakehouse.manifest_also

    def provenance_policy(self) -> ProvenancePolicy:
        """Return where source runs lie and how well they must be proven."""
        from lakehouse.provenance import ProvenancePolicy

        section = self.lakehouse
        return ProvenancePolicy(
            runs_directory=str(section.runs_directory),
            grade_min=section.provenance_min,
            returns=section.returns_check,
            returns_file=None if section.returns_file is None else str(section.returns_file),
        )

    def regime_audit_policy(self) -> RegimeAuditPolicy | None:
        """Return which regime log counts beside the manifest's regime; None: none is configured."""
        from lakehouse.regime_audit import RegimeAuditPolicy

        section = self.lakehouse
        if section.regime_audit is None or section.regime_audit_age_max_h is None:
            return None
        return RegimeAuditPolicy(
            path=str(section.regime_audit), age_max_ns=section.regime_audit_age_max_h * NS_PER_H, zone=section.zone
        )

    def drift_levels(self) -> DriftLevels:
        """Return from which drift on a book wants attention."""
        from lakehouse.drift_csv import DriftLevels

        section = self.lakehouse
        return DriftLevels(
            rebalance_turnover=section.drift_rebalance_turnover,
            urgent_turnover=section.drift_urgent_turnover,
            urgent_drift=section.drift_urgent_drift,
        )

    def alarm_policy(self) -> AlarmPolicy | None:
        """Return where alarms go beside the log; None: nowhere."""
        from engine.alarms import AlarmPolicy

        if self.alarms is None:
            return None
        return AlarmPolicy(
            command=tuple(self.alarms.command),
            webhook=self.alarms.webhook,
            per_minute=self.alarms.per_minute,
            timeout_s=self.alarms.timeout_s,
        )

    def override_rules(self, *, engine: Set[str]) -> OverrideRules | None:
        """Return whose word overrides a control that asks for it; None: nobody's. `engine`: public keys that are no person's."""
        return override_rules(self.override, self.live, engine=engine)

    def caveats(self) -> tuple[StatedCaveat, ...] | None:
        """Return what limits a result of the config's data, in its order; None: not stated."""
        stated = self.data.caveats
        if stated is None:
            return None
        return tuple(StatedCaveat(name=name, meaning=MEANINGS[name], words=words) for name, words in stated.items())

    def rates(self) -> dict[str, Rate]:
        """Return the rates to base currency, by currency; base itself is not among them."""
        return {
            currency: Rate(value=rate.value, as_of_ns=ns_of(rate.as_of), valid_until_ns=ns_of(rate.valid_until))
            for currency, rate in self.rates_section.items()
        }


def load_config(path: Path) -> RunConfig:
    """Read, check and cross-check a run config; relative paths in it are taken from the current directory.

    Raises `ConfigInvalid` with every problem, or `ConfigError` CONFIG_UNREADABLE when there is no text to check.
    """
    data = _bytes(path)
    try:
        text = data.decode("utf-8")
        document = parse_toml(text)
    except UnicodeDecodeError as error:
        raise ConfigInvalid(
            path, (Problem(line=1, key="(file)", message=f"must be UTF-8, byte {error.start} is not"),)
        ) from error
    except tomllib.TOMLDecodeError as error:
        problem = Problem(line=decode_error_line(str(error)), key="(file)", message=f"is not TOML: {error}")
        raise ConfigInvalid(path, (problem,)) from error
    except ValueError as error:
        raise ConfigInvalid(path, (Problem(line=1, key="(file)", message=f"is not TOML that can be read: {error}"),)) from error
    found: list[tuple[tuple[str, ...], str]] = []
    document, unnamed = with_assumptions(document)
    if unnamed:
        raise _invalid(path, text, unnamed)
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(document)
    except ValidationError as error:
        found = shape_problems(error, root=RunConfig)
    if config is None:
        found += cross_problems(valid_sections(document, root=RunConfig))
    else:
        found += cross_problems({field.alias or name: getattr(config, name) for name, field in RunConfig.model_fields.items()})
    if found or config is None:
        raise _invalid(path, text, found)
    return config.read_from(path, sha256=sha256_hex(data))


def _invalid(path: Path, text: str, found: list[tuple[tuple[str, ...], str]]) -> ConfigInvalid:
    lines = key_lines(text)
    problems = [Problem(line=line_of(lines, key), key=dotted(key), message=message) for key, message in found]
    return ConfigInvalid(path, tuple(sorted(problems, key=lambda problem: problem.line)))


def _bytes(path: Path) -> bytes:
    try:
        data = read_plain(path, size_max=CONFIG_SIZE_MAX)
    except OSError as error:
        raise ConfigError(
            "CONFIG_UNREADABLE",
            expected=f"a run config at {path}",
            found=error.strerror or "an I/O error",
            action="Name one with --config; data/configs holds commented examples.",
        ) from error
    if len(data) > CONFIG_SIZE_MAX:
        raise ConfigError(
            "CONFIG_TOO_LARGE",
            expected=f"a run config of at most {CONFIG_SIZE_MAX} bytes at {path}",
            found="more",
            action="Name another file with --config.",
        )
    return data
