"""Evidence made by the real journal: a record of runs under one bundle, with what gates measure under control of the caller."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse import records
from lakehouse.journal import SyncJournal
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.run_inputs import InputsWriter
from lakehouse.state import ActualState, Asset, write_actual_state
from lakehouse.twins import first_sha256
from orders.canonical import decimal_text
from orders.values import Side

DAY_NS = 86_400 * 10**9
BEGIN_NS = 1_790_000_000 * 10**9
MS = 1_000_000
BUNDLE = "b1" * 32
CODE = "c0" * 32
LATENCY_MS = 20  # that is assumed
HALF_SPREAD = Decimal("0.5")
FEE_FRACTION = Decimal("0.001")
ASSUMED = {"name": "made", "latency_ns": LATENCY_MS * MS, "jitter_ns": 0, "by_venue": {}}


@dataclass(kw_only=True)
class Made:
    """What a record shows. Of orders the first so many are rejected, denied (by the gate) or without an answer for a while.

    `worse_bps`: how much worse than forecast each fill is; `late_ms`: how much later than assumed each answer; `scatter` makes
    both differ from order to order. `unproven`, `unapproved`: the last manifest of the record is not VERIFIED, not approved.
    """

    bundle: str | None = BUNDLE
    kind: str = "shadow"
    environment: str = "made"
    runs: int = 2
    plans: int = 10
    orders: int = 20  # a plan
    begin_ns: int = BEGIN_NS
    days: Decimal = Decimal(10)
    rejected: int = 0
    denied: int = 0
    unknown: int = 0
    worse_bps: Decimal = Decimal(0)
    late_ms: int = 5
    scatter: bool = True
    breaks: int = 0
    unproven: bool = False
    approved: bool = True
    symbols: int = 20
    equities: int = 1  # lines a plan
    base_currency: str = "USDT"
    limits: bytes | None = None  # a snapshot of market limits that each run keeps among its inputs
    number: int = field(default=0, init=False)

    @property
    def span_ns(self) -> int:
        return int(self.days * DAY_NS)


def made_record(directory: Path, made: Made, *, first_run: int = 0, ends: bool = True) -> Layout:
    """Write the record of `made`, or go on in one; return where it lies. It verifies."""
    layout = Layout(directory)
    plans = made.plans // made.runs
    step_ns = made.span_ns // max(made.plans, 1)
    for run in range(made.runs):
        begin = made.begin_ns + run * plans * step_ns
        run_id = f"run-{first_run + run}"
        journal = open_journal(layout, now_ns=begin, run_id=run_id, durable=False)
        cash = {"BINANCE": {"USDT": "1000000000"}} if journal.fold.run is None else None
        end = begin + plans * step_ns
        kept = _kept(made, layout, run_id)
        for line in _lines(
            made, kept=kept, run_id=run_id, cash=cash, begin=begin, step_ns=step_ns, plans=plans, cycle=journal.fold.cycle
        ):
            _append(journal, line)
        if ends:
            stop = {
                "ts_ns": end,
                "market_ns": end,
                "run_id": run_id,
                "cause": "finished",
                "open_orders": 0,
                "inputs_sha256": kept,
            }
            _append(journal, records.RunStop(**stop))  # type: ignore[arg-type]
        journal.close()
        _save_state(layout, journal, now_ns=end)
    return layout


def _append(journal: SyncJournal, line: Any) -> None:
    journal.fold.apply(line, seq=journal.append(line))


def _save_state(layout: Layout, journal: SyncJournal, *, now_ns: int) -> None:
    fold = journal.fold
    assert fold.environment is not None
    assets = tuple(
        Asset(symbol=s, venue=fold.venues[s], quantity=q, price=fold.marks[s][0], notional_base=q * fold.marks[s][0])
        for s, q in fold.keeper.positions.items()
    )
    state = ActualState(
        environment=fold.environment, assets=assets, equity_base=Decimal(100_000), cash=fold.keeper.cash, fees=fold.keeper.fees,
        financing=fold.keeper.financing, log_line=fold.log_line, updated_ns=now_ns,
    )  # fmt: skip
    write_actual_state(layout.state, state)


def _kept(made: Made, layout: Layout, run_id: str) -> str | None:
    """The hash of a run's list of inputs, where it keeps any."""
    if made.limits is None:
        return None
    writer = InputsWriter(layout, run_id=run_id)
    writer.file(made.limits, kind="market_limits", name="BINANCE", path="limits.json")
    writer.close()
    return writer.sha256


