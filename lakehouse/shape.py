"""The names of the platform's files, as a config allows them; `lakehouse.shapes` tells one from another."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Shape(StrEnum):
    """What config may allow. META: only with its sleeves' evidence; META_UNPROVEN: also where that is missing (its regime then
    counts as CRISIS). V2: strategy atoms, flattened here by their suffix.
    """

    V3 = "v3"
    FLATTENED = "flattened"
    META = "meta"
    META_UNPROVEN = "meta_unproven"
    V2 = "v2"


DEFAULT_SHAPES: Final = frozenset({Shape.V3})
