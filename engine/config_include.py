"""`[assumptions]` of a run config by name: the file of a calibration and the sha256 of its bytes, instead of the table itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lakehouse.assumptions_file import read_assumptions
from orders.errors import InputError

NAMED: Final = ("file", "sha256")

type Found = tuple[tuple[str, ...], str]


def with_assumptions(document: dict[str, Any]) -> tuple[dict[str, Any], list[Found]]:
    """Return the document with the named file's `[assumptions]` in place, and what is wrong with its naming.

    A document that names none is returned as it is. Both keys and no other stand in such a table: a value beside the file would
    change it silently. As the config's bytes hold the sha256, the config's own hash covers the file.
    """
    table = document.get("assumptions")
    if not isinstance(table, dict) or "file" not in table:
        return document, []
    key = ("assumptions",)
    found: list[Found] = [
        ((*key, name), "must not stand beside file, which says all of it") for name in sorted(table.keys() - set(NAMED))
    ]
    if "sha256" not in table:
        found.append(((*key, "sha256"), "is missing; a file is named with the sha256 of its bytes"))
    found += [
        ((*key, name), f"text was expected, was {table[name]}")
        for name in NAMED
        if name in table and not isinstance(table[name], str)
    ]
    if found:
        return document, found
    try:
        return {**document, "assumptions": read_assumptions(Path(table["file"]), sha256=table["sha256"])}, []
    except InputError as error:
        name = "sha256" if error.code == "ASSUMPTIONS_CHANGED" else "file"
        return document, [((*key, name), f"{error.expected} was expected, found {error.found}. {error.action}")]
