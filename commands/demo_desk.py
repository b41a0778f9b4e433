"""What a promotion demo needs on disk: two run configs that differ in one limit, gates, keys, and a place for the manifests."""

from __future__ import annotations

import os
import shutil
import socket
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from commands.rehearsal_desk import toml_text
from lakehouse.layout import storage_error, sync_directory
from live.signing_keys import key_path
from orders.errors import ConfigError
from orders.values import Record

SOURCE: Final = Path("data/configs/promotion.toml")
GATES: Final = Path("data/gates/rehearsal.toml")
SAMPLE: Final = Path("data/samples/promotion")
DAYS: Final = "2025-01-06..2025-01-21"
VENUE: Final = "BINANCE"
CREDENTIALS: Final = "rehearsal"
FIRST: Final = "first"
SECOND: Final = "second"
WINNER: Final = "rank:1"
PARTS: Final = {FIRST: "1", SECOND: "0.75"}  # of equity for research's winner: what the two configs differ in


class DemoDesk(Record, frozen=True, kw_only=True):
    """A directory of a demo. `port`: where its exchange will listen."""

    directory: Path
    port: int

    @property
    def keys(self) -> Path:
        """The directory of key files."""
        return self.directory / "keys"

    @property
    def live(self) -> Path:
        """The data directory of the live run, and with it the promotion ledger."""
        return self.directory / "live"

    @property
    def outputs(self) -> Path:
        """Where the output of every command is kept."""
        return self.directory / "outputs"

    @property
    def manifest(self) -> Path:
        """Where research puts its manifest."""
        return self.directory / "research" / "portfolio_optimized_v3.json"

    @property
    def manifests(self) -> Sequence[Path]:
        """What research has found, oldest first: the sample's."""
        return sorted((self.manifest.parent / "manifests").glob("*.json"))

    def config(self, name: str) -> Path:
        """The run config of a name."""
        return self.directory / f"{name}.toml"

    def gates(self, name: str) -> Path:
        """The gates file of a name: the shipped one, with the directories of its evidence."""
        return self.directory / f"gates-{name}.toml"

    def evidence(self, name: str, source: str) -> Path:
        """The data directory of a source of evidence."""
        return self.directory / "evidence" / name / source

    @property
    def drills(self) -> Path:
        """The directory below which drills lie; they are of a code, not of a bundle."""
        return self.directory / "evidence" / "drills"

    def make(self) -> None:
        """Make the directories. Raises `StorageError`."""
        try:
            for place in (self.directory, self.outputs, self.manifest.parent, self.drills):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(SAMPLE / "manifests", self.manifest.parent / "manifests")
        except OSError as error:
            raise storage_error(error, self.directory) from error

    def write(self, persons: Mapping[str, str]) -> None:
        """Write both configs and their gates. `persons`: public keys by name. Raises `StorageError`."""
        document = tomllib.loads(SOURCE.read_text("utf-8"))
        self._point(document, persons)
        gates = tomllib.loads(GATES.read_text("utf-8"))

        try:
            for name, part in PARTS.items():
                document["capital"]["winners"] = {WINNER: part}
                self.config(name).write_text(f"# {SOURCE}, for a demo.\n{toml_text(document)}\n", "utf-8")
                gates["sources"] = self._sources(name)
                self.gates(name).write_text(f"# {GATES}, for a demo.\n{toml_text(gates)}\n", "utf-8")
        except OSError as error:
            raise storage_error(error, self.directory) from error

    def _point(self, document: dict[str, Any], persons: Mapping[str, str]) -> None:
        """Change what names a place, a key or an address; everything that decides stays."""
        endpoint = f"http://127.0.0.1:{self.port}"
        document["lakehouse"] |= {
            "directory": str(self.live),
            "manifest": str(self.manifest),
            "manifest_root": str(self.manifest.parent),
        }
        document["snapshots"] = {
            name: str(self.live / "snapshots" / Path(path).name) for name, path in document["snapshots"].items()
        }
        document["data"]["endpoint"] = endpoint
        document["live"]["persons"] = dict(persons)
        document["live"]["venues"][VENUE] |= {
            "endpoint": endpoint,
            "credentials": CREDENTIALS,
            "arming": str(self.directory / "arming.json"),
        }

    def _sources(self, name: str) -> dict[str, str]:
        own = {source: str(self.evidence(name, source)) for source in ("backtest", "shadow", "twin")}
        return {**own, "replay": own["shadow"], "rehearsal": str(self.drills)}

    def write_venue_key(self, *, key: str, secret: str) -> None:
        """Write the key of the rehearsal exchange where a run looks for it. Raises `StorageError`."""
        path = self.keys / CREDENTIALS
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
            with os.fdopen(handle, "w") as file:
                file.write(f"{key}\n{secret}\n")
        except OSError as error:
            raise storage_error(error, path) from error

    def publish(self, number: int) -> Path:
        """Put a manifest where a run looks, whole or not at all, as research does; return the file it was."""
        source = self.manifests[number]
        fresh = self.manifest.with_suffix(".new")
        try:
            fresh.write_bytes(source.read_bytes())
            fresh.rename(self.manifest)
            sync_directory(self.manifest.parent)
        except OSError as error:
            raise storage_error(error, self.manifest) from error
        return source

    def person_key(self, name: str) -> Path:
        """Return where the key of a person lies."""
        return key_path(name, directory=self.keys)


def new_desk(directory: Path | None) -> DemoDesk:
    """Return the desk of a demo in a new directory, and a free port; nothing is written. Raises `ConfigError` DEMO_EXISTS."""
    place = directory or Path("data/demos") / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
    if place.exists() and any(place.iterdir()):
        raise ConfigError(
            "DEMO_EXISTS", expected=f"no directory {place}, or an empty one", found="files in it", action="Name another."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return DemoDesk(directory=place, port=port)
