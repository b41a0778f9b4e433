"""The gates file: one TOML file that says what is measured where, what it must be, and on how much, before a bundle moves on.

Read as run configs are: every value explicit, unknown keys refused, every problem told with its line and key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ValidationError

from engine.config_problems import ConfigInvalid, Problem, shape_problems
from engine.config_text import decode_error_line, dotted, key_lines, line_of
from engine.config_values import (
    FilePath,
    Flag,
    Name,
    NotNegative,
    SchemaVersion,
    Section,
    number,
    one_of,
    or_none,
    whole,
)
from lakehouse.plain_file import read_plain
from lakehouse.strict_toml import parse_toml
from orders.canonical import sha256_hex
from orders.errors import ConfigError
from orders.gates import MOVES, Gate, GatesFile
from orders.metrics import LEDGER, METRICS, SOURCES

DEFAULT_GATES: Final = Path("data/gates/default.toml")
GATES_SIZE_MAX: Final = 200_000  # bytes; the shipped file has 10 kB
GATES_MAX: Final = 100
STEPS_MAX: Final = 20

_NAMES: Final = tuple(name for name, metric in METRICS.items() if metric.sources != (LEDGER,))
Bound = Annotated[Decimal | None, or_none(Annotated[Decimal, number()])]
Fraction = Annotated[Decimal, number(above="0", at_most="1", hint="1 % is 0.01")]
Seconds = Annotated[int, whole(at_least=0, at_most=31_536_000)]

type Found = Iterator[tuple[tuple[str, ...], str]]


class GateSection(Section):
    """[gates.NAME]"""

    metric: Annotated[str, one_of(*_NAMES)]
    source: Annotated[str, one_of(*SOURCES)]
    at_most: Bound = None
    at_least: Bound = None
    min_days: NotNegative
    min_orders: Annotated[int, whole(at_least=0, at_most=100_000_000)]
    min_notional_base: NotNegative
    moves: list[Annotated[str, one_of(*MOVES)]]
    dry_run: Flag
    while_running: Flag


class RampSection(Section):
    """[ramp]"""

    steps: list[Fraction]
    dwell_s: list[Seconds]


class GatesSection(Section):
    """The whole file."""

    schema_version: SchemaVersion
    ramp: RampSection
    sources: dict[Annotated[str, one_of(*SOURCES)], FilePath]
    gates: dict[Name, GateSection]


def load_gates(path: Path) -> GatesFile:
    """Read and check a gates file; relative paths in it are taken from the current directory.

    Raises `ConfigInvalid` with every problem by line and key, or `ConfigError` GATES_UNREADABLE, GATES_TOO_LARGE.
    """
    data = _bytes(path)
    try:
        text = data.decode("utf-8")
        document: dict[str, Any] = parse_toml(text)
    except UnicodeDecodeError as error:
        raise _file(path, 1, f"must be UTF-8, byte {error.start} is not") from error
    except tomllib.TOMLDecodeError as error:
        raise _file(path, decode_error_line(str(error)), f"is not TOML: {error}") from error
    except ValueError as error:
        raise _file(path, 1, f"is not TOML that can be read: {error}") from error
    try:
        made = GatesSection.model_validate(document)
    except ValidationError as error:
        raise _invalid(path, text, shape_problems(error, root=GatesSection)) from error
    if found := [*_ramp_problems(made.ramp), *_gate_problems(made)]:
        raise _invalid(path, text, found)
    gates = tuple(
        Gate(name=name, **{key: getattr(gate, key) for key in Gate.__struct_fields__ if key not in ("name", "moves")},
             moves=tuple(gate.moves))
        for name, gate in made.gates.items()
    )  # fmt: skip
    return GatesFile(
        sha256=sha256_hex(data),
        gates=gates,
        sources=dict(made.sources),
        steps=tuple(made.ramp.steps),
        dwell_s=tuple(made.ramp.dwell_s),
    )


def _ramp_problems(ramp: RampSection) -> Found:
    steps = ramp.steps
    if not 2 <= len(steps) <= STEPS_MAX or steps != sorted(set(steps)) or steps[-1] != 1:
        shown = ", ".join(map(str, steps))
        yield ("ramp", "steps"), f"2 to {STEPS_MAX} fractions, each above the one before, the last 1, were expected, were {shown}"
    if len(ramp.dwell_s) != len(steps) - 1:
        yield ("ramp", "dwell_s"), f"a time for each step but the last, {len(steps) - 1}, was expected, were {len(ramp.dwell_s)}"


def _gate_problems(file: GatesSection) -> Found:
    if not 1 <= len(file.gates) <= GATES_MAX:
        yield ("gates",), f"1 to {GATES_MAX} gates were expected, were {len(file.gates)}"
    for name, gate in file.gates.items():
        at, metric = ("gates", name), METRICS[gate.metric]
        if gate.at_most is None and gate.at_least is None:
            yield at, "at_most or at_least is missing; a gate without a bound holds nobody"
        if gate.at_most is not None and gate.at_least is not None and gate.at_least > gate.at_most:
            yield (*at, "at_least"), f"must be at_most or less, {gate.at_most}, was {gate.at_least}"
        if gate.at_most is not None and metric.highest is not None and gate.at_most >= metric.highest and gate.at_least is None:
            yield (*at, "at_most"), f"never fails: {metric.name} is at most {metric.highest}, was {gate.at_most}"
        if gate.at_least is not None and metric.lowest is not None and gate.at_least <= metric.lowest and gate.at_most is None:
            yield (*at, "at_least"), f"never fails: {metric.name} is at least {metric.lowest}, was {gate.at_least}"
        if not gate.moves and not gate.while_running:
            yield (*at, "moves"), f"one of {', '.join(MOVES)} was expected, or while_running = true; was empty"
        if len(set(gate.moves)) != len(gate.moves):
            yield (*at, "moves"), "each move once was expected"


def _file(path: Path, line: int, message: str) -> ConfigInvalid:
    return _gates_invalid(path, (Problem(line=line, key="(file)", message=message),))


def _invalid(path: Path, text: str, found: list[tuple[tuple[str, ...], str]]) -> ConfigInvalid:
    lines = key_lines(text)
    problems = [Problem(line=line_of(lines, key), key=dotted(key), message=message) for key, message in found]
    return _gates_invalid(path, tuple(sorted(problems, key=lambda problem: problem.line)))


def _gates_invalid(path: Path, problems: tuple[Problem, ...]) -> ConfigInvalid:
    return ConfigInvalid(
        path, problems, code="GATES_INVALID", what="a gates file", action="Mend the file, whose format data/README.md has."
    )


def _bytes(path: Path) -> bytes:
    try:
        data = read_plain(path, size_max=GATES_SIZE_MAX)
    except OSError as error:
        raise ConfigError(
            "GATES_UNREADABLE",
            expected=f"a gates file at {path}",
            found=error.strerror or "an I/O error",
            action=f"Name one with --gates; {DEFAULT_GATES} is a commented example.",
        ) from error
    if len(data) > GATES_SIZE_MAX:
        raise ConfigError(
            "GATES_TOO_LARGE",
            expected=f"a gates file of at most {GATES_SIZE_MAX} bytes at {path}",
            found="more",
            action="Name another file with --gates.",
        )
    return data
