"""assemble(): strategy, desk, gate and recorder on a Nautilus kernel — a backtest's or a node's, by the same lines.

Only what is in `Assembly.parts` differs between the two: journal, permission, clock and clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nautilus_trader.common.component import LiveClock

from engine.accruals import Accruals
from engine.approvals import Approvals
from engine.base_fees import BaseFees
from engine.book_valuer import BookValuer
from engine.child_desk import SchedulesDesk
from engine.day_turnover import DayTurnover
from engine.desk import ManifestDesk
from engine.drift import DriftGrid
from engine.engine_keys import engine_keys
from engine.facade import OrderFacade
from engine.flatten import FlattenDesk
from engine.gate import Gate
from engine.hop import Hop
from engine.hours import Hours, load_calendars
from engine.market_time import MarketTime
from engine.override import OverrideDesk
from engine.plan_facts import PlanFacts
from engine.prices import Prices
from engine.recorder import Recorder
from engine.regime_watch import RegimeWatch
from engine.releases import Releases
from engine.run_config import RunConfig
from engine.run_recorder import made_recorder
from engine.sentinel_state import SentinelState
from engine.volume_profiles import load_profiles
from engine.volumes_in import load_volumes
from engine.waiting import Waiting
from lakehouse import records
from lakehouse.layout import Layout
from lakehouse.permission import Permission
from lakehouse.rebuild import LogFold
from lakehouse.run_inputs import InputsWriter
from lakehouse.volumes_snapshot import volumes_sha256
from orders.book import BookKeeper
from orders.canonical import plain
from orders.capital import Capital, share_of
from orders.plan import PlanPolicy
from orders.schedule import Schedule
from orders.values import AccountKind, Listing, MarketLimits, Rate
from sentinel.armed import Armed
from sentinel.limits import SentinelLimits
from strategies.manifest_strategy import ManifestStrategy
from strategies.schedules.algorithm import ScheduleAlgorithm

NS: Final = 1_000_000_000
STRATEGY_NAME = "SLUICE"
RECORDER_PRIORITY = 20  # before any strategy: a cycle that ends on an event must find it written, and every order counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an assembly is made of. `fold` is what the log said at start, an empty one for a new log.

    `bar_spec` None: prices are quotes. `on_halt(reason)` is called once per halt, after sending has been blocked. `post`: puts a
    callback on the loop from any thread; a live kernel with schedules needs it, a backtest has none (`engine.hop`). `requests`:
    the data directory in which a person's request to flatten may appear; None: nobody asks. `inputs`: where manifests and
    judgements are kept before they are used; None: they are not. `armed`: what may go out to real venues, of a live run alone.
    `approvals`: where a manifest's signed approval is looked for; None: it needs none. `capital`: what a promoted run may use of
    equity; None: nothing governs it.
    """

    config: RunConfig
    run_id: str
    listings: Mapping[str, Listing]
    market_limits: Mapping[str, MarketLimits]
    market_limits_sha256: str
    journal: Any
    durable: bool
    permission: Permission
    market_time: MarketTime
    fold: LogFold
    bar_spec: str | None
    on_halt: Callable[[str], None] = lambda reason: None
    on_fill: Callable[[], None] = lambda: None
    post: Callable[[Callable[[], None]], Any] | None = None
    requests: Layout | None = None
    inputs: InputsWriter | None = None
    armed: Armed | None = None
    approvals: Approvals | None = None
    bundle_sha256: str | None = None
    capital: Capital | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembly:
    """The wired parts of one kernel."""

    gate: Gate
    recorder: Recorder
    desk: ManifestDesk
    strategy: ManifestStrategy
    facade: OrderFacade
    prices: Prices
    accruals: Accruals
    instrument_ids: Mapping[str, str]
    sentinel: SentinelState
    halt: Callable[[str], None]
    hours_sha256: str | None
    flatten: FlattenDesk | None = None
    override: OverrideDesk | None = None

    def hold_to(self, capital: Capital) -> Capital:
        """Use no more than this of equity from now on, or less where less was left already; return what holds.

        At once at the gate and the second lock; what opens or adds and waits or works is given up or cancelled; what is held
        above it comes down by a plan at the next prices.
        """
        running, strategy = self.sentinel.running, self.strategy
        before = share_of(running.capital)
        running.hold_to(capital)
        assert running.capital is not None
        self.desk.capital_lowered(cycle_open=not strategy.at_rest, fraction_fell=running.capital.usable < before)
        strategy.cut_opening()
        return running.capital

    def raise_to(self, capital: Capital) -> None:
        """Use this of equity from now on, which persons gave the run; the next plan is made with it, and none is made for it."""
        self.sentinel.running.raise_to(capital)

    def poll(self) -> None:
        """Look for what a person asks of the run by a file; nothing where nobody asks."""
        if self.flatten is not None:
            self.flatten.poll()
        if self.override is not None:
            self.override.poll()


