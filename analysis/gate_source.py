"""One source of evidence: a data directory whose record was verified, and what its log has of one bundle.

Only lines of runs under the bundle's hash count. A directory that is missing, does not verify, or has other bundles only is told
as such, in words, and measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from analysis.cost_tree import order_costs
from analysis.gate_approvals import Approved, Approvers, SeenApproval, approved
from analysis.gate_verified import Proof, proof_of
from analysis.log_columns import TABLES
from analysis.log_sql import STANDING
from analysis.log_store import LogStore, open_log
from lakehouse.layout import Layout
from lakehouse.segments import has_file
from lakehouse.twins import first_sha256
from orders.errors import SluiceError
from orders.exact import FLOOR
from orders.gates import DAY_NS, Measured
from orders.metrics import CANARY, TWIN
from orders.values import Record

ZERO: Final = Decimal(0)
GAP_NS: Final = DAY_NS  # a pause of more than a day between two runs is no time of evidence
DAYS_PLACES: Final = Decimal("0.000001")
FRESH: Final = "fresh"  # the record is verified now
KEPT: Final = "kept"  # a proof that was kept stands while nothing has changed
NONE: Final = "none"  # by the run itself, which verified it at its start and has folded it since
OF_A_STEP: Final = (CANARY, TWIN)  # sources of which only what came since the bundle's last move counts
MARKET: Final = "backtest"  # a source whose days are those of the market, not of the clock


class Span(Record, frozen=True, kw_only=True):
    """First and last line of the bundle's runs, real time, and the days they make: pauses of more than `GAP_NS` are left out.
    `times`: of each run, from and to.
    """

    first_ns: int
    last_ns: int
    days: Decimal
    runs: tuple[str, ...]
    times: tuple[tuple[int, int], ...]


def days_of(ns: int) -> Decimal:
    """Return days, rounded down to six places: a tenth of a second."""
    return FLOOR.divide(Decimal(ns), Decimal(DAY_NS)).quantize(DAYS_PLACES, context=FLOOR)


def covered_ns(runs: Sequence[tuple[int, int]], *, from_ns: int = 0) -> int:
    """Return how long runs lasted from `from_ns` on, each from first to last, pauses of up to `GAP_NS` between two included."""
    total, end = 0, None
    for first, last in sorted(runs):
        begin = first if end is None or first - end > GAP_NS else end
        total += max(last - max(begin, from_ns), 0)
        end = last if end is None else max(end, last)
    return total


class SourceFacts(Record, frozen=True, kw_only=True):
    """What was read. `ledger_lines`, `ledger_root`: of the ledger that was verified; `log_lines`: of the log; `proven_line`: the
    log was verified up to here. `problem`: why it counts for nothing, "" where it does. `runs`: how many are of the bundle.
    `approvals`: of the manifests it accepted, those that hold, the newest; `approvals_sha256`: over all of them. Of a source that
    was not asked for them, none.
    """

    name: str
    directory: str
    ledger_lines: int = 0
    ledger_root: str = ""
    log_lines: int = 0
    proven_line: int = 0
    runs: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    problem: str = ""
    approvals: tuple[SeenApproval, ...] = ()
    approvals_sha256: str = ""


class Source:
    """A source, opened when it is first asked. `never`: waiting does not mend its `problem`."""

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        bundle_sha256: str,
        code_sha256: str,
        now_ns: int,
        since_ns: int | None = None,
        proof: str = FRESH,
    ) -> None:
        self.name = name
        self.layout = Layout(directory)
        self.bundle_sha256 = bundle_sha256
        self.code_sha256 = code_sha256
        self.now_ns = now_ns
        self.since_ns = since_ns
        self.never = False
        self.twin: Source | None = None  # that followed it, the baseline of its costs and latencies
        self.follows: Layout | None = None  # the live record a twin must be of
        self.approvers: Approvers | None = None  # whose approvals count of what it traded; None: not known
        self.approvals_in: Layout | None = None  # the live data directory
        self._how = proof
        self._store: LogStore | None = None
        self._proof: Proof | None = None

    def serves(self, name: str, directory: Path | None) -> bool:
        """Whether this source is another one too: the same directory, and days of the same clock."""
        kinds = ((one == MARKET, one in OF_A_STEP) for one in (name, self.name))
        return directory == self.layout.directory and next(kinds) == next(kinds)

    @property
    def _of_a_step(self) -> bool:
        return self.since_ns is not None and self.name in OF_A_STEP

    @cached_property
    def problem(self) -> str:
        """Verify the record and open the log, once; return why nothing can be measured of it, "" where something can."""
        try:
            self._proof = Proof() if self._how == NONE else proof_of(self.layout, fresh=self._how == FRESH)
            if self._proof.problem:
                self.never = True
                return f"the record of {self.name} does not verify: {self._proof.problem}"
            since_ns = self.since_ns if self._of_a_step else None
            self._store = open_log(self.layout.log, bundle=self.bundle_sha256, since_ns=since_ns)
        except SluiceError as error:
            return f"no evidence in {self.name}: {error.expected} was expected, found {error.found}"
        return ""

    def close(self) -> None:
        """Let go of the log."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def store(self) -> LogStore:
        """The log, of the bundle's runs only; there is none where there is a `problem`."""
        assert not self.problem
        assert self._store is not None
        return self._store

    def rows(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Return what a query says of the bundle's lines."""
        return self.store.rows(sql, parameters)

    def columns(self, sql: str, parameters: Sequence[object] | None = None) -> dict[str, Any]:
        """Return the same as NumPy arrays by column: for a row of each order."""
        return self.store.columns(sql, parameters)

    @cached_property
    def span(self) -> Span | None:
        """None: the log has no run of the bundle."""
        clock = "market_ns" if self.name == MARKET else "ts_ns"
        each = " UNION ALL ".join(
            f"SELECT run_id, min({clock}) AS a, max({clock}) AS b, min(ts_ns) AS c, max(ts_ns) AS d FROM {one.name} GROUP BY 1"
            for one in TABLES
            if one.name not in STANDING or not self._of_a_step
        )
        found = self.rows(f"SELECT run_id, min(a), max(b), min(c), max(d) FROM ({each}) GROUP BY run_id ORDER BY 2, 3, 1")
        if not found:
            return None
        total = covered_ns([(first, last) for _, first, last, _, _ in found])
        return Span(
            first_ns=min(row[3] for row in found),
            last_ns=max(row[4] for row in found),
            days=days_of(total),
            runs=tuple(row[0] for row in found),
            times=tuple((row[1], row[2]) for row in found),
        )

    @cached_property
    def approved(self) -> Approved | None:
        """What there is of approvals for the manifests its runs accepted; None: nobody said whose count, or where they lie."""
        if self.approvers is None or self.approvals_in is None:
            return None
        manifests = self.rows(
            """SELECT DISTINCT manifest_sha256, source_run, generated_ns FROM manifests WHERE decision = 'ACCEPTED'
               ORDER BY generated_ns, manifest_sha256"""
        )
        return approved(manifests, layout=self.approvals_in, approvers=self.approvers, now_ns=self.now_ns)

    @cached_property
    def costs_made(self) -> bool:
        """Make the tables of what each order cost, once."""
        order_costs(self.store)
        return True

    @cached_property
    def basis(self) -> tuple[int, Decimal]:
        """How many orders were sent, and the notional that was traded, base currency (orders without a rate count nothing)."""
        assert self.costs_made
        orders, traded = self.rows("SELECT count(*) FILTER (order_id IS NOT NULL), sum(traded) FROM order_costs")[0]
        return int(orders), traded or ZERO

    def measured(self, value: Decimal | None, *, words: str = "", orders: int | None = None, **more: Any) -> Measured:
        """Return a value with what it was seen on. `orders` None: those of the source."""
        span, (sent, traded) = self.span, self.basis
        assert span is not None
        return Measured(
            value=value, words=words, days=span.days, orders=sent if orders is None else orders, notional_base=traded,
            first_ns=span.first_ns, last_ns=span.last_ns, **more,
        )  # fmt: skip

    def nothing(self) -> Measured | None:
        """Return what is measured where there is nothing to measure of; None where there is."""
        if self.problem:
            return Measured(words=self.problem, never=self.problem if self.never else "")
        if other := self._of_another:
            return Measured(words=other, never=other)
        if self.span is None:
            step = " since its last move" if self._of_a_step else ""
            return Measured(words=f"{self.name} has no line of this bundle{step} yet")
        return None

    @cached_property
    def _of_another(self) -> str:
        """Return in words that a twin followed another log than the one it is asked of, "" where it followed that one."""
        if self.follows is None or not has_file(self.follows.log):
            return ""
        told = {str(row[0]) for row in self.rows("SELECT DISTINCT live_log_sha256 FROM twin_starts")}
        meant = first_sha256(self.follows)
        return "" if told <= {meant} else f"the twin in {self.layout.directory} followed another log than {self.follows.log}"

    def facts(self) -> SourceFacts:
        """Return what was read, for the evidence; of a source that nobody asked nothing."""
        if "problem" not in self.__dict__:
            return SourceFacts(name=self.name, directory=str(self.layout.directory))
        proof, span = self._proof, None if self.problem else self.span
        lines = 0 if self._store is None or self._store.extent is None else self._store.extent.lines
        approvals = self.__dict__.get("approved")  # if it was asked for
        return SourceFacts(
            name=self.name,
            directory=str(self.layout.directory),
            ledger_lines=0 if proof is None else proof.ledger_lines,
            ledger_root="" if proof is None else proof.ledger_root,
            log_lines=lines,
            proven_line=0 if proof is None else proof.log_lines,
            runs=0 if span is None else len(span.runs),
            first_ns=None if span is None else span.first_ns,
            last_ns=None if span is None else span.last_ns,
            problem=self.problem,
            approvals=() if approvals is None else approvals.named,
            approvals_sha256="" if approvals is None else approvals.sha256,
        )
