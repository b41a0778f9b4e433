"""Persons with keys, a made day whose manifest grows long in a CRISIS, and overrides of what is refused there."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.main import run
from lakehouse.rebuild import decode_line
from lakehouse.records import PlanLineRecord
from live.signing_keys import load_key, make_key
from sentinel.dsse import public_text
from tests.gate.world import BTC, CRYPTO, ETH, World, quote

WEIGHTS = {BTC.symbol: "0.3", ETH.symbol: "0.1"}
NOTIONAL = "45000"
NOBODY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def crisis_world(root: Path, *, signatures: int = 1, people: tuple[str, ...] = ("ann", "bob"), count: int = 240) -> World:
    """A day of quiet prices with persons in [override]; their keys lie in `root/keys`."""
    keys = root / "keys"
    root.mkdir(parents=True, exist_ok=True)
    lines = "".join(f'{name} = "{make_key(name, directory=keys)}"\n' for name in people)
    table = f"[override]\nsignatures = {signatures}\n[override.persons]\n{lines}"
    world = World(root, latency_ms="5", jitter_ms="0", schedules=table)
    world.quotes = [quote(CRYPTO[i % 3], 25 * i) for i in range(count)]
    return world.write()


def key_of(world: World, name: str) -> Ed25519PrivateKey:
    """The private key of a person of the world."""
    return load_key(name, directory=world.root / "keys")


def public_of(world: World, name: str) -> str:
    """The public key of a person of the world, as a config has it."""
    return public_text(key_of(world, name).public_key())


def sluice(*words: object) -> tuple[int, str]:
    """Run a command line in this process; what it printed, both streams."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = run([str(word) for word in words])
    return code, said.getvalue()


def request(world: World, *more: object, notional: str = NOTIONAL, approver: str = "ann") -> dict[str, Any]:
    """`sluice override request` for the last refused plan; the document it printed."""
    code, said = sluice(
        "override", "request", "--json", "--config", world.config_path, "--notional", notional, "--reason", "hedge of a client",
        "--by", "zoe", "--approver", approver, *more,
    )  # fmt: skip
    assert code == 0, said
    document: dict[str, Any] = json.loads(said)
    return document


def sign(world: World, name: str = "ann", *more: object) -> tuple[int, str]:
    """`sluice override sign` with a person's key."""
    return sluice("override", "sign", *more, "--config", world.config_path, "--key", name, "--directory", world.root / "keys")


def plans(world: World) -> list[PlanLineRecord]:
    """The plans in the log, as far as it is written."""
    if not world.layout.log.exists():
        return []
    lines = map(decode_line, world.layout.log.read_bytes().split(b"\n")[:-1])
    return [line for line in lines if isinstance(line, PlanLineRecord)]


async def until(seen: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for something of a run that goes on beside."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.02)


def codes(world: World) -> list[str]:
    """The codes of the alarms in the log."""
    if not world.layout.log.exists():
        return []
    return [line["code"] for line in world.lines() if line["type"] == "alarm"]
