"""Evidence for a promotion: every gate before a move, measured in the logs and judged, as one document with its own sha256.

Each source's record is verified before it counts. What a document says can be looked up: which directory, how long its ledger was
and which root it had, how many lines of its log, which runs' lines were of the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analysis.gate_approvals import Approvers
from analysis.gate_metrics import measure
from analysis.gate_source import FRESH, NONE, Source, SourceFacts
from lakehouse.layout import Layout
from orders.canonical import canonical_bytes, plain, sha256_hex
from orders.errors import SluiceError
from orders.exact import FLOOR
from orders.gates import DAY_NS, Gate, GateResult, GatesFile, Measured, judge
from orders.metrics import CANARY, LEDGER, TWIN
from orders.values import Record

EVIDENCE_VERSION: Final = 1
RUNNING: Final = "while_running"
DWELL: Final = "dwell"
S_NS: Final = 10**9
STEPPED: Final = ("step_up", "live")  # moves that leave a step of the ramp


class Evidence(Record, frozen=True, kw_only=True):
    """What was seen of a bundle at `evaluated_ns`, before `move` (of `orders.gates.MOVES`, or "while_running")."""

    version: int = EVIDENCE_VERSION
    bundle_sha256: str
    code_sha256: str
    gates_sha256: str
    move: str
    evaluated_ns: int
    sources: tuple[SourceFacts, ...]
    results: tuple[GateResult, ...]

    @property
    def allows(self) -> bool:
        """Whether every gate that counts passed; without any nothing was shown, and nothing is allowed."""
        return any(not result.gate.dry_run for result in self.results) and not self.blocking

    @property
    def blocking(self) -> tuple[GateResult, ...]:
        """The gates that stand in the way."""
        return tuple(result for result in self.results if not result.allows)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON types of the canonical subset."""
        document: dict[str, Any] = plain(self)
        return document

    def data(self) -> bytes:
        """Return its canonical bytes: what is kept, and what `sha256` is of."""
        return canonical_bytes(self.document())

    @property
    def sha256(self) -> str:
        """Hex sha256 of `data`."""
        return sha256_hex(self.data())


def gather(
    gates: GatesFile,
    *,
    bundle_sha256: str,
    code_sha256: str,
    sources: Mapping[str, Path],
    move: str,
    now_ns: int,
    since_ns: int | None = None,
    step: int | None = None,
    proof: str = FRESH,
    approvers: Approvers | None = None,
) -> Evidence:
    """Measure and judge every gate before `move`.

    `sources`: data directories by source, over those of the file; `canary` is the live one. `since_ns`: when the bundle entered
    its state and step (None: it has none): burn-in, and what `canary` and `twin` show, counts from then; `step`: of the ramp,
    which has a dwell before the next. `proof`: how records are verified (`analysis.gate_source`): FRESH for what is decided, KEPT
    for what is shown, NONE by a run of itself. `approvers`: whose approvals count of what a shadow traded; None: not known.
    """
    directories = {**gates.sources, **sources}
    asked = gates.before(move)
    names = dict.fromkeys(gate.source for gate in asked)
    if CANARY in names and TWIN in directories:
        names[TWIN] = None  # the baseline of what a canary cost, though no gate asks for the twin itself
    opened: dict[str, Source] = {}
    results = []
    with ExitStack() as stack:
        for name in names:
            same = next((one for one in opened.values() if one.serves(name, directories.get(name))), None)
            if same is not None:
                opened[name] = same
            elif name in directories:
                source = Source(
                    name, directories[name], bundle_sha256=bundle_sha256, code_sha256=code_sha256, now_ns=now_ns,
                    since_ns=since_ns, proof=proof,
                )  # fmt: skip
                stack.callback(source.close)
                opened[name] = source
        if TWIN in opened and CANARY in directories:
            opened[TWIN].follows = Layout(directories[CANARY])
        if CANARY in opened:
            opened[CANARY].twin = opened.get(TWIN)
        for source in opened.values():
            source.approvers, source.approvals_in = approvers, Layout(directories[CANARY]) if CANARY in directories else None
        known: dict[tuple[str, str], Measured] = {}
        for gate in asked:
            key = (gate.metric, gate.source)
            if key not in known:
                known[key] = _measured(gate, opened.get(gate.source))
            results.append(judge(gate, known[key], now_ns=now_ns))
        facts = tuple(source.facts() for source in dict.fromkeys(opened.values()))
    if move in STEPPED and step is not None and since_ns is not None:
        results.append(_dwell(gates, step=step, since_ns=since_ns, move=move, now_ns=now_ns))
    return Evidence(
        bundle_sha256=bundle_sha256,
        code_sha256=code_sha256,
        gates_sha256=gates.sha256,
        move=move,
        evaluated_ns=now_ns,
        sources=facts,
        results=tuple(results),
    )


def _measured(gate: Gate, source: Source | None) -> Measured:
    if source is None:
        words = f"no directory of source {gate.source}: name it in [sources] or with --source {gate.source}=DIR"
        return Measured(words=words, never=words)
    try:
        return measure(gate.metric, source)
    except SluiceError as error:
        return Measured(words=f"{gate.metric} of {source.name}: {error.code}, found {error.found}")


def _dwell(gates: GatesFile, *, step: int, since_ns: int, move: str, now_ns: int) -> GateResult:
    """How long the bundle has been at its step, against what the ramp asks."""
    asked_s = gates.dwell_s[step] if step < len(gates.dwell_s) else 0
    days = FLOOR.divide(Decimal(max(now_ns - since_ns, 0)), Decimal(DAY_NS))
    at_least = FLOOR.divide(Decimal(asked_s * S_NS), Decimal(DAY_NS))
    gate = Gate(name=DWELL, metric=DWELL, source=LEDGER, at_least=at_least, moves=(move,))
    words = f"at step {step + 1} of {len(gates.steps)}"
    return judge(gate, Measured(value=days, days=days, words=words, first_ns=since_ns, last_ns=now_ns), now_ns=now_ns)


__all__ = ["FRESH", "NONE", "RUNNING", "Evidence", "gather"]
