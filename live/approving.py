"""A person's signature under a manifest, made as a live run of the config will judge it."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.run_config import RunConfig
from lakehouse.layout import Layout
from lakehouse.manifest import AuditedManifest, ManifestOutcome, read_manifest
from lakehouse.person_file import write_statement
from orders.errors import ConfigError
from sentinel.dsse import public_text
from sentinel.manifest_approval import ManifestApproval, approval_bytes


def approve(
    manifest_path: Path, *, config: RunConfig, signer: str, key: Ed25519PrivateKey, now_ns: int, output: Path | None = None
) -> tuple[ManifestOutcome, Path]:
    """Judge the manifest as a live run of the config would, sign it, write the approval where that run looks for it, or to
    `output`; return what was made of the manifest, and the file. One that is held or refused is not signed.

    Raises `ConfigError` APPROVE_FOREIGN where the config has no such person, another key, or a revoked one; `StorageError`.
    """
    public = public_text(key.public_key())
    if config.live is None or config.live.persons.get(signer) != public or public in config.live.revoked_keys:
        raise ConfigError(
            "APPROVE_FOREIGN",
            expected=f"{signer} in [live.persons] of the config, with this key, not revoked",
            found="nobody of that name, another key, or a revoked one",
            action="Add it to the config, which is reviewed.",
        )
    manifest = read_manifest(
        manifest_path, policy=config.manifest_policy(), market_now_ns=now_ns, provenance=config.provenance_policy()
    )
    if not isinstance(manifest, AuditedManifest):
        return manifest, manifest_path
    approval = ManifestApproval(
        manifest_sha256=manifest.manifest_sha256,
        source_run=manifest.source_run,
        generated_ns=manifest.generated_ns,
        environment=config.environment,
        by=signer,
    )
    path = output or Layout(directory=config.lakehouse.directory).approval(manifest.manifest_sha256)
    write_statement(path, approval_bytes(approval, key=key))
    return manifest, path
