"""`sluice verify`: the record of one lakehouse, proven or the first line that does not agree. Thin over `lakehouse.verifier`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from lakehouse.verifier import VerifyReport, verify
from orders.canonical import canonical_bytes, decimal_text
from orders.errors import InputError, SluiceError


def run(lakehouse: Path, *, as_json: bool) -> int:
    """Verify `lakehouse` and print the result; return 0 when everything agrees, 1 when not, 2 when there is nothing to verify."""
    try:
        report = verify(lakehouse)
    except SluiceError as error:
        if as_json:
            sys.stdout.write(_line({"ok": False, "code": error.code, "message": str(error)}))
        else:
            print(f"error    {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    if as_json:
        sys.stdout.write(_line({name: getattr(report, name) for name in report.__struct_fields__}))
    else:
        print("\n".join(_words(report, lakehouse)))
    return 0 if report.ok else 1


def _line(value: dict[str, object]) -> str:
    return msgspec.json.format(canonical_bytes(value), indent=2).decode() + "\n"


def _words(report: VerifyReport, lakehouse: Path) -> list[str]:
    if report.first_bad is not None:
        bad = report.first_bad
        where = f"{lakehouse / bad.file}" + (f" line {bad.line}" if bad.line else "")
        return [
            f"BROKEN   {where}   {bad.code}",
            f"         {bad.what}",
            "         Change nothing and keep a copy; a person must look.",
        ]
    counts = [
        ("log", report.log_lines, "lines"),
        ("ledger", report.ledger_records, "records, chain whole"),
        ("fills", report.fills, "each with its hash in the ledger"),
        ("financing", report.financings, "of borrow, funding and interest, each with its hash in the ledger"),
        ("anchored", report.anchored_line, "lines of the log hashed as a whole"),
        ("open", report.open_orders, "orders"),
        ("unknown", report.unknown_orders, "orders"),
    ]
    environment = report.environment or "no run yet"
    lines = [f"verified {lakehouse} ({environment}): log, ledger and state agree", ""]
    lines += [f"  {name:<10}{count:>12,}  {unit}" for name, count, unit in counts]
    amounts = [("position", symbol, decimal_text(value)) for symbol, value in sorted(report.positions.items())]
    for venue, row in sorted(report.cash.items()):
        amounts += [("cash", f"{currency} at {venue}", decimal_text(value)) for currency, value in sorted(row.items())]
    amounts += [("fees", currency, decimal_text(value)) for currency, value in sorted(report.fees.items())]
    for kind, row in sorted(report.financing.items()):
        amounts += [(kind, currency, decimal_text(value)) for currency, value in sorted(row.items())]
    if amounts:
        width = max(len(name) for _, name, _ in amounts)
        whole = max(len(text.partition(".")[0]) for _, _, text in amounts)
        lines.append("")
        lines += [
            f"  {kind:<10}{name:<{width}}  {'':>{whole - len(text.partition('.')[0])}}{text}" for kind, name, text in amounts
        ]
    lines += ["", *(f"  note   {note}" for note in report.notes)] if report.notes else []
    return lines
