"""Every fault of a new order, market and limit, with the engine left alone and killed: at most one order, told as it is."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.children import FULL, kill
from tests.gate.world import BTC
from tests.live.invariants import agreed, at_rest, reached, reached_once, whole
from tests.live.world import Desk, desk

FAULTS = [
    ("hang", "before"), ("hang", "after"), ("drop", "before"), ("drop", "after"), ("unknown", "before"), ("unknown", "after"),
    ("unavailable", "before"), ("gateway", "before"), ("gateway", "after"), ("truncated", "after"), ("cut", "after"),
    ("html", "before"), ("html", "after"), ("limited", "before"), ("banned", "before"), ("clock", "before"),
    ("duplicate", "before"), ("duplicate", "after"),
]  # fmt: skip
ORDERS = ["market", "limit"]
LIVES = ["left alone", "killed"]
CELLS = [(*fault, order, life) for fault in FAULTS for order in ORDERS for life in LIVES]
# The short form: an order that is live at the venue and one that is not.
DIAGONAL = [("drop", "after", "market", "killed"), ("clock", "before", "limit", "left alone")]
RUN = CELLS if FULL else DIAGONAL
PATIENT = 'schedule = "patient"\n[schedules.patient]\nkind = "passive_then_cross"\ntimeout_s = 4\n[sentinel]'
NOTHING_TAKEN = ("clock", "limited", "banned")  # answers that say so; then one more try is right
ENDS = ("ack", "fill", "cancel", "reject")


def blocked_meanwhile(lines: list[dict[str, Any]]) -> None:
    """Raise where an order of a symbol was sent while another of it was unknown, or sent and unanswered before a start."""
    waiting: dict[str, str] = {}  # client order id -> symbol
    sent: dict[str, str] = {}  # without an answer so far
    symbols = {line["client_order_id"]: line["symbol"] for line in lines if line["type"] == "intent"}
    for line in lines:
        name = line.get("client_order_id")
        if line["type"] == "run_start":
            waiting |= sent
        elif line["type"] == "unknown":
            waiting[name] = symbols[name]
        elif line["type"] == "send" and line["action"] == "submit":
            others = [symbol for order, symbol in waiting.items() if order != name]
            assert symbols[name] not in others, f"line {line['seq']}: {symbols[name]} was not blocked"
            sent[name] = symbols[name]
        elif line["type"] in ENDS:
            waiting.pop(name, None)
            sent.pop(name, None)
    assert waiting == {}, f"never resolved: {waiting}"


def posted_once(made: Desk, *, again: bool) -> None:
    """Every intent was posted once, or again only after an answer that says that nothing was taken."""
    posts: dict[str, int] = defaultdict(int)
    for line in made.of("send"):
        posts[line["client_order_id"]] = made.venue.posts(line["client_order_id"])
    assert max(posts.values()) <= (2 if again else 1), posts


@pytest.mark.parametrize(("kind", "when", "order", "life"), RUN, ids=["-".join(cell) for cell in RUN])
def test_an_order_whose_answer_is_lost_is_at_the_venue_once_at_most_and_told_as_it_is(
    kind: str, when: str, order: str, life: str, tmp_path: Path
) -> None:
    with desk(tmp_path) as made:
        if order == "limit":
            made.change("[sentinel]", PATIENT)
        made.venue.fault("POST order", kind, when=when, containing="symbol=BTCUSDT")
        process = made.start()
        made.until(lambda: bool(made.venue.faults_done()), process)
        if life == "killed":
            kill(process)
            agreed(made, resent=kind in NOTHING_TAKEN)
            process = made.start()
        starts = 1 + (life == "killed")
        given_up = (when, order, life) == ("before", "market", "left alone") and kind not in NOTHING_TAKEN
        done = (
            at_rest if given_up else reached
        )  # proven absent it is cancelled; the next plan is due at the next manifest or start
        made.until(lambda: len(made.of("run_start")) == starts and done(made), process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert [list(struck[1:]) for struck in made.venue.faults_done()] == [[kind, when]]
        kinds = {line["order_kind"] for line in made.of("intent") if line["symbol"] == BTC.symbol}
        assert (order == "limit") is ("LIMIT" in {str(one).upper() for one in kinds}), kinds
        whole(made, resent=kind in NOTHING_TAKEN)
        if given_up:
            assert [order["symbol"] for order in made.venue.truth().orders] == ["ETHUSDT"]
        else:
            reached_once(made)
        posted_once(made, again=kind in NOTHING_TAKEN)
        blocked_meanwhile(made.lines)


def test_a_second_order_of_a_symbol_that_is_unknown_would_be_noticed() -> None:
    lines = [{"type": "intent", "client_order_id": one, "symbol": "X", "seq": seq} for seq, one in enumerate(("a", "b"), start=1)]
    lines += [
        {"type": "send", "action": "submit", "client_order_id": "a", "seq": 3},
        {"type": "unknown", "client_order_id": "a", "seq": 4},
        {"type": "send", "action": "submit", "client_order_id": "b", "seq": 5},
    ]
    with pytest.raises(AssertionError, match="line 5: X was not blocked"):
        blocked_meanwhile(lines)
    with pytest.raises(AssertionError, match="never resolved"):
        blocked_meanwhile(lines[:-1])
