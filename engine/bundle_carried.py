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
from orders.errors import ConfigError, NotAsked

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
    `but`: parts it is not held to. It is looked for where the config's file puts it, then in `layout`, where the run is recorded.

    Nothing is written. Raises `BundleDiffers`, and what `find_bundle` and `read_bundle` raise.
    """
    if named is None:
        return bundle_of(config, inputs)
    bundle = named_bundle(config, layout=layout, named=named)
    parts = [part for part in differing(bundle, config, inputs) if part.name not in but]
    if parts:
        raise BundleDiffers(bundle.sha256, parts)
    return bundle


def named_bundle(config: RunConfig, *, layout: Layout, named: str) -> Bundle:
    """Return a bundle by hash, beginning or path, proven: out of the data directory of the config's file, else out of `layout`.

    Raises what `find_bundle` and `read_bundle` raise.
    """
    home = Layout(config.as_written.lakehouse.directory)
    try:
        directory, sha256 = find_bundle(home, named)
    except ConfigError as error:
        if error.code != "BUNDLE_UNKNOWN" or layout.directory == home.directory:
            raise
        directory, sha256 = find_bundle(layout, named)
    return read_bundle(directory, sha256=sha256)


def differing(bundle: Bundle, config: RunConfig, inputs: Inputs) -> list[PartDiff]:
    """Return the parts in which a config and what was read for it are not what the bundle says."""
    said = window_of(bundle)
    of_any_days = said is None and config.as_written.data.live  # recorded prices too, where the bundle names none
    own = bundle_of(config.as_written if of_any_days else config, inputs, window=said if config.data.live else None)
    return [part for part in compared(bundle.parts, own.parts) if part.state != "same"]


def window_of(bundle: Bundle) -> Window | None:
    """Return the days a bundle is about; None: it names none.

    A live run has none of its own that could differ from them; a backtest of recorded prices in their place has.
    """
    data: Mapping[str, Any] = bundle.parts["data"].document() if "data" in bundle.parts else {}
    try:
        return Window(first=date.fromisoformat(data["start"]), last=date.fromisoformat(data["end"]))
    except (KeyError, TypeError, ValueError):
        return None
