"""Where bundles stand, read from the promotion lines of a log alone: a log of a million lines has a dozen of them."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from analysis.log_columns import BY_NAME, Kind
from analysis.log_store import open_log
from lakehouse.layout import Layout
from lakehouse.records import PromotionLine
from orders.canonical import sha256_hex
from orders.errors import NotYet
from orders.promotion import Promotions

TABLE: Final = BY_NAME["promotions"]


def promotions_of(layout: Layout) -> Promotions:
    """Return the promotions of a data directory's log, none where there is no log yet.

    Raises `RecordCorrupt` PROMOTION_ORDER where they do not follow from one another, and as `open_log`.
    """
    promotions = Promotions()
    try:
        store = open_log(layout.log)
    except NotYet:
        return promotions
    names = ", ".join(f'"{column.name}"' for column in TABLE.columns)
    with store:
        rows = store.rows(f"SELECT {names} FROM promotions ORDER BY seq")
    for row in rows:
        line = _line(row)
        promotions.apply(line, number=line.seq, sha256=sha256_hex(msgspec.json.encode(line)))
    return promotions


def _line(row: tuple[Any, ...]) -> PromotionLine:
    """Return the line that a row is of; encoded it has the log's own bytes."""
    told = {
        column.name: json.loads(value) if column.kind is Kind.JSON and isinstance(value, str) else value
        for column, value in zip(TABLE.columns, row, strict=True)
    }
    return msgspec.convert(told, PromotionLine)
