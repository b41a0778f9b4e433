"""Lines to a slow venue: what finds none in time never leaves, and is told so."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance.burst import BURST, CASH, WAIT_S, BurstingCcxt, Moment, cancel_all, refused_of, send_burst
from tests.conformance.invariants import check_record, left_by
from tests.conformance.made import Made
from tests.conformance.test_halt_burst import trip_of
from venues.ccxt.private_api import NO_LINE, POSTS_MAX

ANSWER_MS = 1_200  # so that some orders get the line of one that was answered, and most get none in time
TIMEOUT_MS = 2_000


class Slow(BurstingCcxt):
    timing = msgspec.structs.replace(BurstingCcxt.timing, order_timeout_ms=TIMEOUT_MS)


def test_orders_that_find_no_line_in_time_are_refused_and_never_leave(tmp_path: Path) -> None:
    harness: Any = Slow.of(Made(tmp_path, Slow.first, Slow.other, cash=CASH).write(), Moment(at=None))
    try:
        harness.venue.fault("POST order", "delay", when="after", times=0, ms=ANSWER_MS)
        names = send_burst(harness, random.Random("lines"))
        end, ended, refused = time.monotonic() + WAIT_S, set[str](), dict[str, str]()
        while len(ended) + len(refused) < BURST:
            assert time.monotonic() < end, (len(ended), len(refused))
            harness.advance(200)
            ended, refused = set(harness.venue_ids()) & set(names), refused_of(harness, names)
        assert set(refused.values()) == {NO_LINE}
        assert not ended & refused.keys()
        assert POSTS_MAX <= len(ended) < BURST
        assert sum(harness.posts(name) for name in refused) == 0
        harness.moment.trip = trip_of("a second terminal", harness)
        harness.moment.cut()
        cancel_all(harness, names)
        left = left_by(harness)
        harness.close_record()
    finally:
        harness.stop()
    check_record(harness, left)
