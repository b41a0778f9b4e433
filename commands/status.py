"""`sluice status`: one screen of what runs, what is open, what is halted, and how old each fact is.

It reads files and the lock only, so it answers while a run hangs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from commands.armed_state import armed_facts, armed_lines
from commands.halt_state import is_halted
from commands.output import Exit, print_json
from commands.promoted_state import promoted_facts, promoted_lines
from commands.twin_state import twin_facts, twin_lines
from lakehouse.examine import Examination, examine
from lakehouse.flatten_request import read_request
from lakehouse.layout import Layout, storage_error
from lakehouse.ledger_format import BadLine
from lakehouse.live_note import read_dead_man
from lakehouse.lock import current_holder
from lakehouse.permission import read_halt
from lakehouse.platform_state import read_platform_state
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.records import Alarm
from lakehouse.segments import Segments
from lakehouse.withdrawals import scope_of
from orders.canonical import decimal_text, plain
from orders.capital_granted import granted
from orders.errors import InputError, RecordCorrupt, SluiceError
from orders.flatten import Scope
from orders.plan import Reason

TAIL_BYTES: Final = 262_144  # of the log, where the last alarm is looked for
PROFILES_SHOWN_MAX: Final = 5
NS_PER_S: Final = 1_000_000_000


def run(directory: Path, *, as_json: bool) -> int:
    """Print the state of a data directory. Exit 1 when its record contradicts itself; raises `InputError` where there is none."""
    layout = Layout(directory)
    if not directory.is_dir():
        raise InputError(
            "LAKEHOUSE_MISSING",
            expected=f"a data directory {directory}",
            found="none",
            action="Run `make paper` first, or name another directory with --lakehouse.",
        )
    now_ns = time.time_ns()
    facts = _facts(layout, now_ns=now_ns)
    if as_json:
        print_json(facts)
    else:
        for line in _screen(facts):
            print(line)
    return Exit.FAILED if facts["record"]["bad"] is not None else Exit.DONE


def _facts(layout: Layout, *, now_ns: int) -> dict[str, Any]:
    holder = current_holder(layout)
    bad: str | None = None
    found = Examination()
    try:
        found = examine(layout)
    except BadLine as error:
        bad = str(error)
    fold = found.fold
    note = read_halt(layout)
    halted = is_halted(layout)
    run, manifest = fold.run, fold.manifest
    return {
        "lakehouse": str(layout.directory),
        "run": {
            "active": holder is not None,
            "pid": None if holder is None else holder.pid,
            "run_id": holder.run_id if holder is not None else None if run is None else run.run_id,
            "kind": None if run is None else run.kind,
            "environment": fold.environment,
            "bundle_sha256": None if run is None else run.bundle_sha256,
            "ended": None if run is None else fold.run_finished,
            "started_s_ago": None if run is None else _age_s(run.ts_ns, now_ns),
            "last_line_s_ago": None if fold.last_ts_ns is None else _age_s(fold.last_ts_ns, now_ns),
        },
        "plan": _plan_facts(fold),
        "manifest": None
        if manifest is None
        else {
            "sha256": manifest.manifest_sha256,
            "source_run": manifest.source_run,
            "grade": manifest.grade,
            "read_s_ago": _age_s(manifest.ts_ns, now_ns),
            "withdrawn": [
                {
                    "symbols": list(known.scope.symbols),
                    "venue": known.scope.venue,
                    "by": known.by,
                    "reason": known.reason,
                    "request_id": known.request_id,
                    "s_ago": _age_s(known.ts_ns, now_ns),
                }
                for known in fold.flattens.withdrawals
            ],
        },
        "flatten": _flatten_facts(layout, fold),
        "halt": {
            "halted": halted,
            "by": None if note is None or not halted else note.by,
            "reason": None if note is None or not halted else note.reason,
            "s_ago": None if note is None or not halted else _age_s(note.ts_ns, now_ns),
        },
        "capital": _capital_facts(fold),
        "armed": armed_facts(layout, fold, now_ns=now_ns),
        "promoted": promoted_facts(fold, now_ns=now_ns),
        "twin": twin_facts(fold, now_ns=now_ns),
        "dead_man": _dead_man_facts(layout, now_ns=now_ns),
        "alarm": _last_alarm(layout, now_ns=now_ns),
        "book": {
            "cash": {
                venue: {currency: decimal_text(amount) for currency, amount in amounts.items()}
                for venue, amounts in fold.keeper.cash.items()
            },
            "positions": {symbol: decimal_text(quantity) for symbol, quantity in sorted(fold.keeper.positions.items())},
            "fees": {currency: decimal_text(amount) for currency, amount in fold.keeper.fees.items()},
        },
        "sentinel": _sentinel_facts(fold),
        "platform_state": _platform_facts(layout),
        "record": {"lines": fold.log_line, "anchored_line": found.anchored_line, "fills": fold.fill_count, "bad": bad},
    }


def _dead_man_facts(layout: Layout, *, now_ns: int) -> dict[str, Any] | None:
    """What the watchdog of the last live run did for it; None: it had nothing to do."""
    note = read_dead_man(layout)
    if note is None:
        return None
    return {"why": note.why, "confirmed": note.confirmed, "detail": note.detail, "s_ago": _age_s(note.ts_ns, now_ns)}


def _capital_facts(fold: LogFold) -> dict[str, Any] | None:
    """What the promotions of the log leave of equity; None: nothing governs what runs here."""
    capital = granted(fold.promotions)
    if capital is None:
        return None
    fraction = None if capital.fraction is None else decimal_text(capital.fraction)
    return {"fraction": fraction, "standing": capital.standing, "paused": capital.paused}


def _sentinel_facts(fold: LogFold) -> dict[str, Any]:
    """Loss and drawdown as of the last valuation, and the symbols that wait for `sluice enable`."""
    equity = fold.counted.equity
    return {
        "disabled": {symbol: line.reason for symbol, line in sorted(fold.counted.disabled.items())},
        "equity": None
        if equity is None
        else {
            "mode": equity.mode,
            "equity_base": equity.equity_base,
            "day_start_base": equity.day_start_base,
            "peak_base": equity.peak_base,
        },
    }


def _platform_facts(layout: Layout) -> dict[str, Any]:
    """What the platform's own tools left in the state file; a file that cannot be read is said, not raised."""
    try:
        profiles = read_platform_state(layout.state)
    except SluiceError as error:
        return {"bad": str(error), "profiles": []}
    return {"bad": None, "profiles": plain(profiles)}


