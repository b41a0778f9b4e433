"""`sluice live CONFIG`: the live loop against a real venue's protocol, armed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from commands.output import Exit, print_json


def run(
    config: Path,
    *,
    as_json: bool,
    for_s: int | None,
    keys: Path,
    bundle: str | None,
    gates: Path,
    sources: Mapping[str, Path],
) -> int:
    """Run live until it is stopped; exit 3 naming every condition that does not hold, before anything is sent."""
    from live.live_run import NotArmed
    from live.live_start import run_live

    try:
        return run_live(config, as_json=as_json, for_s=for_s, keys=keys, bundle=bundle, gates=gates, sources=sources)
    except NotArmed as error:
        if as_json:
            print_json({"armed": False, "missing": error.gaps})
        width = max(len(gap.condition) for gap in error.gaps)
        for gap in error.gaps:
            where = "" if gap.venue is None else f"{gap.venue}: "
            print(f"refused  {gap.condition:<{width}}  {where}{gap.found}. {gap.action}", file=sys.stderr)
        return Exit.REFUSED