def assemble(kernel: Any, parts: Parts) -> Assembly:
    """Wire everything and take the execution endpoint. The kernel's clients are added by the caller, before or after."""
    config = parts.config
    limits: SentinelLimits = config.sentinel_limits()
    schedules = config.schedules()
    policy: PlanPolicy = config.plan_policy()
    rates: Mapping[str, Rate] = {  # dated in market time, asked on the engine's clock
        currency: Rate(
            value=rate.value,
            as_of_ns=parts.market_time.real_of(rate.as_of_ns),
            valid_until_ns=parts.market_time.real_of(rate.valid_until_ns),
        )
        for currency, rate in config.rates().items()
    }
    instrument_ids = {symbol: parts.listings[symbol].instrument_id for symbol in parts.market_limits if symbol in parts.listings}
    strategy_id = f"{STRATEGY_NAME}-{config.strategy_tag}"
    terms = config.taker_terms()
    prices = Prices(
        cache=kernel.cache,
        msgbus=kernel.msgbus,
        instrument_ids=instrument_ids,
        bar_spec=parts.bar_spec,
        half_spread_bps={symbol: terms[parts.listings[symbol].venue].half_spread_bps for symbol in instrument_ids},
        bars_kept_ns=limits.jump_confirm_ns // parts.market_time.speed,
    )
    keeper: BookKeeper = parts.fold.keeper
    if parts.fold.run is None:  # a halt or a recovery may have been written before the first run
        keeper = BookKeeper(cash=config.starting_cash())

    calendars = load_calendars(config)
    hours = Hours(calendars.by_venue, listings=parts.listings, market_time=parts.market_time)

    recorder, halt = made_recorder(kernel, parts, prices=prices, keeper=keeper, strategy_id=strategy_id)
    turnover = DayTurnover(parts.fold)
    recorder.fill_listeners.append(turnover.on_fill)
    valuer = BookValuer(
        keeper=keeper,
        prices=prices,
        listings=parts.listings,
        market_limits=parts.market_limits,
        rates=rates,
        base_currency=policy.base_currency,
        price_age_max_ns=limits.price_age_max_ns,
        hours_of=hours.of,
    )
    state = SentinelState(
        limits=limits,
        writer=recorder,
        keeper=keeper,
        prices=prices,
        market_time=parts.market_time,
        market_limits=parts.market_limits,
        valuer=valuer,
        volumes=load_volumes(config),
        turnover=turnover,
        clock_ns=kernel.clock.timestamp_ns,
        interval_ns=config.sentinel.equity_interval_s * NS,
        halt=halt,
        wake=None if isinstance(kernel.clock, LiveClock) else Hop(kernel.clock, post=None, name="value").at,  # a loop has a task
        armed=parts.armed,
        capital=parts.capital,
    )
    state.restore(parts.fold)
    regime = RegimeWatch(
        config.regime_audit_policy(),
        limits=limits,
        market_now_ns=recorder.market_now_ns,
        alarm=lambda code, message: recorder.write(records.Alarm, code=code, message=message),
    )
    gate = Gate(
        msgbus=kernel.msgbus,
        cache=kernel.cache,
        clock=kernel.clock,
        exec_engine=kernel.exec_engine,
        limits=limits,
        permission=parts.permission,
        quote_of=prices.quote_of,
        record=recorder.verdict,
        halt=halt,
        owner=strategy_id,
        state=state,
        schedules=schedules,
        hours_at=hours.at,
        growth=regime.growth,
    )
    recorder.follower = gate
    assumptions, age_max_ns = config.assumptions(), config.manifest_policy().age_max_ns
    facts = PlanFacts(
        config=config,
        policy=policy,
        rates=rates,
        listings=parts.listings,
        market_limits=parts.market_limits,
        recorder=recorder,
        gate=gate,
        permission=parts.permission,
        prices=prices,
        cache=kernel.cache,
        clock_ns=kernel.clock.timestamp_ns,
        turnover=turnover,
        hours=hours,
        approvals=parts.approvals is not None,
        capital=lambda: state.running.capital,
    )

    def messages_left(venue: str) -> int:
        return state.running.rates.left_now(venue, kernel.clock.timestamp_ns())

    releases = Releases(
        keeper=keeper,
        recorder=recorder,
        gate=gate,
        quote_of=prices.quote_of,
        listings=parts.listings,
        limits=parts.market_limits,
        accounts=config.accounts(),
        assumptions=assumptions,
        drift_fraction=policy.cash_drift_fraction,
        wait_ns=config.policy.release_deadline_s * NS // parts.market_time.speed,
        messages_left=messages_left,
    )
    desk = ManifestDesk(
        config=config,
        limits=limits,
        facts=facts,
        releases=releases,
        state=state,
        recorder=recorder,
        gate=gate,
        permission=parts.permission,
        quote_of=prices.quote_of,
        listings=parts.listings,
        clock_ns=kernel.clock.timestamp_ns,
        fold=parts.fold,
        halt=halt,
        hours=hours,
        waiting=Waiting(hours, market_time=parts.market_time, age_max_ns=age_max_ns),
        drift=DriftGrid(every_s=config.policy.drift_check_s, market_time=parts.market_time, age_max_ns=age_max_ns),
        regime=regime,
    )
    strategy = ManifestStrategy(
        tag=config.strategy_tag,
        desk=desk,
        instrument_ids=instrument_ids,
        watch=prices.watch,
        unwatch=prices.unwatch,
        symbol_of=prices.symbol_of,
    )
    accruals = Accruals(
        terms=config.financing(),
        series=config.funding_series(),
        recorder=recorder,
        prices=prices,
        listings=parts.listings,
        limits=parts.market_limits,
        market_time=parts.market_time,
        fold=parts.fold,
        halt=halt,
    )
    accruals.on_cash = releases.booked
    accruals.listen(kernel.msgbus, instrument_ids)
    accounts = config.accounts()
    if any(fees.base_on_buys and accounts[venue] is AccountKind.MARGIN for venue, fees in config.fees().items()):
        base_fees = BaseFees(accounts=accounts, listings=parts.listings, adjust=accruals.adjust, halt=halt)
        kernel.msgbus.subscribe(topic="events.order.*", handler=base_fees.on_event, priority=RECORDER_PRIORITY)
    kernel.trader.add_strategy(strategy)
    assert strategy.id.value == strategy_id
    kernel.msgbus.subscribe(topic="events.order.*", handler=recorder.on_event, priority=RECORDER_PRIORITY)
    gate.install()
    if schedules:
        _add_schedules(
            kernel,
            parts,
            schedules,
            recorder=recorder,
            gate=gate,
            prices=prices,
            halt=halt,
            owner=strategy_id,
            messages_left=messages_left,
        )
    flatten, override = None, None
    if parts.requests is not None:
        flatten = FlattenDesk(
            layout=parts.requests,
            environment=config.environment,
            seen=parts.fold.flattens,
            desk=desk,
            strategy=strategy,
            recorder=recorder,
            permission=parts.permission,
            limits=limits,
            cache=kernel.cache,
            clock_ns=kernel.clock.timestamp_ns,
            halt=halt,
            messages_left=messages_left,
        )
        override = OverrideDesk(
            layout=parts.requests,
            environment=config.environment,
            rules=config.override_rules(engine=engine_keys()),
            used=parts.fold.overrides,
            desk=desk,
            strategy=strategy,
            recorder=recorder,
            clock_ns=kernel.clock.timestamp_ns,
            halt=halt,
        )
    return Assembly(
        gate=gate,
        recorder=recorder,
        desk=desk,
        strategy=strategy,
        facade=OrderFacade(desk=desk, strategy=strategy, recorder=recorder, cache=kernel.cache, halt=halt),
        prices=prices,
        accruals=accruals,
        instrument_ids=instrument_ids,
        sentinel=state,
        halt=halt,
        hours_sha256=calendars.sha256,
        flatten=flatten,
        override=override,
    )