def _flatten_facts(layout: Layout, fold: LogFold) -> dict[str, Any] | None:
    """The flatten that is being carried out, or waits in its file; None when there is none."""
    line = fold.flattens.open
    if line is not None:
        return {"stage": line.stage, "by": line.by, "reason": line.reason, "what": scope_of(line).words()}
    try:
        waiting = read_request(layout)
    except InputError as error:
        return {"stage": "invalid", "by": None, "reason": str(error), "what": layout.flatten_request.name}
    if waiting is None:
        return None
    return {"stage": "waiting", "by": waiting.by, "reason": waiting.reason, "what": waiting.scope.words()}


def _plan_facts(fold: LogFold) -> dict[str, Any]:
    orders = [key for (cycle, _), keys in fold.orders_by_line.items() if cycle == fold.cycle for key in keys]
    working = [key for key in orders if key in fold.open_orders]
    closed = [skip for (cycle, _), skip in fold.skips.items() if cycle == fold.cycle and skip.reason == Reason.MARKET_CLOSED]
    return {
        "cycle": fold.cycle,
        "orders": len(orders),
        "done": len(orders) - len(working),
        "open": len(fold.open_orders),
        "unknown": len(fold.unknown_orders),
        "wait_for_market": {skip.symbol: skip.text for skip in sorted(closed, key=lambda skip: skip.symbol)},
    }


def _last_alarm(layout: Layout, *, now_ns: int) -> dict[str, Any] | None:
    """Return the last alarm in the last `TAIL_BYTES` of the log; a line that cannot be read is `record`'s business."""
    try:
        with Segments(layout.log) as log:
            lines = log.pread(TAIL_BYTES, max(0, log.size - TAIL_BYTES)).split(b"\n")
    except BadLine:
        return None
    except OSError as error:
        raise storage_error(error, layout.log) from error
    for raw in reversed(lines):
        if b'"type":"alarm"' not in raw:
            continue
        try:
            line = decode_line(raw)
        except RecordCorrupt:
            continue
        if isinstance(line, Alarm):
            return {"code": line.code, "message": line.message, "s_ago": _age_s(line.ts_ns, now_ns)}
    return None


def _age_s(then_ns: int, now_ns: int) -> int:
    """Whole seconds between, rounded down; negative when the record is ahead of this clock."""
    return (now_ns - then_ns) // NS_PER_S


