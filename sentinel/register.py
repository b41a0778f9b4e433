"""The register of controls: all 21, the reason codes each answers by, where it is asked, and which rule it serves.

RTS 6 is Commission Delegated Regulation (EU) 2017/589, 15c3-5 is 17 CFR 240.15c3-5. A provision is named where its text asks
for what the control does. RTS 6: 12 kill functionality; 15(1)(a) to (d) price collars, order values, order volumes, messages;
15(2) every order counts at once; 15(3) repeated execution; 15(4) market and credit risk limits; 15(5) permission by instrument,
own risk thresholds; 17(3) own logs against those of venues. 15c3-5: (c)(1)(i) credit or capital thresholds; (c)(1)(ii) price or
size parameters, by order and over a short time, and duplicative orders; (c)(2)(ii) restricted securities. Empty: none names it,
and `source` says where it comes from. That a control serves a provision does not say that a firm complies with it.
"""

from __future__ import annotations

from typing import Final

from orders.values import Record

PLAN: Final = "plan"
GATE: Final = "gate"
RUN: Final = "run"


class Control(Record, frozen=True, kw_only=True):
    """One control. `codes`: what its verdicts, refusals, halts and alarms are named by; the first is the one most used.

    `stages`: where it answers: `plan` (the whole plan), `gate` (each order just before its client), `run` (beside orders).
    `rts6`, `sec`: provisions of RTS 6 and of 15c3-5, empty where none names it. `source`: where its rule comes from.
    """

    number: int
    name: str
    codes: tuple[str, ...]
    stages: tuple[str, ...]
    rts6: str
    sec: str
    source: str


def _control(number: int, name: str, codes: str, stages: str, rts6: str, sec: str, source: str) -> Control:
    return Control(
        number=number,
        name=name,
        codes=tuple(codes.split()),
        stages=tuple(stages.split()),
        rts6=rts6,
        sec=sec,
        source=source,
    )


REGISTER: Final[tuple[Control, ...]] = (
    _control(
        1, "price collar", "PRICE_COLLAR FILL_DRIFT", "plan gate", "15(1)(a)", "(c)(1)(ii)", "RTS 6, PERCENT_PRICE of Binance"
    ),
    _control(2, "max order value", "MAX_ORDER_VALUE", "plan gate", "15(1)(b)", "(c)(1)(ii)", "RTS 6"),
    _control(3, "max order volume", "MAX_ORDER_VOLUME", "plan", "15(1)(c)", "(c)(1)(ii)", "RTS 6"),
    _control(4, "message limit", "MESSAGE_LIMIT", "plan gate", "15(1)(d)", "(c)(1)(ii)", "RTS 6"),
    _control(5, "reservation", "RESERVATION NO_APPROVAL MISMATCH", "gate", "15(2)", "(c)(1)(i)", "RTS 6"),
    _control(6, "repeated execution", "REPEATED_EXECUTION", "plan", "15(3)", "(c)(1)(ii)", "RTS 6"),
    _control(7, "leverage, gross and net", "MAX_LEVERAGE", "plan gate", "15(4)", "(c)(1)(i)", "15c3-5, the specification"),
    _control(8, "duplicate", "DUPLICATE APPROVAL_USED", "plan gate", "", "(c)(1)(ii)", "15c3-5"),
    _control(9, "allow list", "ALLOW_LIST", "plan", "15(5)", "(c)(2)(ii)", "15c3-5"),
    _control(10, "asset exposure", "MAX_ASSET_EXPOSURE", "plan gate", "15(4), 15(5)", "(c)(1)(i)", "the specification"),
    _control(11, "self-match", "SELF_MATCH", "gate", "", "", "rules of venues"),
    _control(12, "halt", "HALT", "plan gate run", "12", "", "RTS 6"),
    _control(13, "dead man", "DEAD_MAN DEAD_MAN_GONE DEAD_MAN_NOT_READY", "run", "12", "", "cancelAllOrdersAfter of Kraken"),
    _control(14, "reconciliation", "RECONCILIATION_BREAK UNKNOWN_OUTCOME", "gate run", "17(3)", "", "RTS 6"),
    _control(15, "router conservation", "CONSERVATION", "gate", "", "(c)(1)(ii)", "SEC order 34-70694 (Knight)"),
    _control(16, "loss and drawdown", "LOSS_LIMIT", "plan gate", "15(4)", "(c)(1)(i)", "FIA 2024"),
    _control(17, "market data sanity", "MARKET_SANITY PRICE_AGE MARK_JUMPED", "plan gate run", "", "", "FIA 2024"),
    _control(
        18,
        "provenance",
        "PROVENANCE PROVENANCE_BELOW_MINIMUM MANIFEST_APPROVAL APPROVAL_MISSING APPROVAL_FOREIGN",
        "plan run",
        "",
        "",
        "the specification",
    ),
    _control(19, "regime parity", "REGIME_PARITY", "plan gate", "", "", "the specification"),
    _control(20, "reduce-only", "REDUCE_ONLY REDUCTIONS_ONLY", "plan gate", "", "", "reduce-only orders of venues"),
    _control(
        21,
        "manifest bounds",
        "MANIFEST_BOUNDS MANIFEST_STALE MANIFEST_FROM_FUTURE MANIFEST_ROLLED_BACK",
        "plan run",
        "",
        "",
        "the specification",
    ),
)

BESIDE: Final[tuple[tuple[str, str], ...]] = (
    ("MARKET_CLOSED", "market hours, which are facts and no limit"),
    ("NO_HOURS", "market hours that are not known"),
    ("ARMED_NOTIONAL", "what a person armed a live run for, a day"),
    ("ARMING_EXPIRED", "until when a person armed a live run"),
    ("CAPITAL_FRACTION", "what a promotion leaves of equity; limits in equity are of that part"),
    ("CONTROL_FAILED", "an exception inside any control, or around them: denied and halted"),
)
"""Codes of the Sentinel that are of no control of the register, and why."""

_BY_CODE: Final = {code: control for control in REGISTER for code in control.codes}


def control_of(code: str) -> Control | None:
    """Return the control a reason code belongs to; None for a code of no control, such as a planner's reason."""
    return _BY_CODE.get(code)
