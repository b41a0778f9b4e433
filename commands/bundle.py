"""`sluice bundle create | show | verify | diff`: what a run depends on, under one hash."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from commands.output import Exit, print_json
from engine.bundle_carried import differing
from engine.bundle_parts import Window, bundle_of
from engine.inputs import read_inputs
from engine.run_config import load_config
from lakehouse.bundle_diff import PartDiff, compared
from lakehouse.bundle_secrets import refuse_secrets
from lakehouse.bundles import Bundle, find_bundle, read_bundle, write_bundle
from lakehouse.layout import Layout
from orders.errors import ConfigError, InputError

CHANGES_SHOWN_MAX: Final = 20  # of one part
DIGITS: Final = 16


def run_create(path: Path, *, window: tuple[date, date] | None, as_json: bool) -> int:
    """Write the config's bundle and print its hash. Raises `ConfigError` BUNDLE_SECRET, BUNDLE_NO_PRICES, what reading raises."""
    config = load_config(path)
    days = None if window is None else Window(first=window[0], last=window[1])
    if not config.data.live and not config.data.path.exists():
        raise ConfigError(
            "BUNDLE_NO_PRICES",
            expected=f"the prices of [data] at {config.data.path}",
            found="nothing",
            action="Put them there, or mend [data] path.",
        )
    bundle = bundle_of(config, read_inputs(config), window=days)
    refuse_secrets(bundle)
    directory, new = write_bundle(Layout(config.lakehouse.directory), bundle)
    if as_json:
        print_json({**_document(bundle), "directory": str(directory), "new": new, "config": str(path)})
        return Exit.DONE
    _print(bundle, place=f"{directory}   {'written' if new else 'was there, and every part is as its hash says'}")
    return Exit.DONE


def run_show(named: str, *, lakehouse: Path, part: str | None, as_json: bool) -> int:
    """Print a bundle, proven; with `part` what that says, byte for byte. Raises what `find_bundle` and `read_bundle` raise."""
    directory, bundle = _read(named, lakehouse)
    if part is not None:
        if part not in bundle.parts:
            raise ConfigError(
                "BUNDLE_PART_UNKNOWN", expected=f"one of {', '.join(bundle.parts)}", found=repr(part[:80]), action="Name one."
            )
        sys.stdout.write(bundle.parts[part].data.decode() + "\n")
        return Exit.DONE
    if as_json:
        print_json({**_document(bundle), "directory": str(directory)})
    else:
        _print(bundle, place=str(directory))
    return Exit.DONE


def run_verify(named: str, *, lakehouse: Path | None, otherwise: Path, config: Path | None, as_json: bool) -> int:
    """Hash every part again; with a config, exit 3 naming every part of it that differs.

    `lakehouse` None: the config's own, `otherwise` where there is no config.
    """
    loaded = None if config is None else load_config(config)
    own = otherwise if loaded is None else loaded.lakehouse.directory
    directory, bundle = _read(named, lakehouse or own)
    found = [] if loaded is None else differing(bundle, loaded, read_inputs(loaded))
    if as_json:
        print_json({"sha256": bundle.sha256, "directory": str(directory), "parts": len(bundle.parts), "differs": found})
    else:
        print(f"bundle   {bundle.sha256}")
        print(f"holds    {len(bundle.parts)} parts are as their hashes say")
        if config is not None:
            print("\n".join(_differences(found, old="the bundle", new=str(config)) or [f"same     {config} is what it says"]))
    return Exit.REFUSED if found else Exit.DONE


def run_diff(named: str, other: str, *, lakehouse: Path, as_json: bool) -> int:
    """Print what differs between two bundles; exit 0 either way."""
    (_, old), (_, new) = _read(named, lakehouse), _read(other, lakehouse)
    found = compared(old.parts, new.parts)
    if as_json:
        print_json({"old": old.sha256, "new": new.sha256, "parts": found})
        return Exit.DONE
    print(f"old      {old.sha256}\nnew      {new.sha256}\n")
    same = [part.name for part in found if part.state == "same"]
    print("\n".join(_differences([part for part in found if part.state != "same"], old="old", new="new")))
    print(f"same     {', '.join(same) or 'nothing'}")
    return Exit.DONE


