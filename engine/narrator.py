"""Tells a person what a run does, line by line, in market days; or a script, one JSON object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any, Final

from lakehouse.manifest import AuditedManifest, ManifestHeld
from lakehouse.records import Fill, FlattenLine
from lakehouse.withdrawals import scope_of
from orders.canonical import plain
from orders.plan import Held, Judgement, Plan
from strategies.desk import NEW_MANIFEST

BPS: Final = Decimal(10_000)
SCHEDULE: Final = "SCHEDULE_"  # the alarms of schedules
NS_PER_MS: Final = 1_000_000


def day_of(market_ns: int) -> str:
    """Return the UTC day of an instant as YY-MM-DD."""
    return datetime.fromtimestamp(market_ns // 1_000_000_000, UTC).strftime("%y-%m-%d")


def cost_bps(fills: Sequence[Fill]) -> tuple[Decimal, Decimal] | None:
    """Return (fees, arrival slippage) of fills in basis points of their notional at the arrival mid; None without fills.

    Fees paid in another currency than the quote currency are valued at the fill's price. All fills must share one quote
    currency; positive is a cost. Slippage is s (price - arrival mid), as in implementation shortfall's trading part.
    """
    if not fills:
        return None
    base = fees = slippage = Decimal(0)
    for fill in fills:
        quantity, price, mid = Decimal(fill.quantity), Decimal(fill.price), Decimal(fill.arrival_mid)
        multiplier = Decimal(fill.multiplier)
        base += quantity * mid * multiplier
        slippage += fill.side.sign * quantity * (price - mid) * multiplier
        fee = Decimal(fill.fee)
        fees += fee if fill.fee_currency == fill.quote_currency else fee * price
    return fees / base * BPS, slippage / base * BPS


class Narrator:
    """`say` prints one line; `market_now_ns` stamps it. With `as_json` each line is an object with a `type`."""

    def __init__(self, *, say: Callable[[str], None], as_json: bool, market_now_ns: Callable[[], int]) -> None:
        self._say = say
        self._json = as_json
        self._now = market_now_ns
        self._seen = False  # a manifest, ever

    def line(self, text: str, **facts: Any) -> None:
        """Print `text`, or `facts` as JSON."""
        if self._json:
            self._say(json.dumps(plain(facts), sort_keys=True))
        else:
            self._say(text)

    def manifest(self, outcome: Any) -> None:
        """What was read and what became of it."""
        day = day_of(self._now())
        short = (outcome.manifest_sha256 or "-")[:4]
        if isinstance(outcome, AuditedManifest):
            self._seen = True
            self.line(
                f"{day}  manifest {short}… run {outcome.source_run} {outcome.grade.value} · regime {outcome.regime_name}"
                f" · {len(outcome.targets)} targets",
                type="manifest",
                decision="ACCEPTED",
                manifest_sha256=outcome.manifest_sha256,
                source_run=outcome.source_run,
                grade=outcome.grade.value,
            )
            return
        if outcome.code == "MANIFEST_VANISHED" and not self._seen:
            self.line(f"{day}  waiting for a manifest", type="waiting", message=outcome.message)
            return
        decision = "HOLD" if isinstance(outcome, ManifestHeld) else "REFUSED"
        self.line(
            f"{day}  manifest {short}… {decision}  {outcome.code}  {outcome.message}\n          holding the last plan",
            type="manifest",
            decision=decision,
            code=outcome.code,
            message=outcome.message,
            manifest_sha256=outcome.manifest_sha256,
        )

    def plan(self, made: Plan | None, judgement: Judgement | Held) -> None:
        """The plan in one line, or why there is none."""
        if made is None or not isinstance(judgement, Judgement):
            self.line(
                f"          plan HELD  {judgement.code}  {judgement.message}",
                type="plan",
                decision="HOLD",
                code=judgement.code,
                message=judgement.message,
            )
            return
        counts = Counter(line.reason.value.lower().replace("_", " ") for line in made.lines)
        words = " · ".join(f"{count} {reason}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
        cause = "" if made.cause in ("", NEW_MANIFEST) else f" {made.cause.replace('_', ' ')}"
        verdict = "" if judgement.decision.value == "PLAN" else f"\n          REFUSED  {judgement.code}  {judgement.message}"
        self.line(
            f"          plan #{made.cycle}{cause}  {words}   gross {made.gross_after:.2f}  turnover {made.turnover:.2f}"
            f"  tracking error {made.tracking_error_bps:.0f} bp{verdict}",
            type="plan",
            decision=judgement.decision.value,
            code=judgement.code,
            cycle=made.cycle,
            cause=made.cause,
            reasons=dict(counts),
        )

    def alarm(self, code: str, message: str) -> None:
        """What a schedule leaves, which nothing else here would tell; other alarms stand beside what they are about."""
        if code.startswith(SCHEDULE):
            self.line(f"          {code}  {message}", type="alarm", code=code, message=message)

    def override(self, code: str, message: str) -> None:
        """A person's override: used, or turned away for a code."""
        self.line(f"          {message}", type="override", code=code, message=message)

    def flatten(self, line: FlattenLine) -> None:
        """A person's flatten: taken, or how it ended."""
        what = scope_of(line).words()
        stage = (
            f"flatten {what} by {line.by}: {line.reason}"
            if not line.outcome
            else f"flatten {line.outcome.upper()}  {line.message}"
        )
        self.line(
            f"          {stage.rstrip()}",
            type="flatten",
            stage=line.stage,
            outcome=line.outcome,
            by=line.by,
            reason=line.reason,
            request_id=line.request_id,
            message=line.message,
        )

    def cycle(self, fills: Sequence[Fill], orders: int) -> None:
        """What a cycle's orders did and cost."""
        costs = cost_bps(fills)
        if costs is None:
            return
        fees, slippage = costs
        waits = [(fill.event_ns - fill.planned_ns) / NS_PER_MS for fill in fills]
        filled = len({(fill.cycle, fill.line) for fill in fills})  # children fill their parent's line
        self.line(
            f"          {orders} orders · {filled} filled · cost {fees + slippage:.1f} bp (fees {fees:.1f}, spread and slippage"
            f" {slippage:.1f}) · decision to fill p50 {median(waits):.0f} ms",
            type="cycle",
            orders=orders,
            filled=filled,
            fees_bps=round(fees, 4),
            slippage_bps=round(slippage, 4),
        )
