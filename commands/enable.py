"""`sluice enable`: trade a symbol again that REPEATED_EXECUTION disabled, on a named person's word."""

from __future__ import annotations

import time
from pathlib import Path

from commands.append_line import command_journal
from commands.halt import named_layout
from commands.output import Exit, print_json
from lakehouse.lock import DataDirectoryLock
from lakehouse.records import SwitchLine
from orders.errors import InputError


def run(directory: Path, *, symbol: str, by: str, reason: str, as_json: bool) -> int:
    """Write into the log who enabled the symbol and why; its count begins anew. Nothing happens when it is not disabled.

    Raises `InputError` for a data directory or a text that cannot be used, `LockHeld` while a run is active: it would not hear of
    it. `RecordCorrupt` and `StorageError` leave it disabled.
    """
    layout = named_layout(directory, by=by, reason=reason)
    if not symbol.isprintable() or not 1 <= len(symbol) <= 100:
        raise InputError(
            "SYMBOL_INVALID",
            expected="a platform symbol such as NASDAQ:AAPL",
            found=repr(symbol[:100]),
            action="`sluice status` names the symbols that are disabled.",
        )
    now_ns = time.time_ns()
    run_id = f"enable-{now_ns}"
    line = SwitchLine(ts_ns=now_ns, market_ns=now_ns, run_id=run_id, action="enable", symbol=symbol, by=by, reason=reason)
    with DataDirectoryLock(layout, run_id=run_id), command_journal(layout, now_ns=now_ns, run_id=run_id) as journal:
        disabled = journal.fold.counted.disabled.get(symbol)
        if disabled is not None:
            journal.append(line)
    if as_json:
        print_json({"action": "enable", "symbol": symbol, "recorded": disabled is not None, "by": by, "reason": reason})
    elif disabled is not None:
        print(f"enabled  {symbol}: strategies trade it again from the next start on; it was disabled for {disabled.reason}")
    else:
        print(f"nothing  {symbol} is not disabled in {directory}")
    return Exit.DONE
