"""`sluice sentinel explain`: what every control saw of one order, against which limit, and what then happened. The log alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from analysis.order_account import Answer, Member, OrderAccount, Stage, account_of
from analysis.order_course import Event
from analysis.order_search import find_order
from commands.output import Exit, print_json
from commands.sentinel_view import answer_lines, instant_text, layout_of
from lakehouse.log_lines import log_lines
from orders.canonical import decimal_text, plain

MEMBERS_SHOWN_MAX: Final = 20
NEAREST: Final = "  * of the plan's line that is nearest to the limit; a control that passes says one thing for all lines"
LIVE: Final = "live"


def run(order: str, *, lakehouse: Path, config: Path | None, as_json: bool) -> int:
    """Print the account of one order. Raises `ConfigError` ORDER_UNKNOWN, ORDER_AMBIGUOUS, `NotYet`, `RecordCorrupt`."""
    layout = layout_of(lakehouse, config)

    def read() -> Any:
        return log_lines(layout)

    account = account_of(read, find_order(read, order))
    if as_json:
        print_json(document(account))
    else:
        print("\n".join(words(account)))
    return Exit.DONE


def document(account: OrderAccount) -> dict[str, Any]:
    """Return the account as plain JSON types; the intent as its line of the log has it."""
    intent = account.intent
    return {
        "client_order_id": account.client_order_id,
        "intent": None if intent is None else plain(intent) | {"seq": intent.seq},
        "plan_line": None if account.plan_line is None else dict(account.plan_line),
        "cycle": account.cycle,
        "run_kind": account.run_kind,
        "bundle_sha256": account.bundle_sha256,
        "stages": {"plan": _stage(account.plan), "gate": _stage(account.gate)},
        "compared": account.compared,
        "events": [plain(event) for event in account.events],
        "filled": decimal_text(account.filled),
        "end": account.end,
        "parent": None if account.parent is None else plain(account.parent),
        "children": [plain(member) for member in account.children],
    }


def _stage(stage: Stage) -> dict[str, Any]:
    fields = {name: getattr(stage, name) for name in stage.__struct_fields__ if name != "answers"}
    return {name: plain(value) for name, value in fields.items()} | {"answers": [_answer(answer) for answer in stage.answers]}


def _answer(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


def words(account: OrderAccount) -> list[str]:
    """Return what a person reads: the order, both stages, what is judged beside orders, what happened, where it stands."""
    lines = [*_head(account), ""]
    for name, stage in (("plan", account.plan), ("gate", account.gate)):
        where = f"   log line {stage.log_line}" if stage.log_line else ""
        said = " ".join(part for part in (stage.outcome, stage.code, stage.message) if part)
        lines += [f"{name:<9}{said}{where}", *answer_lines(stage.answers), ""]
    lines[-1:] = [NEAREST, ""]
    watched = "a watchdog stood by this live run" if account.run_kind == LIVE else f"a {account.run_kind} run has no watchdog"
    lines += [f"beside   13 dead man: {watched}", f"         14 reconciliation: {account.compared}", ""]
    lines += ["then       line  after", *_events(account.events)]
    lines += _family("parent", [account.parent] if account.parent is not None else [])
    lines += _family("children", account.children)
    return [*lines, f"end      {account.end}"]


def _head(account: OrderAccount) -> list[str]:
    intent, row = account.intent, account.plan_line or {}
    lines = [f"order    {account.client_order_id}"]
    if intent is not None:
        price = intent.limit_price or "market"
        lines += [
            f"         {intent.side} {intent.quantity} {intent.symbol} @ {price}   cycle {intent.cycle} line {intent.line}"
            f"   {intent.schedule}   to {intent.venue} as {intent.instrument_id}",
            f"         run {intent.run_id}   source run {intent.source_run}   manifest {intent.manifest_sha256[:8]}…"
            f"   plan {intent.plan_sha256[:8]}…",
        ]
    elif row:
        price = row.get("limit_price") or "market"
        lines.append(
            f"         {row.get('side')} {row.get('quantity')} {row.get('symbol')} @ {price}   cycle {account.cycle}"
            f" line {row.get('line')}   no intent was written"
        )
    if account.bundle_sha256 is not None:
        lines.append(f"         bundle {account.bundle_sha256}")
    if row:
        lines.append(
            f"line     held {row.get('held_quantity')}   target {row.get('target_weight')} of equity   bid {row.get('bid')}"
            f"   ask {row.get('ask')}   {row.get('notional_base')} base currency   {row.get('reason')}"
        )
    return lines


def _events(events: tuple[Event, ...]) -> list[str]:
    if not events:
        return ["         no line of the log is about it"]
    first = events[0].ts_ns
    width = max(len(event.what) for event in events)
    after = [f"+{(event.ts_ns - first) / 1_000_000:,.3f} ms" for event in events]
    late = max(len(text) for text in after)
    lines = [
        f"         {event.log_line:>6}  {text:>{late}}  {event.what:<{width}}  {event.detail}".rstrip()
        for event, text in zip(events, after, strict=True)
    ]
    return [f"         first at {instant_text(first)} real time, {instant_text(events[0].market_ns)} market time", *lines]


def _family(name: str, members: Any) -> list[str]:
    shown: list[Member] = list(members)[:MEMBERS_SHOWN_MAX]
    lines = [
        f"{name if number == 0 else '':<9}{f'{one.child}  ' if one.child else ''}{one.client_order_id}"
        f"  {decimal_text(one.filled)} of {decimal_text(one.quantity)} filled  {one.end}"
        for number, one in enumerate(shown)
    ]
    more = len(members) - len(shown)
    return [*lines, f"         and {more} more: --json"] if more else lines
