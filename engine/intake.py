"""What becomes of a manifest that was read: a line, an alarm where it is turned away, work for the strategy where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.order_context import ManifestFacts
from engine.plan_recorder import PlanRecorder
from engine.waiting import Waiting
from lakehouse import records
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused, refused
from lakehouse.rebuild import LogFold
from orders.book import BookKeeper
from orders.canonical import decimal_text
from orders.flatten import Withdrawal, is_withdrawn
from orders.plan import Decision
from orders.values import Grade, Quote, Record
from strategies.desk import Work
from strategies.winner_shares import shares_of

NS: Final = 1_000_000_000


class Audited(Record, frozen=True, kw_only=True):
    """What the Sentinel and the log lines are told of the manifest behind a plan. `grade` ABSENT: nobody audited it here;
    `approved_by` empty: nobody's signed approval was found, or asked for.

    `generated_ns`: its own stamp in market time; None: not known.
    """

    facts: ManifestFacts
    grade: Grade
    regime_name: str | None
    weights: Mapping[str, Decimal]
    generated_ns: int | None = None
    approved_by: str = ""


class ManifestIntake:
    """Remembers the last accepted manifest over restarts: none is rolled back, none that is done is traded again.

    `next_bar`: an order decided on a price may only meet a newer one. `wait_s`: data time to wait for prices.
    """

    def __init__(
        self,
        *,
        recorder: PlanRecorder,
        keeper: BookKeeper,
        quote_of: Callable[[str], Quote | None],
        clock_ns: Callable[[], int],
        fold: LogFold,
        next_bar: bool,
        wait_s: int,
        on_manifest: Callable[[Any], None],
        waiting: Waiting,
        on_accepted: Callable[[int], None] = lambda generated_ns: None,
    ) -> None:
        self.done = fold.done  # the manifest whose cycle has ended
        self.audited: Audited | None = None  # the last accepted manifest
        self.standing: AuditedManifest | None = None  # what this process read last; None: nothing, or it was turned away
        self.shares: Mapping[str, Mapping[str, Decimal]] = {}  # symbol -> winner -> its part of the accepted targets
        self.decision: dict[str, tuple[Decimal, int]] = {}  # symbol -> mid when it was read, and when that was true
        self._recorder = recorder
        self._keeper = keeper
        self._quote_of = quote_of
        self._clock_ns = clock_ns
        self._next_bar = next_bar
        self._wait_s = wait_s
        self._on_manifest = on_manifest
        self._waiting = waiting
        self._on_accepted = on_accepted
        self._interrupted = fold.unfinished  # the manifest whose cycle a kill cut off
        self._last_generated_ns = 0
        self.withdrawals: tuple[Withdrawal, ...] = fold.flattens.withdrawals  # of the manifest in force
        if fold.manifest is not None:
            self._last_generated_ns = fold.manifest.generated_ns or 0
            self.audited = _audited_of(fold.manifest)

    def deadline_ns(self, now_ns: int) -> int:
        """Return when waiting for prices from `now_ns` on ends."""
        return now_ns + self._wait_s * NS // self._recorder.market_speed

    def read(self, outcome: Any) -> Work | None:
        """Write what was read and what became of it; HOLD and REFUSED raise an alarm and change nothing that is held."""
        if isinstance(outcome, AuditedManifest):
            return self._accepted(outcome)
        decision = Decision.HOLD if isinstance(outcome, ManifestHeld) else Decision.REFUSED
        self._turned_away(outcome, decision=decision, code=outcome.code, message=outcome.message)
        return None

    def _accepted(self, manifest: AuditedManifest) -> Work | None:
        if manifest.generated_ns < self._last_generated_ns:
            return self.read(
                refused(
                    manifest,
                    code="MANIFEST_ROLLED_BACK",
                    message=f"generated at {manifest.generated_ns}; one of {self._last_generated_ns} was accepted already",
                )
            )
        self.standing, self.shares = manifest, shares_of(manifest)
        if manifest.manifest_sha256 == self.done or is_withdrawn(self.withdrawals, manifest.manifest_sha256):
            return None
        self.withdrawals = tuple(w for w in self.withdrawals if w.manifest_sha256 == manifest.manifest_sha256)
        self._last_generated_ns = manifest.generated_ns
        self._on_accepted(manifest.generated_ns)
        now = self._clock_ns()
        symbols = tuple(sorted({*manifest.targets, *self._keeper.positions}))
        seen = {s: quote for s in symbols if (quote := self._quote_of(s)) is not None}
        mids = {symbol: quote.mid for symbol, quote in seen.items()}
        self.decision = {symbol: (quote.mid, quote.ts_ns) for symbol, quote in seen.items()}
        facts = ManifestFacts(
            manifest_sha256=manifest.manifest_sha256,
            source_run=manifest.source_run,
            run_ledger_head=manifest.run_ledger_head,
            written_ns=manifest.written_ns,
            read_ns=now,
            decision_prices=mids,
        )
        self.audited = Audited(
            facts=facts,
            grade=manifest.grade,
            regime_name=manifest.regime_name,
            weights=manifest.targets,
            generated_ns=manifest.generated_ns,
            approved_by=manifest.approved_by,
        )
        self._recorder.manifest(
            {
                **self._line(
                    manifest,
                    decision="ACCEPTED",
                    code="",
                    message="; ".join(filter(None, (*manifest.notes, manifest.grade_text))),
                ),
                "read_ns": now,
                "targets": {symbol: decimal_text(weight) for symbol, weight in manifest.targets.items()},
                "decision_prices": {symbol: decimal_text(mid) for symbol, mid in mids.items()},
            }
        )
        self._on_manifest(manifest)
        interrupted = manifest.manifest_sha256 == self._interrupted
        self._interrupted = None
        return Work(
            outcome=manifest,
            cause="top_up" if interrupted else "new_manifest",
            symbols=symbols,
            after_ns=now if self._next_bar else 0,
            deadline_ns=self.deadline_ns(now),
            awaited=self._waiting.awaited(symbols, now_ns=now),
        )

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """A person has flattened what `withdrawal` covers of the manifest in force."""
        self.withdrawals = (*self.withdrawals, withdrawal)

    def _turned_away(self, outcome: Any, *, decision: Decision, code: str, message: str) -> None:
        now = self._clock_ns()
        self.standing = None
        self._recorder.manifest(
            {
                **self._line(outcome, decision=decision.value, code=code, message=message),
                "read_ns": now,
                "targets": {},
                "decision_prices": {},
            }
        )
        self._recorder.write(records.Alarm, code=code, message=message)
        self._on_manifest(outcome)

    @staticmethod
    def _line(outcome: Any, *, decision: str, code: str, message: str) -> dict[str, Any]:
        audited = isinstance(outcome, AuditedManifest)
        grade = None if isinstance(outcome, ManifestHeld) else outcome.grade
        return {
            "manifest_sha256": outcome.manifest_sha256,
            "decision": decision,
            "code": code,
            "message": message,
            "source_run": outcome.source_run,
            "grade": None if grade is None else grade.value,
            "run_ledger_head": outcome.run_ledger_head if isinstance(outcome, AuditedManifest | ManifestRefused) else None,
            "generated_ns": outcome.generated_ns,
            "written_ns": outcome.written_ns,
            "regime": outcome.regime_name if audited else None,
            "failed_checks": [] if isinstance(outcome, ManifestHeld) else list(outcome.failed_checks),
            "ledger_faults": [] if isinstance(outcome, ManifestHeld) else list(outcome.ledger_faults),
            "approved_by": outcome.approved_by if audited else "",
            "approval_sha256": outcome.approval_sha256 if audited else "",
        }


def _audited_of(line: records.ManifestLine) -> Audited:
    """What the log says of the manifest that was accepted last, before a restart."""
    return Audited(
        facts=ManifestFacts(
            manifest_sha256=line.manifest_sha256 or "",
            source_run=line.source_run or "",
            run_ledger_head=line.run_ledger_head,
            written_ns=line.written_ns,
            read_ns=line.read_ns,
            decision_prices={symbol: Decimal(text) for symbol, text in line.decision_prices.items()},
        ),
        grade=Grade.ABSENT if line.grade is None else Grade(line.grade),
        regime_name=line.regime,
        weights={symbol: Decimal(text) for symbol, text in line.targets.items()},
        generated_ns=line.generated_ns,
        approved_by=line.approved_by,
    )
