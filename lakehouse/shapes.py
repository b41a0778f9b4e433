"""Which of the platform's files a document is, by what is in it, and its winners. Names of files say nothing.

| shape | recognised by | winners |
|---|---|---|
| v3 | a list `winners` | as named: rank, engine, profile |
| flattened | `profiles`, and `metadata.flattened` is true | `flattened/<profile>` |
| meta | a list `weights` | one, `<meta_profile>/<risk_profile>` |
| v2 | `profiles` that are not flattened: strategy atoms | `v2/<profile>` |

A document of two shapes, or of none, is refused; so is one whose shape the config does not allow.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from lakehouse.atoms import raw_winners
from lakehouse.flattened import flattened_winners
from lakehouse.manifest_rows import ASK
from lakehouse.meta_portfolio import Evidence, meta_winner, prove_meta
from lakehouse.shape import DEFAULT_SHAPES, Shape
from lakehouse.strict_json import parse
from lakehouse.winners import NO_RUN, Reading, RefusedWinner, Winner, v3_winners
from orders.canonical import sha256_hex
from orders.errors import InputError
from orders.values import Record

_EXPECTED: Final = "winners, profiles or weights, one of them"
_LISTS: Final = ("winners", "profiles", "weights")


class Manifest(Record, frozen=True, kw_only=True):
    """A parsed document: the hash and size of its bytes, its shape, and its winners in file order.

    `generated_ns`: the newest stamp of a winner, refused or not; None where none has one. `sleeve_runs`: the runs a proven
    meta portfolio was netted from, and the sha256 of the file used of each. `notes`: what a person should know.
    """

    sha256: str
    size: int
    shape: Shape
    winners: tuple[Winner | RefusedWinner, ...]
    generated_ns: int | None
    sleeve_files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def parse_manifest(
    data: bytes,
    *,
    what: str,
    size_max: int,
    zone: ZoneInfo,
    weight_abs_max: Decimal,
    shapes: AbstractSet[Shape] = DEFAULT_SHAPES,
    source_run: str = NO_RUN,
    evidence: Evidence | None = None,
) -> Manifest:
    """Return the winners of a document; `zone` of its naive stamps.

    `source_run`: the run whose directory it lies in, for shapes that name none. `evidence`: where a meta portfolio's sleeves
    lie; None: not known. Raises `InputError`: strict_json's codes, SHAPE_UNKNOWN, SHAPE_NOT_ALLOWED, and those of the shape
    that refuse the document as a whole: see `v3_winners`, `flattened_winners`, `raw_winners`, `meta_winner`, `prove_meta`.
    """
    document = parse(data, what=what, size_max=size_max, nonfinite=True)
    shape = recognise(document)
    if shape not in shapes and not (shape is Shape.META and Shape.META_UNPROVEN in shapes):
        allowed = ", ".join(sorted(shapes)) or "none"
        action = "Point the config at another file, or allow the shape there."
        raise InputError("SHAPE_NOT_ALLOWED", expected=f"a shape the config allows: {allowed}", found=str(shape), action=action)
    reading = Reading(zone=zone, weight_abs_max=weight_abs_max, source_run=source_run)
    made = Manifest(sha256=sha256_hex(data), size=len(data), shape=shape, winners=(), generated_ns=None)
    match shape:
        case Shape.V3:
            made = msgspec.structs.replace(made, winners=v3_winners(document["winners"], reading=reading))
        case Shape.FLATTENED:
            made = msgspec.structs.replace(made, winners=flattened_winners(document, reading=reading))
        case Shape.V2:
            notes = ("raw v2: strategy atoms were flattened by their suffix",)
            made = msgspec.structs.replace(made, winners=raw_winners(document, reading=reading), notes=notes)
        case Shape.META | Shape.META_UNPROVEN:
            made = _meta(made, document, reading=reading, evidence=evidence, unproven=Shape.META_UNPROVEN in shapes)
    stamps = [winner.generated_ns for winner in made.winners if winner.generated_ns is not None]
    return msgspec.structs.replace(made, generated_ns=max(stamps, default=None))


def recognise(document: Any) -> Shape:
    """Return a parsed document's shape; META for every meta portfolio. Raises `InputError` SHAPE_UNKNOWN."""
    if not isinstance(document, dict):
        raise _unknown(f"a JSON {type(document).__name__}")
    keys = f"keys {', '.join(sorted(document))[:80]}" if document else "no keys"
    match [name for name in _LISTS if name in document]:
        case ["winners"] if isinstance(document["winners"], list):
            return Shape.V3
        case ["weights"] if isinstance(document["weights"], list):
            return Shape.META
        case ["profiles"] if isinstance(document["profiles"], dict):
            metadata = document.get("metadata")
            flattened = metadata.get("flattened", False) if isinstance(metadata, dict) else False
            if flattened is True:
                return Shape.FLATTENED
            if flattened is False:
                return Shape.V2
            raise _unknown(f"metadata.flattened {flattened!r:.40}")
        case _:
            raise _unknown(keys)


def _meta(made: Manifest, document: dict[str, Any], *, reading: Reading, evidence: Evidence | None, unproven: bool) -> Manifest:
    if not document["weights"]:
        return made
    winner = meta_winner(document, reading=reading, regime=(None, None, None))
    try:
        proven = prove_meta(document, assets=winner.assets, reading=reading, evidence=evidence)
    except InputError as error:
        if error.code != "META_UNPROVEN" or not unproven:
            raise
        note = f"meta portfolio without evidence of its sleeves: {error.found}"
        return msgspec.structs.replace(made, winners=(winner,), notes=(note,))
    winner = msgspec.structs.replace(winner, regime_name=proven.regime)
    return msgspec.structs.replace(made, winners=(winner,), sleeve_files=proven.files)


def _unknown(found: str) -> InputError:
    return InputError("SHAPE_UNKNOWN", expected=_EXPECTED, found=found, action=ASK)
