"""Errors of the world, sorted by who must act.

SluiceError
├── ConfigError        the operator mends a file; nothing starts
├── InputError         a file or an answer from outside is not what its format says; nothing is traded
│   ├── NotYet         it may become right by itself (vanished, half written, empty): HOLD
│   └── NotAsked       it is sound, and cannot serve for what was asked (a run that still goes on cannot be replayed)
├── ProvenanceError    research mends the run; nothing is sent
├── StorageError       the disk said no; trading stops, cancels still go out
├── LockHeld           another process has the data directory
├── RecordCorrupt      journal, ledger or state contradict each other; a person must look
└── VenueError
    ├── VenueUnavailable   time mends it; bounded retries of reads only
    └── VenueRefused       the order is wrong; no retry, journal it

A "no" of the Sentinel is a value (`orders.plan.Verdict`), not an error.
"""

from __future__ import annotations

from typing import Final

PART_MAX: Final = 1_000  # characters of each part of a message: a document may hold names of any length


def fit(text: str, *, length_max: int = PART_MAX) -> str:
    """Return text of others as it may be shown: one line, at most about `length_max` characters, nothing that steers a terminal.

    Line breaks become blanks; characters that do not print (control sequences, marks that turn the direction of writing, halves
    of surrogate pairs) become their escapes.
    """
    if len(text) > length_max:
        text = f"{text[:length_max]}... ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else " " if one == "\n" else ascii(one)[1:-1] for one in text)


class SluiceError(Exception):
    """One breath: what was expected, what was found, what to do.

    `code` is an upper-case token that scripts may match; it is stable, the words are not. The parts are kept as `fit` returns
    them: what a document says of itself is in them.
    """

    def __init__(self, code: str, *, expected: str, found: str, action: str) -> None:
        expected, found, action = fit(expected), fit(found), fit(action)
        super().__init__(code, expected, found, action)
        self.code = code
        self.expected = expected
        self.found = found
        self.action = action

    def __str__(self) -> str:
        return f"{self.code}: {self.expected} was expected, found {self.found}. {self.action}"


class ConfigError(SluiceError):
    """A run config or a file it names cannot be used; exit code 2."""


class InputError(SluiceError):
    """A document from outside is refused; nothing of it is used."""


class NotYet(InputError):
    """A document is absent, empty or half written: hold, alarm, look again."""


class NotAsked(InputError):
    """A document is what it should be, and a rule keeps it from what was asked; exit code 3."""


class ProvenanceError(SluiceError):
    """A source run is not what config asks for."""


class StorageError(SluiceError):
    """A durable write failed. It is never retried and never ignored."""


class LockHeld(SluiceError):
    """Another process owns the data directory."""


class RecordCorrupt(SluiceError):
    """Our own record does not agree with itself; refuse to start."""


class VenueError(SluiceError):
    """A venue did not do what was asked."""


class VenueUnavailable(VenueError):
    """The venue cannot be reached or does not answer; not evidence of anything."""


class VenueRefused(VenueError):
    """The venue said no."""
