"""The fake TWS' memory over its own death: one JSON file, written anew and renamed after every step."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orders.errors import InputError
from sim.rehearsal.tws.values import State


class Memory:
    """`path` None keeps nothing. It outlives kill -9 of the process, not a power cut."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self, new: State) -> State:
        """Return what was saved, else `new`. Raises `InputError` STATE_MALFORMED for a file that is no such state."""
        if self._path is None or not self._path.exists():
            return new
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State)
        except msgspec.MsgspecError as error:
            raise InputError(
                "STATE_MALFORMED",
                expected="a state file of the fake TWS",
                found=f"{self._path}: {error}",
                action="Name another file, or remove it to begin anew.",
            ) from error

    def save(self, state: State) -> None:
        """Write everything."""
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self._path)
