"""The regime a plan is judged by: the worse of its manifest's and the platform's regime log, looked at for every plan anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lakehouse.regime_audit import RegimeAudit, RegimeAuditPolicy, read_regime_audit
from sentinel.regime import Reading, read_regime, worse_reading

NO_LOG: Final = ""
REGIME_LOG: Final = "regime log"


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
    """One per run: looks when a plan is judged, so that a line written since the manifest counts; alarms when the log fails."""

    def __init__(
        self, policy: RegimeAuditPolicy | None, *, market_now_ns: Callable[[], int], alarm: Callable[[str, str], object]
    ) -> None:
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