def _lines(
    made: Made, *, kept: str | None, run_id: str, cash: Any, begin: int, step_ns: int, plans: int, cycle: int
) -> Iterator[records.AnyLine]:
    def at(ns: int) -> dict[str, Any]:
        return {"ts_ns": ns, "market_ns": ns, "run_id": run_id}

    yield records.RunStart(
        **at(begin), sluice_version="0.1.0", environment=made.environment, kind=made.kind, config_sha256="c" * 64,
        limits_sha256="d" * 64, market_limits_sha256="e" * 64, assumptions_sha256="f" * 64, assumptions=ASSUMED,
        data_source="made", synthetic=["everything"], real_epoch_ns=begin, market_epoch_ns=begin, market_speed=1,
        starting_cash=cash, durable=True, base_currency=made.base_currency, bundle_sha256=made.bundle, inputs_sha256=kept,
    )  # fmt: skip
    manifest = f"{made.number:02x}" * 32
    last = made.number + plans >= made.plans
    yield records.ManifestLine(
        **at(begin + 1), manifest_sha256=manifest, decision="ACCEPTED", code="", message="", source_run="run",
        grade="LEDGER_ONLY" if made.unproven and last else "VERIFIED", run_ledger_head=None, generated_ns=begin, written_ns=begin,
        read_ns=begin, regime="NORMAL", targets={}, decision_prices={_symbol(n): "100" for n in range(made.symbols)},
        approved_by="pia" if made.approved or not last else "", approval_sha256="a" * 64 if made.approved or not last else "",
    )  # fmt: skip
    for outcome in (["clean"] + ["break"] * made.breaks) if made.number == 0 else ["clean"]:
        yield records.Reconcile(**at(begin + 2), outcome=outcome, detail="made")
    for number in range(plans):
        yield from _cycle(made, at, manifest=manifest, cycle=cycle + number + 1, now=begin + number * step_ns + 10)
        made.number += 1


def _symbol(number: int) -> str:
    return f"BINANCE:S{number:03d}USDT"


def _cycle(made: Made, at: Any, *, manifest: str, cycle: int, now: int) -> Iterator[records.AnyLine]:
    sha = f"{cycle:064x}"
    known = {"cycle": cycle, "manifest_sha256": manifest}
    yield records.CycleOpened(**at(now), cause="new_manifest", **known)
    side = Side.BUY if cycle % 2 else Side.SELL
    rows = [_plan_row(line, side) for line in range(1, made.orders + 1)]
    plan = {
        "version": 1, "environment": made.environment, "manifest_sha256": manifest, "source_run": "run", "cycle": cycle,
        "base_currency": "USDT", "equity_base": "100000", "cash_base": "100000", "scale_factor": "1", "gross_before": "0",
        "net_before": "0", "gross_after": "1", "net_after": "1", "turnover": "0.02", "tracking_error_bps": "12.5",
        "forecast_cost_bps": "10", "prices_ns": str(now), "lines": rows, "cause": "new_manifest",
    }  # fmt: skip
    yield records.PlanLineRecord(
        **at(now + 1), **known, decision="PLAN", code="", message="", plan_sha256=sha, planned_ns=now, approved_ns=now + 1,
        verdicts=[{"control": "HALT", "outcome": "ALLOW", "observed": "not halted", "limit": "not halted", "line": 0}], plan=plan,
    )  # fmt: skip
    for row in rows:
        yield from _order(made, at, row, manifest=manifest, plan_sha256=sha, cycle=cycle, now=now + 2)
    for number in range(made.equities):
        yield records.EquityLine(
            **at(now + 10**9 + number), equity_base="100000", day=now // DAY_NS, day_start_base="100000", peak_base="100000",
            mode="OPEN",
        )  # fmt: skip
    yield records.CycleClosed(**at(now + 2 * 10**9), outcome="done", **known)


