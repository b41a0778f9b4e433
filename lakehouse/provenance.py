"""Grade a research run: is there a run of that name, does its ledger verify, did it choose what the manifest trades?

No record of the platform ties a manifest to its run, so several independent signs are checked and each is kept by name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakehouse.platform_ledger import LedgerReport, verify_platform_ledger
from lakehouse.returns_check import IN_FILE, IN_LEDGER, ReturnsCheck, returns_checks
from lakehouse.strict_json import FileBytes, read_contained
from orders.canonical import sha256_hex
from orders.errors import ConfigError, InputError
from orders.values import Grade, Record

LEDGER_NAME: Final = "audit.jsonl"
CANDIDATES_PATH: Final = "data/tournament_candidates.csv"
LEDGER_SIZE_MAX: Final = 64 << 20
CANDIDATES_SIZE_MAX: Final = 16 << 20
RUN_ID: Final = re.compile(r"[a-zA-Z0-9_\-]{1,128}")  # the platform's settings validator, with a length

_STEP_PREFIXES: Final = ("optimize", "meta_optimize", "backtest_optimize")
_STEP_NAMES: Final = frozenset({"validation", "optimization"})
_TRUE: Final = frozenset({"True", "true", "1"})

Check = tuple[str, bool, str]
"""Name, whether it passed, and what was found."""


class ProvenancePolicy(Record, frozen=True, kw_only=True):
    """Where the research runs lie (one directory a run) and the lowest grade that may be traded.

    `returns`: how much a manifest's returns hash must prove; `returns_file`: the table it is held against, None: the run's own.
    """

    runs_directory: str
    grade_min: Grade
    returns: ReturnsCheck = ReturnsCheck.NOTED
    returns_file: str | None = None

    def __post_init__(self) -> None:
        if not self.runs_directory or "\0" in self.runs_directory:
            action = "Name the platform's summaries/runs directory."
            raise ConfigError("RUNS_DIRECTORY", expected="a path", found=repr(self.runs_directory), action=action)


class Provenance(Record, frozen=True, kw_only=True):
    """A run's grade and the checks it rests on, in the order they were made; a check that was not reached is not listed.

    `run_ledger_head` is the `hash` of the ledger's last record, `ledger_sha256` that of the file's bytes; both None where
    there is no ledger. `noted`: names of checks that do not count for the grade. `ledger_faults`: codes of what is wrong with the
    ledger (`lakehouse.platform_ledger`), each once, in the order of their first lines.
    """

    grade: Grade
    run_ledger_head: str | None
    ledger_sha256: str | None
    checks: tuple[Check, ...]
    noted: frozenset[str] = frozenset()
    ledger_faults: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that hold the grade down."""
        return tuple(check for check in self.checks if not check[1] and check[0] not in self.noted)

    @property
    def reasons(self) -> str:
        """What holds the grade down, in words; empty where nothing does."""
        return "; ".join(f"{name}: {detail}" for name, _, detail in self.failures)


def grade_run(
    source_run: str, *, winners: Sequence[tuple[str, str]], policy: ProvenancePolicy, returns_hashes: Sequence[str | None] = ()
) -> Provenance:
    """Grade the run `source_run` for these winners, each an (engine, profile); `returns_hashes`: what each of them names.

    (1) run_id_form and (2) run_exists and (4) ledger_exists, else ABSENT. (3) run_contained: the run is really that directory
    of `runs_directory`, (5) ledger_chain and (6) genesis_run_id (every genesis, if any), else BROKEN. (7) candidates_file,
    (8) candidate_pair and (9) candidate_flag for each winner, (10) success_outcome of an optimise or validate step, else
    LEDGER_ONLY. (11) returns_hash_in_ledger and (12) returns_hash_of_file where `policy.returns` asks for them, likewise; where
    it does not, (11) is noted. All pass: VERIFIED. That the run's files were not rewritten as a whole is not checked: the chain
    has no key. Never raises on content.
    """
    if not RUN_ID.fullmatch(source_run):
        return _stopped(Grade.ABSENT, [("run_id_form", False, f"{source_run[:60]!r} is no run id")])
    checks: list[Check] = [("run_id_form", True, source_run)]
    run = Path(policy.runs_directory, source_run)
    try:
        found = run.is_dir()
        contained = found and run.resolve(strict=True) == Path(policy.runs_directory).resolve(strict=True) / source_run
    except OSError as error:
        return _stopped(Grade.ABSENT, [*checks, ("run_exists", False, f"{run}: {error.strerror}")])
    checks.append(("run_exists", found, str(run)))
    if not found:
        return _stopped(Grade.BROKEN if run.is_symlink() else Grade.ABSENT, checks)
    checks.append(("run_contained", contained, str(run)))
    if not contained:
        return _stopped(Grade.BROKEN, checks)
    try:
        ledger = read_contained(run / LEDGER_NAME, root=run, size_max=LEDGER_SIZE_MAX)
    except InputError as error:
        checks.append(("ledger_exists", False, f"{error.code}: {error.found}"))
        return _stopped(Grade.ABSENT if error.code == "VANISHED" else Grade.BROKEN, checks)
    checks.append(("ledger_exists", True, f"{len(ledger.data)} bytes"))
    return _grade_ledger(
        ledger, source_run=source_run, run=run, winners=winners, policy=policy, returns_hashes=returns_hashes, checks=checks
    )


