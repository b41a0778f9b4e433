"""`sluice approve MANIFEST --key NAME`: a person signs for one manifest; without it a live run plans nothing from it."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from pathlib import Path

from commands.output import Exit, print_json
from engine.run_config import load_config
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestRefused
from live.approving import approve
from live.signing_keys import load_key
from orders.canonical import decimal_text


def run(
    manifest_path: Path, *, config_path: Path, signer: str, directory: Path, output: Path | None, as_json: bool, now_ns: int
) -> int:
    """Sign and say what was signed, or why nothing was (exit 3); `directory`: where keys lie. Raises as `approve`, `load_key`."""
    config = load_config(config_path)
    key = load_key(signer, directory=directory)
    manifest, path = approve(manifest_path, config=config, signer=signer, key=key, now_ns=now_ns, output=output)
    if not isinstance(manifest, AuditedManifest):
        return _turned_away(manifest, as_json=as_json)
    weights = manifest.targets.values()
    gross, net = sum(map(abs, weights), Decimal(0)), sum(weights, Decimal(0))
    if as_json:
        print_json(
            {
                "manifest_sha256": manifest.manifest_sha256,
                "source_run": manifest.source_run,
                "grade": manifest.grade.value,
                "regime": manifest.regime_name,
                "targets": len(manifest.targets),
                "gross": gross,
                "net": net,
                "generated_ns": str(manifest.generated_ns),
                "environment": config.environment,
                "by": signer,
                "file": str(path),
            }
        )
        return Exit.DONE
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(manifest.generated_ns // 1_000_000_000))
    print(
        f"approved manifest {manifest.manifest_sha256[:12]}… of {stamp} UTC, run {manifest.source_run} {manifest.grade.value}\n"
        f"         regime {manifest.regime_name}, {len(manifest.targets)} targets, gross {decimal_text(gross)},"
        f" net {decimal_text(net)}\n"
        f"         for {config.environment}, by {signer}\n         {path}"
    )
    if manifest.grade_text:
        print(f"         {manifest.grade_text}")
    return Exit.DONE


def _turned_away(manifest: ManifestHeld | ManifestRefused, *, as_json: bool) -> int:
    message = manifest.message.removeprefix(f"{manifest.code}: ")
    if as_json:
        print_json({"manifest_sha256": manifest.manifest_sha256, "code": manifest.code, "message": message, "file": None})
    else:
        print(f"refused  {manifest.code}  {message}\n         Nothing was signed.", file=sys.stderr)
    return Exit.REFUSED