def _plan_row(line: int, side: Side) -> dict[str, Any]:
    return {
        "line": line, "symbol": _symbol(line - 1), "venue": "BINANCE", "instrument_id": f"S{line - 1:03d}USDT.BINANCE",
        "side": side.value, "quantity": "1", "order_kind": "MARKET", "reason": "TRADE", "detail": "", "target_weight": "0.05",
        "held_weight": "0", "held_quantity": "0", "wanted_quantity": decimal_text(Decimal(side.sign)), "bid": "99.5",
        "ask": "100.5", "unit_value_base": "1", "notional_base": "100", "fee_base": decimal_text(FEE_FRACTION * 100),
        "limit_price": None, "forecast_price": "100.5" if side is Side.BUY else "99.5", "attribution": {}, "crossed_weight": "0",
        "after_line": None, "reduce_only": False,
    }  # fmt: skip


def _order(
    made: Made, at: Any, row: dict[str, Any], *, manifest: str, plan_sha256: str, cycle: int, now: int
) -> Iterator[records.AnyLine]:
    number = made.number * made.orders + row["line"] - 1
    key = order_id(cycle=cycle, line=row["line"], plan=made.number)
    side = Side(row["side"])
    shared = {
        "cycle": cycle, "line": row["line"], "client_order_id": key, "symbol": row["symbol"],
        "instrument_id": row["instrument_id"], "side": side, "quantity": "1", "order_kind": "MARKET", "strategy_id": "S-1",
        "source_run": "run", "manifest_sha256": manifest, "plan_sha256": plan_sha256, "decision_price": "100",
        "arrival_bid": "99.5", "arrival_ask": "100.5", "arrival_mid": "100", "arrival_ns": now, "planned_ns": now,
        "approved_ns": now + 1,
    }  # fmt: skip
    yield records.Intent(
        **at(now), **shared, venue="BINANCE", limit_price=None, time_in_force="IOC", reduce_only=False, forecast_fee_base="0.1"
    )
    denied = made.rejected <= number < made.rejected + made.denied
    yield records.VerdictLine(
        **at(now + 1), client_order_id=key, symbol=row["symbol"], outcome="DENY" if denied else "ALLOW",
        code="PRICE_COLLAR" if denied else "", verdicts=[["HALT", "ALLOW", "not halted", "not halted"]], limits_sha256="d" * 64,
    )  # fmt: skip
    if denied:
        yield records.Reject(
            **at(now + 2), client_order_id=key, symbol=row["symbol"], by="sentinel", code="PRICE_COLLAR", message=""
        )
        return
    sent = now + 3
    yield records.Send(
        **at(sent),
        client_order_id=key,
        symbol=row["symbol"],
        venue="BINANCE",
        account="BINANCE-001",
        action="submit",
        quantity="1",
    )
    if number < made.rejected:
        yield records.Reject(**at(now + 4), client_order_id=key, symbol=row["symbol"], by="venue", code="NO_SIZE", message="")
        return
    if number < made.rejected + made.denied + made.unknown:
        yield records.UnknownOutcome(**at(now + 5), client_order_id=key, venue="BINANCE", message="no answer")
    turn = number % 5 - 2 if made.scatter else 0
    acked = sent + (LATENCY_MS + made.late_ms + turn) * MS
    yield records.Ack(
        **at(acked), client_order_id=key, venue_order_id=f"V-{number}", venue="BINANCE", account="BINANCE-001", event_ns=acked
    )
    price = Decimal(100) + side.sign * (HALF_SPREAD + (made.worse_bps + Decimal(turn) / 10) / 100)
    event = acked + MS
    yield records.Fill(
        **at(event), **shared, venue_order_id=f"V-{number}", trade_id=f"T-{cycle}-{number}", venue="BINANCE",
        account="BINANCE-001", price=decimal_text(price), multiplier="1", notional_quote=decimal_text(price),
        quote_currency="USDT", base_currency=row["symbol"][8:12], fee="0.1", fee_currency="USDT", liquidity="taker",
        order_quantity="1", filled_quantity="1", run_ledger_head=None, config_sha256="c" * 64, limits_sha256="d" * 64,
        market_limits_sha256="e" * 64, assumptions_sha256="f" * 64, environment=made.environment, fill_bid="99.5",
        fill_ask="100.5", manifest_written_ns=now, manifest_read_ns=now, intent_durable_ns=sent - 1, sent_ns=sent,
        acked_ns=acked, event_ns=event, attribution={},
    )  # fmt: skip