def _read(named: str, lakehouse: Path) -> tuple[Path, Bundle]:
    directory, sha256 = find_bundle(Layout(lakehouse), named)
    return directory, read_bundle(directory, sha256=sha256)


def _document(bundle: Bundle) -> dict[str, Any]:
    parts = {name: {"sha256": part.sha256, "bytes": len(part.data)} for name, part in bundle.parts.items()}
    return {"sha256": bundle.sha256, "parts": parts, "says": _facts(bundle)}


def _facts(bundle: Bundle) -> dict[str, Any]:
    """What a person wants to know of a bundle first; a part that is not there, or says something else, is BUNDLE_MALFORMED."""
    try:
        config, code, data, limits, assumptions = (
            bundle.parts[name].document() for name in ("config", "code", "data", "limits", "assumptions")
        )
        return {
            "environment": config["environment"],
            "venues": sorted(config["venues"]),
            "live_venues": sorted((config["live"] or {"venues": {}})["venues"]),
            "winners": config["capital"]["winners"],
            "symbols": len(bundle.parts["symbols"].document()),
            "max_leverage": limits["max_leverage"],
            "assumptions": assumptions["name"],
            "schedules": sorted(bundle.parts["schedules"].document()),
            "data_kind": data["kind"],
            "data_start": data["start"],
            "data_end": data["end"],
            "prices_sha256": data["prices_sha256"],
            "sluice_version": code["sluice"],
            "source_sha256": code["source_sha256"],
            "sources": len(code["sources"]),
            "lock_sha256": code["lock_sha256"],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "BUNDLE_MALFORMED",
            expected="the parts and keys of a bundle that `sluice bundle create` wrote",
            found=f"none of {error}",
            action="Make a bundle anew; this one says something else.",
        ) from error


def _said(bundle: Bundle) -> list[str]:
    facts = _facts(bundle)
    days = "no window: live prices" if facts["data_start"] is None else f"{facts['data_start']} to {facts['data_end']}"
    hashed = "" if facts["prices_sha256"] is None else f", prices {facts['prices_sha256'][:DIGITS]}"
    live = f", live at {', '.join(facts['live_venues'])}" if facts["live_venues"] else ""
    lock = "none: an installed copy" if facts["lock_sha256"] is None else facts["lock_sha256"][:DIGITS]
    sources = f"{facts['sources']} source files {facts['source_sha256'][:DIGITS]}"
    return [
        f"trades   {facts['environment']}: {facts['symbols']} symbols at {', '.join(facts['venues'])}{live}",
        f"limits   max_leverage {facts['max_leverage']} and the others of part limits",
        f"assumes  {facts['assumptions']}; schedules {', '.join(facts['schedules']) or 'none but at_once'}",
        f"data     {facts['data_kind']}, {days}{hashed}",
        f"code     {facts['sluice_version']}, {sources}, lock file {lock}",
    ]


def _print(bundle: Bundle, *, place: str) -> None:
    parts = bundle.parts.values()
    width = max(len(part.name) for part in parts)
    rows = [f"{'part':<{width}}  {'bytes':>9}  sha256", *(f"{p.name:<{width}}  {len(p.data):>9,}  {p.sha256}" for p in parts)]
    print("\n".join([f"bundle   {bundle.sha256}", f"         {place}", "", *_said(bundle), "", *rows]))


def _differences(parts: Sequence[PartDiff], *, old: str, new: str) -> list[str]:
    """Each differing part with both hashes, and its changed keys as a table."""
    lines: list[str] = []
    for part in parts:
        hashes = f"{(part.old_sha256 or 'not there')[:DIGITS]} -> {(part.new_sha256 or 'not there')[:DIGITS]}"
        lines.append(f"{part.state:<9}{part.name}   {hashes}")
        shown = part.changes[:CHANGES_SHOWN_MAX]
        if shown:
            keys = max(3, *(len(change.key) for change in shown))
            olds = max(len(old), *(len(change.old) for change in shown))
            lines.append(f"         {'key':<{keys}}  {old:<{olds}}  {new}")
            lines += [f"         {change.key:<{keys}}  {change.old:<{olds}}  {change.new}" for change in shown]
        if len(part.changes) > len(shown):
            lines.append(f"         and {len(part.changes) - len(shown)} keys more: --json")
    return lines
