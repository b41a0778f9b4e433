"""The bundle of a run that is about to start: every run has one; a run that was given one is held to it, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import Any, Final

from engine.bundle_parts import Window, bundle_of
from engine.inputs import Inputs
from engine.run_config import RunConfig
from lakehouse.bundle_diff import PartDiff, compared
from lakehouse.bundles import Bundle, find_bundle, read_bundle
from lakehouse.layout import Layout
from orders.errors import NotAsked

PARTS_NAMED_MAX: Final = 4
KEYS_NAMED_MAX: Final = 3
DIGITS: Final = 16  # of a hash, in a sentence


class BundleDiffers(NotAsked):
    """A run is not what the bundle it was started under says; `parts` are those that differ."""

    def __init__(self, sha256: str, parts: Sequence[PartDiff]) -> None:
        more = f", and {len(parts) - PARTS_NAMED_MAX} parts more" if len(parts) > PARTS_NAMED_MAX else ""
        super().__init__(
            "BUNDLE_DIFFERS",
            expected=f"every part as bundle {sha256[:DIGITS]} has it",
            found="; ".join(part_words(part) for part in parts[:PARTS_NAMED_MAX]) + more,
            action="Start under another bundle, or put the part back; `sluice bundle verify HASH --config CONFIG` shows it all.",
        )
        self.parts = tuple(parts)


def part_words(part: PartDiff) -> str:
    """Return one differing part in a breath: its name, both hashes, and the first keys with old and new values."""
    if part.old_sha256 is None or part.new_sha256 is None:
        return f"{part.name} {'which it does not have' if part.old_sha256 is None else 'missing'}"
    keys = ", ".join(f"{change.key} {change.old} -> {change.new}" for change in part.changes[:KEYS_NAMED_MAX])
    more = f", {len(part.changes) - KEYS_NAMED_MAX} more" if len(part.changes) > KEYS_NAMED_MAX else ""
    return f"{part.name} {part.new_sha256[:DIGITS]}, not {part.old_sha256[:DIGITS]} ({keys}{more})"


def carried_bundle(
    config: RunConfig, inputs: Inputs, *, layout: Layout, named: str | None, but: Set[str] = frozenset()
) -> Bundle:
    """Return the bundle a run goes by. `named`: the one it is held to, by hash, beginning or path; None: its own.
    `but`: parts it is not held to.

    Nothing is written. Raises `BundleDiffers`, and what `find_bundle` and `read_bundle` raise.
    """
    if named is None:
        return bundle_of(config, inputs)
    directory, sha256 = find_bundle(layout, named)
    bundle = read_bundle(directory, sha256=sha256)
    parts = [part for part in differing(bundle, config, inputs) if part.name not in but]
    if parts:
        raise BundleDiffers(bundle.sha256, parts)
    return bundle


def differing(bundle: Bundle, config: RunConfig, inputs: Inputs) -> list[PartDiff]:
    """Return the parts in which a config and what was read for it are not what the bundle says."""
    own = bundle_of(config, inputs, window=_window(bundle) if config.data.live else None)
    return [part for part in compared(bundle.parts, own.parts) if part.state != "same"]


def _window(bundle: Bundle) -> Window | None:
    """The days a bundle of live prices says its history is of: such a run has none of its own that could differ."""
    data: Mapping[str, Any] = bundle.parts["data"].document() if "data" in bundle.parts else {}
    try:
        return Window(first=date.fromisoformat(data["start"]), last=date.fromisoformat(data["end"]))
    except (KeyError, TypeError, ValueError):
        return None