def order_id(*, cycle: int, line: int, plan: int) -> str:
    """The client order id of one order of a record."""
    return f"{cycle:08x}{line:08x}{plan:016x}"


def made_twin(
    directory: Path,
    made: Made,
    *,
    price_bps: Decimal,
    late_ms: int,
    filled: str = "1",
    live: Layout | None = None,
    plans: int = 999,
) -> Layout:
    """A twin that compared every order of one run: live paid `price_bps` more, was `late_ms` later, and filled so much.

    `live`: the record it followed, another one where there is none; `plans`: it ran for so many of them and no longer.
    """
    layout = Layout(directory)
    journal = open_journal(layout, now_ns=made.begin_ns, run_id="twin-0", durable=False)
    base = {"ts_ns": made.begin_ns, "market_ns": made.begin_ns, "run_id": "twin-0"}
    start = records.RunStart(
        **base, sluice_version="0.1.0", environment=made.environment, kind="twin", config_sha256="c" * 64,
        limits_sha256="d" * 64, market_limits_sha256="e" * 64, assumptions_sha256="f" * 64, assumptions=ASSUMED,
        data_source="made", synthetic=["everything"], real_epoch_ns=made.begin_ns, market_epoch_ns=made.begin_ns, market_speed=1,
        starting_cash={"BINANCE": {"USDT": "1000"}}, durable=True, base_currency="USDT", bundle_sha256=made.bundle,
    )  # fmt: skip
    follows = records.TwinStart(
        **base, live_directory="live", live_environment=made.environment, live_run_id="run-0", live_bundle_sha256=made.bundle,
        live_log_sha256="a" * 64 if live is None else first_sha256(live), live_line=0,
    )  # fmt: skip
    for line in (start, follows):
        _append(journal, line)
    step_ns, at = made.span_ns // made.plans, 1
    for plan in range(min(plans, made.plans)):
        for number in range(1, made.orders + 1):
            now, at = made.begin_ns + plan * step_ns + 10**9, at + 1
            turn = Decimal(number % 5 - 2) / 10
            compared = records.TwinLine(
                ts_ns=now, market_ns=now, run_id="twin-0", client_order_id=order_id(cycle=plan + 1, line=number, plan=plan),
                parent_client_order_id=None, symbol=_symbol(number - 1), venue="BINANCE", side=Side.BUY, quantity="1",
                order_kind="MARKET", live_run_id="run-0", live_line=at, planned_ns=now, sent_ns=now, late_ms="1",
                live_outcome="filled", twin_outcome="filled", live_filled_quantity=filled, twin_filled_quantity="1",
                live_average_price="100", twin_average_price="100", live_first_fill_ns=now, live_last_fill_ns=now,
                twin_first_fill_ns=now, twin_last_fill_ns=now, live_fill_ratio=filled, twin_fill_ratio="1",
                price_bps=decimal_text(price_bps + turn), first_fill_ms=str(late_ms + number % 3), last_fill_ms="1",
                fill_ratio="0", notional_base="100", live_unknown=False, compared=True, code="", message="", missing=(),
            )  # fmt: skip
            _append(journal, compared)
    end = made.begin_ns + made.span_ns
    _append(journal, records.RunStop(ts_ns=end, market_ns=end, run_id="twin-0", cause="finished", open_orders=0))
    journal.close()
    return layout
