"""Steps that a script or the control endpoint gives a loopback venue: what its streams and faults do, one JSON object a step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from orders.errors import InputError
from sim.rehearsal.binance_public import BinancePublic
from sim.rehearsal.faults import Fault, Schedule


def act(server: BinancePublic, step: Mapping[str, Any]) -> None:
    """Do one step. Raises `InputError` SCRIPT_MALFORMED or FAULT_UNKNOWN."""
    try:
        _act(server, dict(step))
    except (KeyError, TypeError, ArithmeticError, msgspec.ValidationError) as error:
        raise InputError(
            "SCRIPT_MALFORMED",
            expected="a step such as {'after_ms': 100, 'do': 'quote', 'symbol': 'BTCUSDT', 'bid': '97000', 'ask': '97000.01'}",
            found=f"{dict(step)!r}: {type(error).__name__} {error}",
            action="Mend the script; data/README.md, Scripts of the loopback venue, has all steps.",
        ) from error


def _act(server: BinancePublic, step: dict[str, Any]) -> None:
    details = {name: value for name, value in step.items() if name not in ("do", "after_ms")}
    match step["do"]:
        case "quote":
            server.quote(step["symbol"], step["bid"], step["ask"])
        case "trade":
            server.trade(step["symbol"], step["price"], step["quantity"], buyer_is_maker=step.get("buyer_is_maker", False))
        case "drop":
            server.drop(step.get("stream", ""))
        case "silence":
            server.silence(step.get("stream", ""))
        case "speak":
            server.speak()
        case "duplicate":
            server.duplicate(bool(step["on"]), step.get("stream", ""))
        case "hold":
            server.hold(step.get("stream", ""))
        case "release":
            server.release(reverse=bool(step["reverse"]))
        case "twist":
            server.twist(step.get("kind"), step.get("stream", ""))
        case "disturb":
            server.disturb(step.get("seed"), float(step.get("fraction", 0)), step.get("stream", ""))
        case "sockets":
            server.refuse_sockets = not step["accepted"]
        case "fault":
            server.faults.add(msgspec.convert(details, Fault))
        case "schedule":
            server.faults.schedule(msgspec.convert(details, Schedule) if details else None)
        case "sound":
            server.faults.clear()
            server.be_sound()
        case other:
            raise KeyError(other)


def read_script(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a script, one JSON object a line with `after_ms` and `do`. Raises `InputError` SCRIPT_MALFORMED."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "SCRIPT_MALFORMED", expected=f"a script {path}", found=f"{type(error).__name__}", action="Name another one."
        ) from error
    steps = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            step = json.loads(line)
            assert isinstance(step, dict)
            assert isinstance(step["after_ms"], int)
        except (ValueError, KeyError, AssertionError) as error:
            raise InputError(
                "SCRIPT_MALFORMED",
                expected=f"an object with after_ms and do in line {number} of {path}",
                found=line[:200],
                action="Mend the script.",
            ) from error
        steps.append(step)
    return steps


async def play(do: Callable[[dict[str, Any]], object], steps: Iterable[dict[str, Any]]) -> None:
    """Do the steps, each `after_ms` real milliseconds after the one before."""
    for step in steps:
        if step["after_ms"]:
            await asyncio.sleep(step["after_ms"] / 1_000)
        do(step)
