"""`sluice verify`: the record of one lakehouse, proven or the first line that does not agree. Thin over `lakehouse.verifier`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lakehouse.checkpoint_check import kept_notes
from lakehouse.layout import Layout
from lakehouse.ledger_key import keys_directory, own_signer, trusted_by
from lakehouse.segments import Segments
from lakehouse.verifier import VerifyReport, verify
from lakehouse.witness import witnessed
from orders.canonical import canonical_bytes, decimal_text
from orders.errors import ConfigError, InputError, SluiceError
from orders.public_keys import public_key_text

LONG_BYTES: Final = 16 << 20  # of a log: a quarter of a second for one process
NOT_KNOWN: Final = (
    "the signatures of audit.checkpoints were not looked at: no key is known here. Name the signer's with --key"
    " (`sluice ledger key` prints it where the record was made)"
)
HELD: Final = (
    "this account holds the key that signs: checkpoints protect against others, not against this account;"
    " copies kept elsewhere (--kept) and a witness do"
)


def run(
    lakehouse: Path,
    *,
    as_json: bool,
    keys: Sequence[str] = (),
    kept: Path | None = None,
    witnesses: Sequence[tuple[str, bytes]] = (),
    processes: int | None = None,
    record_only: bool = False,
) -> int:
    """Verify `lakehouse` and print the result; return 0 when everything agrees, 1 when not, 2 when there is nothing to verify.

    `keys`: public keys (`ed25519:…`) whose checkpoints count; none given: this account's own and those it trusts. `kept`: a copy
    of checkpoints from elsewhere, which the ledger must still continue; each of `witnesses` (name, public key) must be in it.
    `record_only`: nothing is rebuilt. `processes` None: two for a log of `LONG_BYTES` where there are two processors.
    """
    try:
        notes = () if kept is None else kept_notes(kept)
        seen = witnessed(notes, names=dict(witnesses))
        count = _processes(lakehouse) if processes is None else processes
        report = verify(lakehouse, trusted=trusted_by(keys), kept=notes, processes=count, record_only=record_only)
        own = _own_key() if report.signers else None
    except SluiceError as error:
        if as_json:
            sys.stdout.write(_line({"ok": False, "code": error.code, "message": str(error)}))
        else:
            print(f"error    {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError | ConfigError) else 1
    held = own is not None and own in report.signers
    if as_json:
        fields = {name: getattr(report, name) for name in report.__struct_fields__}
        who = {name: {"lines": size, "at_s": at_s} for name, (size, at_s) in seen.items()}
        sys.stdout.write(_line(fields | {"signing_key_held_here": held, "witnesses": who}))
    else:
        print("\n".join(_words(report, lakehouse, held=held, seen=seen)))
    return 0 if report.ok else 1


def _processes(lakehouse: Path) -> int:
    with Segments(Layout(lakehouse).log) as log:
        return 2 if log.size >= LONG_BYTES and (os.process_cpu_count() or 1) > 1 else 1


def _own_key() -> str | None:
    signer = own_signer(keys_directory())
    return None if signer is None else public_key_text(signer.public)


def _line(value: dict[str, object]) -> str:
    return msgspec.json.format(canonical_bytes(value), indent=2).decode() + "\n"


def _words(report: VerifyReport, lakehouse: Path, *, held: bool, seen: Mapping[str, tuple[int, int]]) -> list[str]:
    if report.first_bad is not None:
        bad = report.first_bad
        where = f"{lakehouse / bad.file}" + (f" line {bad.line}" if bad.line else "")
        where += f" ({bad.overall} of all segments)" if bad.overall != bad.line else ""
        return [
            f"BROKEN   {where}   {bad.code}",
            f"         {bad.what}",
            "         Change nothing and keep a copy; a person must look.",
        ]
    counts = [
        ("log", report.log_lines, "lines"),
        ("ledger", report.ledger_records, "records, chain whole"),
        ("signed", report.signed_lines, f"of them under {report.checkpoints} checkpoints by {_signers(report)}"),
        *(("witness", size, f"of them, signed by {name} {_utc(at_s)}") for name, (size, at_s) in sorted(seen.items())),
        ("anchored", report.anchored_line, "lines of the log hashed as a whole"),
    ]
    if report.rebuilt:
        counts[-1:-1] = [
            ("fills", report.fills, "each with its hash in the ledger"),
            ("financing", report.financings, "of borrow, funding and interest, each with its hash in the ledger"),
        ]
        counts += [("open", report.open_orders, "orders"), ("unknown", report.unknown_orders, "orders")]
    if report.segments > 1:
        counts.insert(0, ("segments", report.segments, "of log and ledger, each the one that follows"))
    if report.transfers:
        counts.insert(4, ("transfers", report.transfers, "deposits and withdrawals, each with its hash in the ledger"))
    environment = report.environment or "no run yet"
    lines = [f"verified {lakehouse} ({environment}): log, ledger and state agree", ""]
    if not report.rebuilt:
        lines = [f"verified {lakehouse}: log, ledger and checkpoints agree", ""]
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
    notes = [*report.notes, *([HELD] if held else [NOT_KNOWN] if report.checkpoints and not report.signers else [])]
    lines += ["", *(f"  note   {note}" for note in notes)] if notes else []
    return lines


def _utc(at_s: int) -> str:
    try:
        return time.strftime("on %Y-%m-%d at %H:%M:%S UTC", time.gmtime(at_s))
    except (ValueError, OverflowError, OSError):
        return f"{at_s} s after 1970"


def _signers(report: VerifyReport) -> str:
    return ", ".join(report.signers) or "keys that are not known here"