def _add_schedules(
    kernel: Any,
    parts: Parts,
    schedules: Mapping[str, Schedule],
    *,
    recorder: Recorder,
    gate: Gate,
    prices: Prices,
    halt: Callable[[str], None],
    owner: str,
    messages_left: Callable[[str], int],
) -> None:
    """Register an algorithm for each schedule."""
    instrument_ids = {symbol: parts.listings[symbol].instrument_id for symbol in parts.market_limits if symbol in parts.listings}
    desk = SchedulesDesk(
        recorder=recorder,
        gate=gate,
        prices=prices,
        msgbus=kernel.msgbus,
        limits=parts.market_limits,
        instrument_ids=instrument_ids,
        profiles=load_profiles(parts.config, instrument_ids, now_ns=kernel.clock.timestamp_ns()),
        clock_ns=kernel.clock.timestamp_ns,
        wake=Hop(kernel.clock, post=parts.post).at,
        halt=halt,
        messages_left=messages_left,
    )
    for schedule in schedules.values():
        kernel.trader.add_exec_algorithm(ScheduleAlgorithm(schedule=schedule, desk=desk, owner=owner))


class Wired(Protocol):
    """What every run's wiring has, a twin's too."""

    @property
    def recorder(self) -> Recorder:
        """Who writes the log."""
        ...

    @property
    def hours_sha256(self) -> str | None:
        """Of the market hours files; None: hours are not judged."""
        ...

    @property
    def halt(self) -> Callable[[str], None]:
        """What halts the run, for a reason."""
        ...


