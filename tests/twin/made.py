"""A live run, the exchange, and a twin beside it, as a user starts them; and lines of a twin's log without any of these."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lakehouse import records
from lakehouse.verifier import verify
from orders.values import Side
from tests.children import child
from tests.live.world import ROOT, Desk, desk
from tests.traced import last_words

NS = 1_000_000_000
NEAR = Fraction(1, 10**9)
START_NS = 1_767_693_600 * NS


def lines_in(directory: Path) -> list[dict[str, Any]]:
    """The whole lines of a log, over all its segments."""
    files = [*sorted(directory.glob("execution_logs.0*.jsonl")), directory / "execution_logs.jsonl"]
    return [json.loads(raw) for file in files if file.exists() for raw in file.read_bytes().split(b"\n")[:-1]]


@dataclass
class Beside:
    """A desk and the directory of its twin."""

    desk: Desk
    directory: Path
    starts: int = 0  # of twins that followed before the last one was started

    @property
    def lines(self) -> list[dict[str, Any]]:
        return lines_in(self.directory)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] in kinds]

    def told(self) -> dict[str, dict[str, Any]]:
        """Twin lines by client order id; none is told twice."""
        found = self.of("twin")
        by_id = {line["client_order_id"]: line for line in found}
        assert len(by_id) == len(found)
        return by_id

    def ended(self, process: subprocess.Popen[str], trace: Path) -> bool:
        """Whether a traced twin has ended, whatever of strace is left."""
        return process.poll() is not None or bool(last_words(trace))

    def start(self, *options: str, hook: str = "", prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        self.starts = len(self.of("twin_start"))
        words = ["twin", str(self.desk.config), "--of", str(self.desk.world.lakehouse), "--directory", str(self.directory)]
        code = f"{hook}\nimport sys\nfrom commands.main import run\nsys.exit(run(sys.argv[1:]))"
        command = [*prefix, sys.executable, "-c", code, *words, *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        env.pop("SLUICE_ENV", None)
        return self.desk.children.enter_context(child(command, cwd=ROOT, env=env))

    def follows(self, process: subprocess.Popen[str]) -> None:
        """Wait until it follows, on prices of its own."""
        self.desk.until(lambda: len(self.of("twin_start")) > self.starts, process)

    def both_without_orders(self) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
        """Start the live run, which waits for a manifest, and a twin that waits for its log and then follows."""
        self.desk.world.manifest.unlink()
        twin, live = self.start(), self.desk.start()
        self.follows(twin)
        self.desk.until(lambda: bool(self.desk.of("manifest")), live)
        return live, twin

    def sent(self) -> set[str]:
        """Ids of what the live run sent after the line from which the twin follows."""
        start = self.of("twin_start")[0]["live_line"]
        return {
            line["client_order_id"]
            for line in lines_in(self.desk.world.lakehouse)
            if line["type"] == "send" and line["action"] == "submit" and line["seq"] > start
        }

    def whole(self) -> None:
        """Its record verifies, holds nothing but a twin's, and every order of it is one that the live run sent."""
        report = verify(self.directory)
        assert report.ok, report
        assert {line["kind"] for line in self.of("run_start")} == {"twin"}
        live = {line["client_order_id"] for line in lines_in(self.desk.world.lakehouse) if line["type"] == "intent"}
        assert {line["client_order_id"] for line in self.of("intent")} <= live
        assert set(self.told()) <= self.sent()
        for line in self.told().values():
            self.honest(line)

    def honest(self, line: dict[str, Any]) -> None:
        """Every number of a comparison is that of the fills in both logs, and of what was not compared there is none."""
        if not line["compared"]:
            assert line["code"]
            assert [line[name] for name in ("price_bps", "first_fill_ms", "last_fill_ms", "fill_ratio")] == [None] * 4
            return
        prices: list[Fraction | None] = []
        for side, lines in (("live", lines_in(self.desk.world.lakehouse)), ("twin", self.lines)):
            own = [one for one in lines if one["type"] == "fill" and one["client_order_id"] == line["client_order_id"]]
            filled = sum((Fraction(one["quantity"]) for one in own), Fraction(0))
            assert Fraction(line[f"{side}_filled_quantity"]) == filled
            assert abs(Fraction(line[f"{side}_fill_ratio"]) - filled / Fraction(line["quantity"])) < NEAR
            assert line[f"{side}_first_fill_ns"] == min((one["event_ns"] for one in own), default=None)
            paid = sum((Fraction(one["quantity"]) * Fraction(one["price"]) for one in own), Fraction(0))
            prices.append(paid / filled if filled else None)
        bought, theirs = prices
        if bought is None or theirs is None:
            assert line["price_bps"] is None
            return
        sign = 1 if line["side"] == "BUY" else -1
        assert abs(Fraction(line["price_bps"]) - sign * (bought / theirs - 1) * 10_000) < Fraction(1, 10**5)
        assert line["late_ms"] is not None


@contextmanager
def beside(root: Path, **options: Any) -> Iterator[Beside]:
    """A desk, and where its twin will write."""
    with desk(root, **options) as made:
        yield Beside(desk=made, directory=root / "twin")


def twin_line(key: str, **given: Any) -> records.TwinLine:
    """A compared order of which live paid 1 bp more, 10 ms later, and filled all as its twin did."""
    fields: dict[str, Any] = {
        "ts_ns": START_NS, "market_ns": START_NS, "run_id": "run-1", "client_order_id": key, "parent_client_order_id": None,
        "symbol": "BINANCE:BTCUSDT", "venue": "BINANCE", "side": Side.BUY, "quantity": "1", "order_kind": "MARKET",
        "live_run_id": "live-1", "live_line": 9, "planned_ns": START_NS, "sent_ns": START_NS, "late_ms": "3",
        "live_outcome": "filled", "twin_outcome": "filled", "live_filled_quantity": "1", "twin_filled_quantity": "1",
        "live_average_price": "100.01", "twin_average_price": "100", "live_first_fill_ns": START_NS + 30_000_000,
        "live_last_fill_ns": START_NS + 30_000_000, "twin_first_fill_ns": START_NS + 20_000_000,
        "twin_last_fill_ns": START_NS + 20_000_000, "live_fill_ratio": "1", "twin_fill_ratio": "1", "price_bps": "1",
        "first_fill_ms": "10", "last_fill_ms": "10", "fill_ratio": "0", "notional_base": "100", "live_unknown": False,
        "compared": True, "code": "", "message": "", "missing": [],
    }  # fmt: skip
    return records.TwinLine(**(fields | given))


def spoilt_line(key: str, code: str, **given: Any) -> records.TwinLine:
    """One that was not compared."""
    none = dict.fromkeys(("price_bps", "first_fill_ms", "last_fill_ms", "fill_ratio"))
    return twin_line(key, compared=False, code=code, message="made", **none | given)
