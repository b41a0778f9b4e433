"""Every reason is explained, in the code and in the README alike."""

from __future__ import annotations

import re
from pathlib import Path

from orders.plan import TRADING_REASONS, Reason
from orders.reasons import REASON_TEXT

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    assert list(REASON_TEXT) == list(Reason)
    assert all(text.meaning and "|" not in text.meaning + text.action for text in REASON_TEXT.values())
    harmless = {Reason.TRADE, Reason.ON_TARGET, Reason.WITHIN_BAND, Reason.BELOW_FLOOR, Reason.KEPT}
    assert {reason for reason, text in REASON_TEXT.items() if not text.action} == harmless


def test_the_table_of_the_readme_is_made_of_these_texts() -> None:
    section = README.partition("## Why a line")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \| ([^|]*)\|$", section, re.MULTILINE)
    assert [(name, meaning, action.strip()) for name, meaning, action in rows] == [
        (reason.value, text.meaning, text.action) for reason, text in REASON_TEXT.items()
    ]


def test_what_trades_less_still_trades() -> None:
    assert {Reason.TRADE, Reason.SCALED_TO_CASH, Reason.CAPPED_CASH, Reason.SCALED_TO_TURNOVER} == TRADING_REASONS
