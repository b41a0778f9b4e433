"""`sluice promote status [BUNDLE]`: where a bundle stands, and what is between it and its next move, on one screen.

Reads files only, so it answers beside a run. It says to which line a record was verified; a promotion verifies all of it anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.evidence import Evidence, gather
from analysis.gate_source import KEPT
from analysis.gate_verified import Proof, proof_of
from analysis.promotion_state import promotions_of
from commands.output import Exit, print_json
from commands.promote_screen import screen
from engine.code_version import code_version
from engine.gates_file import load_gates
from lakehouse.bundles import find_bundle, known_bundles, read_bundle
from lakehouse.layout import Layout
from lakehouse.segments import has_file
from orders.errors import ConfigError, InputError
from orders.gates import GatesFile, Verdict
from orders.metrics import CANARY
from orders.promotion import Promotions, Standing, State
from orders.values import Record

if TYPE_CHECKING:
    from analysis.gate_approvals import Approvers
    from engine.run_config import RunConfig

WHILE_RUNNING: Final = "while_running"
WHOLE: Final = re.compile(r"[0-9a-f]{64}")


class Status(Record, frozen=True, kw_only=True):
    """What is shown. `standing` None: never promoted here. `move`: whose gates were asked; "" where none can follow. `proof`: of
    the record that says where it stands; None: there is none.
    """

    directory: str
    gates_path: str
    environment: str | None
    bundle_sha256: str
    standing: Standing | None
    current: Standing | None
    previous: Standing | None
    move: str
    gates: GatesFile
    evidence: Evidence
    proof: Proof | None

    @property
    def allows(self) -> bool:
        """Whether the move could be asked for now: gates pass, nobody has to resume first, and the record verifies."""
        paused = self.standing is not None and bool(self.standing.paused)
        return self.evidence.allows and not paused and (self.proof is None or not self.proof.problem)

    @property
    def ready_ns(self) -> int | None:
        """When all gates can be met at the present rate; None: not known, never, or now."""
        waiting = [result for result in self.evidence.blocking if result.verdict is Verdict.INCONCLUSIVE]
        if len(waiting) < len(self.evidence.blocking) or any(result.ready_ns is None for result in waiting):
            return None
        return max((result.ready_ns for result in waiting if result.ready_ns is not None), default=None)


def run(
    named: str | None,
    *,
    config: Path | None,
    lakehouse: Path | None,
    otherwise: Path,
    gates: Path,
    sources: Mapping[str, Path],
    move: str | None,
    as_json: bool,
) -> int:
    """Print the status; `named` None: of the current bundle, else of the one that was promoted last, else of the only one here.

    `otherwise`: the data directory where neither `lakehouse` nor `config` names one. Raises `ConfigError` BUNDLE_UNKNOWN,
    BUNDLE_AMBIGUOUS and of the gates file, `RecordCorrupt` of promotions that do not follow from one another.
    """
    loaded = None if config is None else _loaded(config)
    layout = Layout(lakehouse or (otherwise if loaded is None else loaded.lakehouse.directory))
    file = load_gates(gates)
    promotions = promotions_of(layout)
    bundle_sha256 = _chosen(layout, promotions) if named is None else _named(layout, promotions, named)
    standing = promotions.standing(bundle_sha256)
    asked = next_move(standing) if move is None else move
    evidence = gather(
        file,
        bundle_sha256=bundle_sha256,
        code_sha256=_code_of(layout, bundle_sha256),
        sources={CANARY: layout.directory, **sources},
        move=asked,
        now_ns=time.time_ns(),
        since_ns=None if standing is None else standing.since_ns,
        step=None if standing is None else standing.step,
        proof=KEPT,
        approvers=None if loaded is None else _approvers(loaded),
    )
    status = Status(
        directory=str(layout.directory),
        gates_path=str(gates),
        environment=promotions.environment,
        bundle_sha256=bundle_sha256,
        standing=standing,
        current=promotions.current,
        previous=promotions.previous_had,
        move=asked,
        gates=file,
        evidence=evidence,
        proof=proof_of(layout) if has_file(layout.log) else None,
    )
    if as_json:
        print_json(document(status))
    else:
        print("\n".join(screen(status)))
    return Exit.DONE


def next_move(standing: Standing | None) -> str:
    """Return the move that comes next, of those that gates stand before; of a live bundle what it is held to while it runs."""
    if standing is None or standing.state in (State.CANDIDATE, State.RETIRED):
        return "shadow"
    if standing.state is State.SHADOW:
        return "canary"
    if standing.state is State.LIVE:
        return WHILE_RUNNING
    return "live" if standing.step >= len(standing.steps) - 2 else "step_up"


def _named(layout: Layout, promotions: Promotions, named: str) -> str:
    """A whole hash is taken at its word: evidence of it may lie elsewhere before the bundle itself is here."""
    if WHOLE.fullmatch(named):
        return named
    from live.promoting import bundle_named  # here: it reads run configs, and takes a third of a second to import

    return bundle_named(layout, promotions, named)


def _loaded(config: Path) -> RunConfig:
    from engine.run_config import load_config  # likewise

    return load_config(config)


def _approvers(config: RunConfig) -> Approvers | None:
    from live.promoting import approvers_of  # likewise

    return approvers_of(config)


def _chosen(layout: Layout, promotions: Promotions) -> str:
    if promotions.current is not None:
        return promotions.current.bundle_sha256
    going = [one for one in promotions.standings.values() if one.state is not State.RETIRED]
    if going:
        return max(going, key=lambda one: one.line).bundle_sha256
    known = known_bundles(layout)
    if len(known) != 1:
        raise ConfigError(
            "BUNDLE_UNKNOWN",
            expected=f"a bundle's hash: none is promoted in {layout.directory}",
            found=f"{len(known)} bundles there",
            action="`sluice bundle create CONFIG` makes one; give its hash, or the data directory with --lakehouse.",
        )
    return known[0]


def _code_of(layout: Layout, bundle_sha256: str) -> str:
    """Return the hash of the bundle's code; where the bundle is not here, of the code that runs this."""
    try:
        directory, sha256 = find_bundle(layout, bundle_sha256)
        return str(read_bundle(directory, sha256=sha256).parts["code"].document()["source_sha256"])
    except (ConfigError, InputError, KeyError):
        return code_version().source_sha256


def document(status: Status) -> dict[str, Any]:
    """Return the same for `--json`."""
    standing, evidence = status.standing, status.evidence
    return {
        "lakehouse": status.directory,
        "environment": status.environment,
        "bundle_sha256": status.bundle_sha256,
        "standing": standing,
        "current": None if status.current is None else status.current.bundle_sha256,
        "previous": None if status.previous is None else status.previous.bundle_sha256,
        "move": status.move,
        "allows": status.allows,
        "record_problem": "" if status.proof is None else status.proof.problem,
        "ready_ns": status.ready_ns,
        "evidence": evidence,
        "evidence_sha256": evidence.sha256,
    }
