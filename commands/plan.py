"""`sluice plan`: what would be traded now, line by line, with the reason for every line that is not. Sends nothing.

It reads the manifest and the snapshot files the config names, and the permission to send; it writes nothing. Snapshots carry
the data's own time, so by default "now" is the newest price's stamp and not the wall clock: two calls on unchanged inputs
print the same bytes. Where the config replays data faster than real time, ages that are limits in real time are stretched by
that speed before they meet the data's stamps.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from commands.output import Exit, print_json
from commands.plan_beside import Beside, drift, proof
from commands.plan_preview import Snapshots, manifest_of, preview_of, read_snapshots, stretched
from engine.config_values import ns_of
from engine.run_config import RunConfig, load_config
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from orders.canonical import decimal_text, plain
from orders.errors import ConfigError
from orders.flatten import Withdrawal, is_withdrawn
from orders.plan import Decision, Held, Plan, plan_document, plan_sha256
from sentinel.facts import SentinelFacts
from sentinel.guard import judge_plan
from sentinel.limits import SentinelLimits, limits_sha256

NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")


def run(config_path: Path, *, manifest: Path | None, now: str | None, as_json: bool) -> int:
    """Print the plan and the guard's answer; exit 0 for PLAN and HOLD, 3 for REFUSED.

    `manifest` instead of the config's may lie anywhere, but must not be a link that leads out of its directory. Raises
    `ConfigError` for the config and for files it names, among them a snapshot that is not there yet.
    """
    config = load_config(config_path)
    snapshots = read_snapshots(config)
    now_ns = snapshots.newest_ns if now is None else instant_ns(now)
    outcome = manifest_of(config, manifest, now_ns=now_ns)
    answer = _Answer(config, snapshots, now_ns=now_ns, as_json=as_json)
    if not isinstance(outcome, AuditedManifest):
        return answer.turned_away(outcome)
    if is_withdrawn(snapshots.book.withdrawn, outcome.manifest_sha256):
        return answer.withdrawn(outcome, snapshots.book.withdrawn)
    seen = preview_of(config, outcome, snapshots, now_ns=now_ns)
    answer.add(proof(outcome), seen.beside)
    if isinstance(seen.made, Held):
        return answer.held(outcome, seen.made)
    assert seen.facts is not None
    limits = stretched(config.sentinel_limits(), speed=config.data.market_speed)
    return answer.planned(outcome, seen.made, seen.facts, limits=limits)


def instant_ns(text: str) -> int:
    """Return the instant in `text`: nanoseconds since 1970, or ISO 8601 with a zone. Raises `ConfigError` USAGE."""
    if NANOSECONDS.fullmatch(text):
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ConfigError(
            "USAGE",
            expected="--now as ISO 8601 with a zone, or nanoseconds",
            found=repr(text[:60]),
            action="2022-04-29T20:00:00Z is one.",
        )
    return ns_of(instant)


class _Answer:
    """Says what came out, in words or as the one JSON document."""

    def __init__(self, config: RunConfig, snapshots: Snapshots, *, now_ns: int, as_json: bool) -> None:
        self._config = config
        self._as_json = as_json
        self._now_ns = now_ns
        self._notes: list[str] = []
        self._document: dict[str, Any] = {
            "config_sha256": config.sha256,
            "limits_sha256": limits_sha256(config.sentinel_limits()),
            "market_limits_sha256": snapshots.market_limits.sha256,
            "market_limits_refused": plain(snapshots.market_limits.refused),
            "now_ns": str(now_ns),
            "cycle": snapshots.book.cycle + 1,
            "targets": {},
            "lines": [],
            "verdicts": [],
            "exposures": None,
            "plan_sha256": None,
            "failed_checks": [],
            "ledger_faults": [],
            "regime": None,
            "drift_alert": None,
            "drift_csv": None,
        }

    def add(self, *parts: Beside) -> None:
        """Take what is said beside the lines."""
        for part in parts:
            self._document |= part.fields
            self._notes.extend(part.lines)

    def turned_away(self, outcome: ManifestHeld | ManifestRefused) -> int:
        """The manifest itself is held or refused."""
        refused = isinstance(outcome, ManifestRefused)
        if isinstance(outcome, ManifestRefused):
            self.add(proof(outcome))
        grade = outcome.grade if isinstance(outcome, ManifestRefused) else None
        self._document |= {
            "manifest_sha256": outcome.manifest_sha256,
            "source_run": None if outcome.source_run is None else {"run_id": outcome.source_run, "grade": grade},
        }
        return self._say(Decision.REFUSED if refused else Decision.HOLD, outcome.code, outcome.message)

    def withdrawn(self, manifest: AuditedManifest, withdrawals: Sequence[Withdrawal]) -> int:
        """A person has flattened all of the manifest."""
        self._name(manifest)
        by = next(known for known in withdrawals if known.scope.whole)
        words = f"flattened by {by.by}: {by.reason}. Nothing of this manifest is traded any more; a new one ends that."
        return self._say(Decision.HOLD, "WITHDRAWN", words)

    def held(self, manifest: AuditedManifest, held: Held) -> int:
        """The book cannot be valued."""
        self._name(manifest)
        return self._say(Decision.HOLD, held.code, held.message)

    def planned(self, manifest: AuditedManifest, made: Plan, facts: SentinelFacts, *, limits: SentinelLimits) -> int:
        """There is a plan; the guard says whether it may be traded."""
        self._name(manifest)
        advice = drift(self._config, made)
        self.add(advice)
        digest = plan_sha256(made)
        judgement = judge_plan(made, facts=facts, limits=limits, sha256=digest)
        if self._as_json:
            fields = plan_document(made)
            self._document |= {
                "lines": fields.pop("lines"),
                "exposures": {name: fields[name] for name in ("gross_before", "net_before", "gross_after", "net_after")},
                "plan": fields,
                "plan_sha256": digest,
                "verdicts": plain(judgement.verdicts),
            }
        else:
            from commands.plan_view import print_plan

            print_plan(
                made,
                judgement,
                grade=manifest.grade,
                manifest_age_ns=self._now_ns - manifest.generated_ns,
                plan_sha256=digest,
                drift=advice.cells,
                notes=self._notes,
            )
        return self._say(judgement.decision, judgement.code, judgement.message)

    def _name(self, manifest: AuditedManifest) -> None:
        self._document |= {
            "manifest_sha256": manifest.manifest_sha256,
            "source_run": {"run_id": manifest.source_run, "grade": manifest.grade},
            "targets": {symbol: decimal_text(weight) for symbol, weight in manifest.targets.items()},
        }

    def _say(self, decision: Decision, code: str, message: str) -> int:
        message = message.removeprefix(f"{code}: ")
        if self._as_json:
            print_json(self._document | {"decision": decision, "code": code, "message": message})
        elif decision is Decision.HOLD:
            print(f"hold     {code}  {message}\n         Nothing was sent; what is held stays as it is.")
        elif decision is Decision.REFUSED:
            sys.stdout.flush()
            print(f"refused  {code}  {message}\n         Nothing was sent; what is held stays as it is.", file=sys.stderr)
        return Exit.REFUSED if decision is Decision.REFUSED else Exit.DONE
