"""What `sluice trace` was asked for: a fill, an order, a manifest or a source run, by its id or the beginning of one."""

from __future__ import annotations

from typing import Final

from analysis.order_search import TRADING, order_of_line, plan_lines
from lakehouse.log_index import FillPlace, LogIndex
from lakehouse.records import PlanLineRecord
from orders.errors import ConfigError, RecordCorrupt
from orders.values import Record

KINDS: Final = ("fill", "order", "manifest", "run")
PREFIX_MIN: Final = 4  # characters; fewer are a slip of the hand
NAMED_MAX: Final = 5  # candidates that an ambiguous beginning is answered with
HASH_SHOWN: Final = 16  # digits of a hash by which a candidate is named


class Start(Record, frozen=True, kw_only=True):
    """Where a trace begins. `id`: the whole id, of a fill the sha256 of its line; `fill`: where that is."""

    kind: str
    id: str
    fill: FillPlace | None = None


def find_start(index: LogIndex, asked: str) -> Start:
    """Return what `asked` names; `fill:`, `order:`, `manifest:` or `run:` before it says of which kind it is.

    A whole id goes before the beginning of another; a source run is named whole. Raises `ConfigError` TRACE_UNKNOWN,
    TRACE_AMBIGUOUS.
    """
    kind, _, rest = asked.partition(":")
    kinds = (kind,) if kind in KINDS and rest else KINDS
    text = rest if kinds == (kind,) else asked
    exact, begun = _matches(index, text, kinds)
    found = exact or (begun if len(text) >= PREFIX_MIN else [])
    if not found:
        raise ConfigError(
            "TRACE_UNKNOWN",
            expected="a trade id, a fill's hash, a client order id or a manifest's sha256 of the log, whole or"
            f" {PREFIX_MIN} of its first characters or more, or the id of a source run",
            found=repr(asked[:80]),
            action="`sluice report` and `sluice status` name them.",
        )
    if len(found) > 1:
        named = ", ".join(sorted(_words(one) for one in found)[:NAMED_MAX])
        more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
        raise ConfigError(
            "TRACE_AMBIGUOUS",
            expected="what only one fill, order, manifest or run is called",
            found=f"{asked[:80]!r}, which is or begins {named}{more}",
            action="Give one of these.",
        )
    return found[0]


def planned_ids(index: LogIndex, record: PlanLineRecord) -> list[str]:
    """Return the client order ids that follow from a plan's trading lines, whether or not it was approved."""
    try:
        rows = plan_lines(record)
    except RecordCorrupt as error:
        index.note_log(record.seq, f"{error.expected} was expected, found {error.found}")
        return []
    ids = (order_of_line(record, row["line"]) for row in rows if row.get("reason") in TRADING)
    return [order for order in ids if order]


def _matches(index: LogIndex, text: str, kinds: tuple[str, ...]) -> tuple[list[Start], list[Start]]:
    exact: dict[tuple[str, str], Start] = {}
    begun: dict[tuple[str, str], Start] = {}
    lines: set[int] = set()  # of the log, whose fill was seen: log and ledger may have two hashes of one

    def see(kind: str, name: str, whole: str, fill: FillPlace | None = None) -> None:
        if kind in kinds and name.startswith(text):
            if fill is not None:
                if (kind, whole) not in exact and (kind, whole) not in begun and fill.line in lines:
                    return
                lines.add(fill.line)
            (exact if name == text else begun).setdefault((kind, whole), Start(kind=kind, id=whole, fill=fill))

    for place in _fills(index) if "fill" in kinds else ():
        see("fill", place.trade_id, place.fill_hash, place)
        see("fill", place.fill_hash, place.fill_hash, place)
    if "order" in kinds:
        for order in index.orders | {record.fill.client_order_id: [] for record in index.records.values()}:
            see("order", order, order)
        for line in index.lines(index.plans):
            if isinstance(line, PlanLineRecord):
                for order in planned_ids(index, line):
                    see("order", order, order)
    for sha256 in index.manifests | dict.fromkeys(index.ordered) | dict.fromkeys(index.planned):
        see("manifest", sha256, sha256)
    if "run" in kinds and text in index.runs:
        see("run", text, text)
    return list(exact.values()), list(begun.values())


def _fills(index: LogIndex) -> list[FillPlace]:
    """Fills as the log has them, and as the ledger has those whose line of the log says something else."""
    altered = [record.fill for number, record in index.records.items() if record.fill != index.fills.get(number)]
    return [*index.fills.values(), *altered]


def _words(start: Start) -> str:
    if start.fill is None:
        return f"{start.kind}:{start.id}"
    return f"fill:{start.id[:HASH_SHOWN]} (trade {start.fill.trade_id}, log line {start.fill.line})"
