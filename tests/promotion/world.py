"""A live config with two persons on disk, its bundle, drills as evidence, and `sluice promote` as its user has it."""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.append_line import append_line
from commands.main import run
from engine.code_version import code_version
from engine.run_config import load_config
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.records import DrillLine
from live.signing_keys import make_key
from orders.promotion import Promotions
from tests.live.config import live_config

GATES = """\
schema_version = 1
[ramp]
steps = ["0.01", "0.05", "1"]
dwell_s = [0, 0]
[sources]
rehearsal = "{drills}"
[gates.halt_drill]
metric = "halt_drill_passed"
source = "rehearsal"
at_least = "1"
min_days = "0"
min_orders = 0
min_notional_base = "0"
moves = ["shadow", "canary", "step_up", "live"]
dry_run = false
while_running = false
"""


def sluice(*words: object) -> tuple[int, str]:
    """Run a command line in this process; what it printed, both streams."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run([str(word) for word in words])
    return code, said.getvalue()


@dataclass
class Promoting:
    """One directory with all that a promotion needs. `bundle`: the config's own."""

    root: Path
    config: Path
    bundle: str
    first: str = "ann"
    second: str = "bob"

    @property
    def layout(self) -> Layout:
        return Layout(load_config(self.config).lakehouse.directory)

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def gates(self) -> Path:
        return self.root / "gates.toml"

    @property
    def promotions(self) -> Promotions:
        return examine(self.layout).fold.promotions

    def promote(self, *words: str, key: str | None = "", bundle: str | None = None) -> tuple[int, str]:
        """`sluice promote` of the bundle by the first person, whose key signs; `key` None: nobody's does."""
        signed = [] if key is None else ["--key", key or self.first]
        common = [
            "--config",
            self.config,
            "--directory",
            self.keys,
            "--gates",
            self.gates,
            "--by",
            self.first,
            "--reason",
            "a test",
        ]
        return sluice("promote", bundle or self.bundle, *words, *common, *signed)

    def sign(self, key: str = "", *more: object) -> tuple[int, str]:
        """`sluice promote sign` by the second person, or another one."""
        signer = key or self.second
        return sluice("promote", "sign", "--config", self.config, "--directory", self.keys, "--key", signer, *more)

    def moved(self, *words: str) -> None:
        """One move by both persons, recorded."""
        code, said = self.promote(*words)
        assert code == 0, said
        if "recorded" not in said:
            code, said = self.sign()
            assert "recorded" in said, said

    def canary(self) -> None:
        """The bundle, in canary."""
        for state in ("candidate", "shadow", "canary"):
            self.moved("--to", state)

    def drill(self, *, passed: bool) -> None:
        """A halt drill of this code, in the place the gates file names."""
        now = time.time_ns()
        line = DrillLine(
            ts_ns=now, market_ns=now, run_id=f"drill-{now}", kind="halt", outcome="passed" if passed else "failed",
            problems=() if passed else ("an order was late",), venue="BINANCE", address="127.0.0.1:1", config_sha256="0" * 64,
            sluice_version="0", source_sha256=code_version().source_sha256, lock_sha256=None, hung=False, engine="answered",
            worked=1, left=0, late=0, blocked_ms=1, cancel_ms=1, flat_ms=1, confirmed_ms=1, bound_ms=None,
        )  # fmt: skip
        append_line(Layout(self.root / "drills"), line)

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text, old
        self.config.write_text(text.replace(old, new))


def promoting(root: Path, *, drill: bool = True) -> Promoting:
    """A config with ann and bob in [live.persons], its bundle made, gates that ask for one drill, and that drill."""
    keys = root / "keys"
    config = live_config(root, make_key("ann", directory=keys))
    config.write_text(config.read_text().replace('alice = "', 'ann = "'))
    text = config.read_text().replace("[live.venues.", f'bob = "{make_key("bob", directory=keys)}"\n[live.venues.', 1)
    config.write_text(text)
    return furnished(root, config, drill=drill)


def furnished(root: Path, config: Path, *, first: str = "ann", drill: bool = True) -> Promoting:
    """The same around a config with two persons that is there already."""
    (root / "gates.toml").write_text(GATES.format(drills=root / "drills"))
    code, said = sluice("bundle", "create", config, "--json")
    assert code == 0, said
    made = Promoting(root=root, config=config, bundle=json.loads(said)["sha256"], first=first)
    if drill:
        made.drill(passed=True)
    return made


def document(said: str) -> dict[str, Any]:
    """The one JSON document that was printed."""
    found: dict[str, Any] = json.loads(said)
    return found
