"""`sluice shadow [CONFIG]`: the live loop with simulated fills."""

from __future__ import annotations

from pathlib import Path


def run(config: Path, *, as_json: bool, data: str | None, for_s: int | None, bundle: str | None, lakehouse: Path | None) -> int:
    """Run the shadow until its data end or it is stopped; return the exit code."""
    from sim.shadow_run import run_shadow

    return run_shadow(config, as_json=as_json, data=data, for_s=for_s, bundle=bundle, lakehouse=lakehouse)
