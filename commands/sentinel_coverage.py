"""`sluice sentinel coverage`: which of the 21 controls ever said no in a log, which were only asked, and what each serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.control_counts import Count, Coverage, coverage
from commands.output import Exit, print_json
from commands.sentinel_view import aligned, instant_text, layout_of
from lakehouse.log_lines import log_lines
from orders.errors import ConfigError
from sentinel.register import BESIDE, REGISTER, Control

HEAD = ("#", "control", "asked", "denied", "resized", "override", "last", "RTS 6", "15c3-5", "by")
NO_ONE = "none"


def run(*, lakehouse: Path, config: Path | None, run_id: str | None, as_json: bool) -> int:
    """Print the coverage of a log. Raises `ConfigError` RUN_UNKNOWN, `NotYet` VANISHED, `RecordCorrupt`."""
    layout = layout_of(lakehouse, config)
    found = coverage(log_lines(layout), run_id=run_id)
    if run_id is not None and not found.lines:
        raise ConfigError(
            "RUN_UNKNOWN", expected="a run of the log", found=repr(run_id[:64]), action="`sluice report` names them at its end."
        )
    if as_json:
        print_json(document(found))
    else:
        read = f"{found.lines:,} lines, {found.plans:,} plans, {found.orders:,} orders at the gate"
        print("\n".join([f"coverage {layout.log}   {read}", *words(found)]))
    return Exit.DONE


def document(found: Coverage) -> dict[str, Any]:
    """Return the coverage as plain JSON types: one row a control, with what it serves."""
    return {
        "lines": found.lines,
        "plans": found.plans,
        "orders": found.orders,
        "controls": [_row(control, count) for control, count in zip(REGISTER, found.counts, strict=True)],
        "beside": found.beside,
    }


def _row(control: Control, count: Count) -> dict[str, Any]:
    counted = {name: getattr(count, name) for name in count.__struct_fields__}
    named = {name: getattr(control, name) for name in control.__struct_fields__ if name not in ("rts6", "sec")}
    provisions = {"rts6": control.rts6 or None, "sec_15c3_5": control.sec or None}
    return named | provisions | counted | {"state": count.state}


def words(found: Coverage) -> list[str]:
    """Return what a person reads: those that fired, those that were asked, those that never were."""
    lines: list[str] = []
    for state, title in (("fired", "said no"), ("asked", "asked, never said no"), ("never asked", "never asked")):
        rows = [_cells(control, count) for control, count in zip(REGISTER, found.counts, strict=True) if count.state == state]
        lines += ["", f"{title}: {len(rows)} of {len(REGISTER)}"]
        lines += aligned(rows, head=HEAD, right=(0, 2, 3, 4, 5)) if rows else []
    known = dict(BESIDE)
    lines += ["", *(f"beside   {code}  {count}  {known.get(code, 'of no control')}" for code, count in found.beside.items())]
    lines += ["none: no provision names the control; --json says where its rule comes from"]
    return lines


def _cells(control: Control, count: Count) -> tuple[str, ...]:
    last = "" if count.last_market_ns is None else f"{instant_text(count.last_market_ns)[:19]} line {count.last_line}"
    by = ", ".join(f"{code} {number}" for code, number in count.by_code.items()) or control.codes[0]
    return (
        str(control.number), control.name, f"{count.asked:,}", f"{count.denied:,}", f"{count.resized:,}",
        f"{count.needs_override:,}", last, control.rts6 or NO_ONE, control.sec or NO_ONE, by,
    )  # fmt: skip
