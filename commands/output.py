"""What every command says the same way: errors in one breath, JSON, exit codes."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import Any

from orders.canonical import plain
from orders.errors import ConfigError, NotAsked, ProvenanceError, SluiceError, VenueRefused

INDENT = " " * 9


class Exit(IntEnum):
    """Exit codes of every command; 130 is Ctrl-C."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    INTERRUPTED = 130


def exit_code(error: SluiceError) -> Exit:
    """Return the exit code of an error: 2 for a config or a name that is not there, 3 for what a rule refused, 1 else."""
    if isinstance(error, ConfigError):
        return Exit.USAGE
    if isinstance(error, ProvenanceError | VenueRefused | NotAsked):
        return Exit.REFUSED
    return Exit.FAILED


def print_error(error: SluiceError, *, as_json: bool) -> None:
    """Print an error to stderr, one line (a config: one line a problem), and as JSON to stdout when that was asked for."""
    problems = config_problems(error)
    if as_json:
        document: dict[str, Any] = {"error": {"code": error.code, "message": str(error)}}
        if problems:
            document["error"]["problems"] = [{"line": line, "key": key, "message": words} for line, key, words in problems]
        print_json(document)
    word = "refused" if exit_code(error) is Exit.REFUSED else "error"
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        print(f"{word:<9}{getattr(error, 'path', 'the config')} has {count}", file=sys.stderr)
        for line in problem_lines(problems):
            print(INDENT + line, file=sys.stderr)
    else:
        print(f"{word:<9}{one_line(error)}", file=sys.stderr)


def one_line(error: SluiceError) -> str:
    """Return the error's words without line breaks."""
    return " ".join(f"{error.code}  {error.expected} was expected, found {error.found}. {error.action}".split("\n"))


def config_problems(error: SluiceError) -> list[tuple[int, str, str]]:
    """Return (line, key, message) of every problem of a run config; empty for any other error."""
    return [(problem.line, problem.key, problem.message) for problem in getattr(error, "problems", ())]


def problem_lines(problems: list[tuple[int, str, str]]) -> list[str]:
    """Return the problems as aligned lines: line number, key, message."""
    numbers = max(len(str(line)) for line, _, _ in problems)
    keys = min(max(len(key) for _, key, _ in problems), 40)
    return [f"{line:>{numbers}}  {key:<{keys}}  {message}" for line, key, message in problems]


def print_json(value: Any) -> None:
    """Print one JSON document on one line, keys sorted; Decimals and nanoseconds are text."""
    print(json.dumps(plain(value), sort_keys=True, ensure_ascii=True))
