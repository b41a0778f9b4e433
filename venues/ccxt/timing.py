"""How long the execution client waits for what; all of it configuration, none of it a guess in the code."""

from __future__ import annotations

from orders.values import Record

NS: int = 1_000_000_000


class CcxtTiming(Record, frozen=True, kw_only=True):
    """Seconds but for `order_timeout_ms`, the timeout of one request.

    `look_first_s`, `look_max_s`: first and longest pause between looks for an order, doubling. `absent_s`: see
    `AbsenceEvidence`; longer than the venue's receive window and the timeout, to which `engine.config_live` holds it. `alarm_s`:
    an order unresolved for so long halts. `heartbeat_s`: between two looks by REST while the streams are up. `overlap_s`: how far
    a back-fill reaches behind the last trade. `clock_s`: between two looks at the clock; `skew_max_ms`: what it may be off.
    `cancel_tries`: requests for one cancel. `late_s`: the longest that an order waits, for the disk or for a pause of the venue.
    """

    order_timeout_ms: int = 10_000
    look_first_s: float = 0.5
    look_max_s: float = 30.0
    absent_s: float = 60.0
    alarm_s: float = 300.0
    heartbeat_s: float = 30.0
    overlap_s: float = 60.0
    clock_s: float = 600.0
    skew_max_ms: int = 1_000
    not_sent_pause_s: float = 1.0
    settle_first_s: float = 0.5
    cancel_tries: int = 3
    late_s: float = 10.0
