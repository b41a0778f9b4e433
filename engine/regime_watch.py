"""The regime a plan is judged by: the worse of its manifest's and the platform's regime log, looked at for every plan anew.

While its orders leave, the log is looked at again, at most once a second of market time: a plan that the regime would not allow
any more opens and adds nothing further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from lakehouse.regime_audit import RegimeAudit, RegimeAuditPolicy, read_regime_audit
from orders.plan import Approval, Outcome, Plan, Verdict
from sentinel.facts import SentinelFacts
from sentinel.limits import SentinelLimits
from sentinel.regime import Reading, read_regime, worse_reading
from sentinel.regime_now import regime_parity_now

NO_LOG: Final = ""
REGIME_LOG: Final = "regime log"
REGIME_PARITY: Final = "REGIME_PARITY"
LOOK_EVERY_NS: Final = 1_000_000_000  # market time between looks at the log while orders leave


class RegimeSeen:
    """What one look found. `name`, `quadrant`: the worse reading, for the Sentinel; `source`: REGIME_LOG where it is the
    log's, else empty; `audit` None: no log is configured.
    """

    __slots__ = ("audit", "name", "quadrant", "source")

    def __init__(self, manifest: Reading, audit: RegimeAudit | None) -> None:
        self.audit = audit
        reading = manifest if audit is None else worse_reading(manifest, audit.reading)
        self.name, self.quadrant = reading
        self.source = "" if reading is manifest else REGIME_LOG

    def fields(self) -> dict[str, Any]:
        """Return the two fields of a plan's line."""
        audit = self.audit
        return {
            "regime": read_regime(self.name, self.quadrant).value,
            "regime_audit": None
            if audit is None
            else {
                "code": audit.code,
                "message": audit.message,
                "regime": audit.regime,
                "name": audit.name,
                "quadrant": audit.quadrant,
                "stamp_ns": audit.stamp_ns,
            },
        }


def look(policy: RegimeAuditPolicy | None, *, manifest: Reading, as_of_ns: int) -> RegimeSeen:
    """Return the regime as of a market instant, beside what a manifest says; reads the log once."""
    return RegimeSeen(manifest, None if policy is None else read_regime_audit(policy, as_of_ns=as_of_ns))


class RegimeWatch:
    """One per run: looks when a plan is judged, so that a line written since the manifest counts; alarms when the log fails.

    `barred`: the last plan, or what was left of it, was stopped by the regime log; its rest is a later cycle's.
    """

    def __init__(
        self,
        policy: RegimeAuditPolicy | None,
        *,
        limits: SentinelLimits,
        market_now_ns: Callable[[], int],
        alarm: Callable[[str, str], object],
    ) -> None:
        self.barred = False
        self._limits = limits
        self._plan: tuple[Plan, Sequence[Approval], SentinelFacts, Reading] | None = None  # whose orders leave
        self._judged: Reading | None = None  # by which `_verdict` was made
        self._verdict: Verdict | None = None
        self._looked_ns = 0
        self._policy = policy
        self._market_now_ns = market_now_ns
        self._alarm = alarm
        self._told = NO_LOG

    def see(self, manifest: Reading) -> RegimeSeen:
        """Look once. A log that cannot be believed alarms when that begins, not for every plan. Raises `StorageError`."""
        seen = look(self._policy, manifest=manifest, as_of_ns=self._market_now_ns())
        code = NO_LOG if seen.audit is None else seen.audit.code
        if code != self._told:
            self._told = code
            if code and seen.audit is not None:
                self._alarm(code, f"{seen.audit.message}; the regime counts as CRISIS")
        return seen

    def follow(
        self, made: Plan, approvals: Sequence[Approval], *, facts: SentinelFacts, seen: RegimeSeen, manifest: Reading, code: str
    ) -> None:
        """A plan was judged by what `seen` says: its orders leave from now on. `code`: what refused it, "" where nothing did."""
        self.barred = code == REGIME_PARITY and seen.source == REGIME_LOG
        self._plan = (made, approvals, facts, manifest) if approvals and self._policy is not None else None
        self._judged, self._verdict = (seen.name, seen.quadrant), None
        self._looked_ns = self._market_now_ns()

    def growth(self) -> Verdict | None:
        """Return what the regime of now says to an order that opens or adds, of the plan whose orders leave; None: what the
        plan's own judgement said. Raises `StorageError`.
        """
        if self._plan is None:
            return None
        now_ns = self._market_now_ns()
        if not 0 <= now_ns - self._looked_ns < LOOK_EVERY_NS:
            self._looked_ns = now_ns
            made, approvals, facts, manifest = self._plan
            seen = self.see(manifest)
            reading = (seen.name, seen.quadrant)
            if reading != self._judged:
                self._judged = reading
                facts = msgspec.structs.replace(
                    facts, regime_name=seen.name, regime_quadrant=seen.quadrant, regime_source=seen.source
                )
                self._verdict = regime_parity_now(made, approvals, facts=facts, limits=self._limits)
                if self._verdict.outcome is not Outcome.ALLOW:
                    self.barred = True
                    words = f"{self._verdict.observed}; limit {self._verdict.limit}. What the open cycle still opens is denied."
                    self._alarm(REGIME_PARITY, words)
        return self._verdict
