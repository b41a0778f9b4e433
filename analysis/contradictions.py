"""Lines of a log that cannot all be true, named with their numbers, so that no report stands on them without a word.

A record that contradicts itself was put together by hand, from two runs, or by a fault of ours. Its figures are still sums of its
lines: of an order intended twice the first intent counts, its fills count once; every fill is in exactly one row of costs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from analysis.log_store import LogStore
from analysis.report_table import Table, table
from analysis.report_text import counted

LINES_NAMED: Final = 5  # of each kind; the count is of all


class Contradiction(StrEnum):
    """What cannot be. Of a part of a log (one run, a time) those that a line outside it might explain are not judged."""

    INTENDED_TWICE = "INTENDED_TWICE"
    LINE_INTENDED_TWICE = "LINE_INTENDED_TWICE"
    FILL_WITHOUT_INTENT = "FILL_WITHOUT_INTENT"
    FILL_BEFORE_SEND = "FILL_BEFORE_SEND"
    FILL_OF_ANOTHER_ORDER = "FILL_OF_ANOTHER_ORDER"
    FILL_TOLD_TWICE = "FILL_TOLD_TWICE"
    FILLED_TOO_MUCH = "FILLED_TOO_MUCH"


MEANINGS: Final = {
    Contradiction.INTENDED_TWICE: "an order id that was intended before; the first intent counts",
    Contradiction.LINE_INTENDED_TWICE: "a second order of one plan line; its fills count in the first one's row",
    Contradiction.FILL_WITHOUT_INTENT: "a fill of an order that the log never intended; it is a row of its own",
    Contradiction.FILL_BEFORE_SEND: "a fill that stands before the send of its order",
    Contradiction.FILL_OF_ANOTHER_ORDER: "a fill whose side or symbol is not its order's; the fill's counts",
    Contradiction.FILL_TOLD_TWICE: "a fill with venue, symbol, side and trade id of one before; both count",
    Contradiction.FILLED_TOO_MUCH: "an order filled beyond its quantity; all of it counts, named by its last fill",
}
NEEDS_ALL: Final = (Contradiction.FILL_WITHOUT_INTENT, Contradiction.FILL_BEFORE_SEND)

_JUDGED: Final = """(SELECT f.seq, f.client_order_id, f.quantity, coalesce(i.quantity, f.order_quantity) AS most,
    hash(f.client_order_id) AS h
  FROM report_fills f LEFT JOIN report_intents i USING (client_order_id))"""
LINES: Final = {
    Contradiction.INTENDED_TWICE: """SELECT i.seq FROM report_intents_told i JOIN intended_again g USING (client_order_id)
        WHERE i.seq <> g.first_seq""",
    Contradiction.LINE_INTENDED_TWICE: """SELECT max(seq) AS seq FROM report_intents WHERE child = 0
        GROUP BY cycle, line HAVING count(*) > 1""",
    Contradiction.FILL_WITHOUT_INTENT: "SELECT seq FROM report_fills ANTI JOIN report_intents USING (client_order_id)",
    Contradiction.FILL_BEFORE_SEND: """SELECT f.seq FROM report_fills f JOIN (SELECT client_order_id, min(seq) AS sent FROM sends
        WHERE action = 'submit' GROUP BY client_order_id) s USING (client_order_id) WHERE f.seq < s.sent""",
    Contradiction.FILL_OF_ANOTHER_ORDER: """SELECT f.seq FROM report_fills f JOIN report_intents i USING (client_order_id)
        WHERE f.side <> i.side OR f.symbol <> i.symbol""",
    Contradiction.FILL_TOLD_TWICE: """SELECT max(seq) AS seq FROM report_fills
        GROUP BY hash(venue, symbol, side, trade_id) HAVING count(*) > 1""",
    Contradiction.FILLED_TOO_MUCH: f"""SELECT seq FROM {_JUDGED} ANTI JOIN orders_of_several USING (h) WHERE quantity > most
        UNION SELECT max(seq) FROM {_JUDGED} SEMI JOIN orders_of_several USING (h)
        GROUP BY client_order_id HAVING sum(quantity) > any_value(most)
        UNION SELECT max(f.seq) FROM report_fills f JOIN report_intents p ON p.client_order_id = f.order_id
        WHERE f.order_id <> f.client_order_id GROUP BY f.order_id HAVING sum(f.quantity) > any_value(p.quantity)""",
}


def contradictions(store: LogStore) -> Table:
    """Return each kind of contradiction that is in the log: how many lines, the first of them, what it means for the figures.

    After `report_base.make_base` and `latency.make_instants`. The filled quantities of children are held against their parent's.
    """
    rows = []
    for kind, lines in LINES.items():
        if not store.whole and kind in NEEDS_ALL:
            continue
        count, first = store.rows(f"SELECT count(*), min(seq, {LINES_NAMED}) FROM ({lines})")[0]
        if count:
            named = ", ".join(str(seq) for seq in first) + (", …" if count > len(first) else "")
            rows.append((kind.value, count, first[0], named, MEANINGS[kind]))
    return table("contradictions", ("code", "count", "first_line", "log_lines", "words"), rows)


def contradiction_words(found: Table) -> list[str]:
    """Return a sentence for each kind."""
    return [
        f"The log contradicts itself, {row['code']}: {counted(row['count'], 'line')} ({row['log_lines']}), each {row['words']}."
        for row in found.records()
    ]
