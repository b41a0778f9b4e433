"""What the desk tells of the manifest in force: to the facade, to a flatten, to whoever writes snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.intake import Audited, ManifestIntake
from engine.release_desk import ReleaseDesk
from orders.flatten import Scope, Withdrawal
from orders.values import Listing


class IntakeDesk(ReleaseDesk):
    """Knows the last accepted manifest, and what a person has flattened of it."""

    _intake: ManifestIntake
    _listings: Mapping[str, Listing]

    def audited(self, *, manifest_sha256: str, source_run: str) -> Audited | None:
        """Return the last accepted manifest if it is this one from this run."""
        known = self._intake.audited
        if known is None or known.facts.manifest_sha256 != manifest_sha256 or known.facts.source_run != source_run:
            return None
        return known

    @property
    def withdrawals(self) -> Sequence[Withdrawal]:
        """What a person has flattened of the manifest in force."""
        return self._intake.withdrawals

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """From now on this is not opened again until another manifest is accepted. Its log line is the caller's."""
        self._intake.withdraw(withdrawal)

    def covers(self, scope: Scope, symbol: str) -> bool:
        """Whether a flatten means this symbol."""
        listing = self._listings.get(symbol)
        return scope.covers(symbol, venue=None if listing is None else listing.venue)

    @property
    def manifest_in_force(self) -> Audited | None:
        """The manifest that was accepted last, withdrawn or not."""
        return self._intake.audited

    def deadline_ns(self, now_ns: int) -> int:
        """Return when waiting for prices from `now_ns` on ends."""
        return self._intake.deadline_ns(now_ns)