def write_run_start(assembly: Wired, parts: Parts, *, kind: str, version: str, data_source: str, synthetic: list[str]) -> None:
    """Write the first line of a run."""
    config, recorder = parts.config, assembly.recorder
    first = parts.fold.run is None
    cash = {venue: {c: plain(a) for c, a in amounts.items()} for venue, amounts in config.starting_cash().items()}
    recorder.write(
        records.RunStart,
        sluice_version=version,
        environment=config.environment,
        kind=kind,
        config_sha256=recorder.facts.config_sha256,
        limits_sha256=recorder.facts.limits_sha256,
        market_limits_sha256=recorder.facts.market_limits_sha256,
        assumptions_sha256=recorder.facts.assumptions_sha256,
        assumptions=plain(config.assumptions()),
        data_source=data_source,
        synthetic=synthetic,
        real_epoch_ns=parts.market_time.real_epoch_ns,
        market_epoch_ns=parts.market_time.market_epoch_ns,
        market_speed=parts.market_time.speed,
        starting_cash=cash if first else None,
        durable=parts.durable,
        base_currency=config.capital.base_currency,
        hours_sha256=assembly.hours_sha256,
        volumes_sha256=volumes_sha256(venue.volumes for venue in config.venues.values() if venue.volumes is not None),
        inputs_sha256=None if parts.inputs is None else parts.inputs.sha256,
        bundle_sha256=parts.bundle_sha256,
    )