def _screen(facts: dict[str, Any]) -> list[str]:
    run, plan, halt, book, record = (facts[name] for name in ("run", "plan", "halt", "book", "record"))
    if run["active"]:
        head = f"{run['kind'] or 'a process'} runs  {run['environment'] or ''}  pid {run['pid']}  run {run['run_id']}"
    elif run["kind"] is None:
        head = "nothing runs, nothing has run here"
    else:
        head = f"nothing runs  last {run['kind']} {run['environment']}  {'ended by itself' if run['ended'] else 'was killed'}"
    lines = [f"run      {head}"]
    if run["last_line_s_ago"] is not None:
        lines.append(f"         started {_ago(run['started_s_ago'])}   last line {_ago(run['last_line_s_ago'])}")
    if run["bundle_sha256"] is not None:
        lines.append(f"         bundle {run['bundle_sha256']}")
    if facts["twin"] is None:  # which plans nothing
        lines.append(
            f"plan     #{plan['cycle']}  {plan['done']} of {plan['orders']} orders done"
            f"   {plan['open']} working   {plan['unknown']} unknown"
        )
    if plan["wait_for_market"]:
        symbols = list(plan["wait_for_market"])
        more = f" and {len(symbols) - 1} more wait" if len(symbols) > 1 else " waits"
        lines.append(f"         {symbols[0]}{more} for the market: {plan['wait_for_market'][symbols[0]]}")
    if (manifest := facts["manifest"]) is not None:
        lines.append(
            f"manifest {str(manifest['sha256'])[:4]}…  run {manifest['source_run']}  {manifest['grade']}"
            f"   read {_ago(manifest['read_s_ago'])}"
        )
        for known in manifest["withdrawn"]:
            what = Scope(symbols=tuple(known["symbols"]), venue=known["venue"]).words()
            lines.append(
                f"         WITHDRAWN ({what}) by {known['by']}, {_ago(known['s_ago'])}: {known['reason']}"
                "   until a new manifest comes"
            )
    if (flatten := facts["flatten"]) is not None:
        who = "" if flatten["by"] is None else f" by {flatten['by']}"
        lines.append(f"flatten  {flatten['stage'].upper()}  {flatten['what']}{who}: {flatten['reason']}")
    if halt["halted"]:
        who = f"by {halt['by']}, {_ago(halt['s_ago'])}: {halt['reason']}" if halt["by"] is not None else "reason not recorded"
        lines.append(f"halt     HALTED {who}")
    else:
        lines.append("halt     none")
    if (capital := facts["capital"]) is not None:
        share = "none of equity" if capital["fraction"] is None else f"{capital['fraction']} of equity"
        paused = f"   PAUSED, nothing opens: {capital['paused']}" if capital["paused"] else ""
        lines.append(f"capital  {share}   {capital['standing']}{paused}")
    lines.extend(armed_lines(facts["armed"]))
    lines.extend(promoted_lines(facts["promoted"], ago=_ago))
    lines.extend(twin_lines(facts["twin"], ago=_ago))
    if (dead := facts["dead_man"]) is not None:
        ended = {True: "CONFIRMED", False: "NOT CONFIRMED", None: "AT WORK"}[dead["confirmed"]]
        lines.append(f"watchdog {ended}  {_ago(dead['s_ago'])}  {dead['why']}: {dead['detail']}")
    if (alarm := facts["alarm"]) is not None:
        lines.append(f"alarm    {_ago(alarm['s_ago'])}  {alarm['code']}  {alarm['message']}")
    cash = "  ".join(f"{amount} {currency} at {venue}" for venue, row in book["cash"].items() for currency, amount in row.items())
    fees = "  ".join(f"{amount} {currency}" for currency, amount in book["fees"].items())
    lines.append(f"book     {len(book['positions'])} positions   cash {cash or 'none'}   fees {fees or 'none'}")
    if (equity := facts["sentinel"]["equity"]) is not None:
        only = "" if equity["mode"] == "OPEN" else f"   {equity['mode']}"
        began = f"day began with {equity['day_start_base']}   peak {equity['peak_base']}"
        lines.append(f"money    equity {equity['equity_base']}   {began}{only}")
    lines.extend(f"disabled {symbol}  {reason}" for symbol, reason in facts["sentinel"]["disabled"].items())
    lines.extend(_platform_lines(facts["platform_state"]))
    if record["bad"] is None:
        lines.append(
            f"record   {record['lines']} lines, {record['fills']} fills; chain holds, anchored to line {record['anchored_line']}"
        )
    else:
        lines.append(f"record   BAD  {record['bad']}")
    return lines


def _platform_lines(state: dict[str, Any]) -> list[str]:
    """One line a profile of the platform, the first few; what it says to hold is no holding of ours."""
    if state["bad"] is not None:
        return [f"platform BAD  {state['bad']}"]
    profiles = state["profiles"]
    lines = [
        f"platform {profile['key'][:60]}  {profile['dialect']}, {len(profile['holdings'])} rows"
        + (f", {profile['updated_at'][:32]}" if profile["updated_at"] is not None else "")
        + "".join(f" · {warning}" for warning in profile["warnings"])
        for profile in profiles[:PROFILES_SHOWN_MAX]
    ]
    if len(profiles) > PROFILES_SHOWN_MAX:
        lines.append(f"         and {len(profiles) - PROFILES_SHOWN_MAX} profiles more: --json")
    return lines


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "at an unknown time"
    if seconds < 0:
        return f"{-seconds} s in the future of this clock"
    if seconds < 120:
        return f"{seconds} s ago"
    if seconds < 7_200:
        return f"{seconds // 60} min ago"
    return f"{seconds // 3_600} h {seconds % 3_600 // 60} min ago"