def _grade_ledger(
    ledger: FileBytes,
    *,
    source_run: str,
    run: Path,
    winners: Sequence[tuple[str, str]],
    policy: ProvenancePolicy,
    returns_hashes: Sequence[str | None],
    checks: list[Check],
) -> Provenance:
    report = verify_platform_ledger(ledger.data)
    checks.append(("ledger_chain", report.ok, _chain_text(report)))
    strangers = sorted(set(report.genesis_run_ids) - {source_run})
    checks.append(("genesis_run_id", not strangers, ", ".join(strangers or report.genesis_run_ids)[:200] or "no genesis"))
    sound = report.ok and not strangers
    checks.extend(_candidate_checks(run, winners))
    steps = sorted({outcome.step for outcome in report.outcomes if outcome.status == "success" and _decides(outcome.step)})
    checks.append(("success_outcome", bool(steps), ", ".join(steps)[:200] or "no successful optimise or validate step"))
    file = None if policy.returns_file is None else Path(policy.returns_file)
    checks.extend(returns_checks(returns_hashes, in_ledger=report.hashes, run=run, file=file, asked=policy.returns))
    noted = frozenset({IN_LEDGER, IN_FILE}) if policy.returns is ReturnsCheck.NOTED else frozenset()
    passed = all(ok or name in noted for name, ok, _ in checks)
    return Provenance(
        grade=Grade.VERIFIED if passed else Grade.LEDGER_ONLY if sound else Grade.BROKEN,
        run_ledger_head=report.head,
        ledger_sha256=sha256_hex(ledger.data),
        checks=tuple(checks),
        noted=noted,
        ledger_faults=tuple(dict.fromkeys(fault.code for fault in report.faults)),
    )


def _candidate_checks(run: Path, winners: Sequence[tuple[str, str]]) -> list[Check]:
    flags_by_pair: dict[tuple[str, str], list[str]] = {pair: [] for pair in winners}
    count = 0
    try:
        file = read_contained(run / CANDIDATES_PATH, root=run, size_max=CANDIDATES_SIZE_MAX)
        for row in csv.DictReader(io.StringIO(file.data.decode("utf-8"), newline=""), strict=True):
            count += 1
            pair = (row.get("engine") or "", row.get("profile") or "")
            if pair in flags_by_pair:
                flags_by_pair[pair].append(row.get("is_candidate") or "")
    except InputError as error:
        return [("candidates_file", False, f"{error.code}: {error.found}")]
    except (UnicodeDecodeError, csv.Error) as error:
        return [("candidates_file", False, f"a CSV file was expected: {error}")]
    checks: list[Check] = [("candidates_file", True, f"{count} rows")]
    for (engine, profile), flags in flags_by_pair.items():
        checks.append(("candidate_pair", bool(flags), f"{engine}/{profile} in {len(flags)} rows"))
        if flags:
            found = ", ".join(sorted(set(flags)))[:120]
            checks.append(("candidate_flag", not _TRUE.isdisjoint(flags), f"{engine}/{profile}: is_candidate {found!r}"))
    return checks


def _decides(step: str) -> bool:
    return step.startswith(_STEP_PREFIXES) or step in _STEP_NAMES


def _chain_text(report: LedgerReport) -> str:
    """Every kind of fault by its name and first line; the words of the first."""
    if not report.faults:
        remarks = "".join(f", {remark.code} in line {remark.line}" for remark in report.remarks)
        return f"{report.records} records{remarks}"
    first_lines: dict[str, int] = {}
    for fault in report.faults:
        first_lines.setdefault(fault.code, fault.line)
    kinds = ", ".join(f"{code} in line {line}" for code, line in first_lines.items())
    return f"{kinds}; {len(report.faults)} faults, the first: {report.faults[0].detail}"


def _stopped(grade: Grade, checks: list[Check]) -> Provenance:
    return Provenance(grade=grade, run_ledger_head=None, ledger_sha256=None, checks=tuple(checks))
