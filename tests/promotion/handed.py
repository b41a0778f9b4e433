"""A canary whose account holds coins before its record begins, a shadow of its bundle beside it, and the handoff between them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.demo_log import lines
from tests.live.canary import Canary, canary, governed
from tests.live.ib_world import IbDesk, ib_desk
from tests.live.world import Desk
from tests.promotion.world import document, sluice

SHADOW_S = "6"
HELD = {"USDT": "50000", "BTC": "0.3", "ETH": "5"}  # 100,000 at the first prices, in coins to a half
SHARES = {"AAPL": "200", "XOM": "5"}


@dataclass
class Still(Desk):
    """A market that stands: the same quotes again and again; `closed`: none at all."""

    closed: bool = False

    def move(self, tick: int, wide: int) -> None:
        if not self.closed:
            super().move(0, wide)


@dataclass(kw_only=True)
class Handing:
    """`made`: the canary; `shadow`: the data directory of its bundle's shadow."""

    made: Canary
    shadow: Path

    @property
    def desk(self) -> Desk:
        return self.made.desk

    def close_market(self, closed: bool) -> None:
        """Let nobody quote any more, or again."""
        assert isinstance(self.desk, Still | IbStill)
        self.desk.closed = closed

    @property
    def file(self) -> Path:
        return self.made.promoting.layout.handoff

    def handoff(self, *more: object, key: str | None = "ann", by: str = "ann") -> tuple[int, str]:
        """`sluice promote handoff`, meant; `key` None: nobody signs."""
        signed = [] if key is None else ["--key", key]
        common = ["--shadow", self.shadow, "--by", by, "--reason", "the old desk's", "--keys", self.desk.keys, "--yes"]
        return sluice("promote", "handoff", self.desk.config, *common, *signed, *more)

    def handed(self) -> dict[str, Any]:
        """Leave one; what it says as JSON, the transition in it."""
        code, said = self.handoff("--json")
        assert code == 0, said
        return document(said)

    def start(self, *options: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return self.desk.start("--gates", str(self.made.promoting.gates), *options, prefix=prefix)

    def refused(self, *words: str) -> None:
        """A start that nothing comes of: it says so, and nothing was sent or booked, nor a step of capital taken."""
        process = self.start()
        said = " ".join(process.communicate(timeout=60)[0].split())
        assert process.returncode == 3, said
        for word in words:
            assert word in said, said
        assert self.desk.venue.truth().orders == []
        assert self.desk.of("intent", "send", "transfer", "run_start") == []
        assert self.made.automatic() == []

    def booked(self) -> dict[str, str]:
        return {line["currency"]: line["amount"] for line in self.desk.of("transfer")}


@dataclass
class IbStill(IbDesk):
    """The same at a fake TWS."""

    closed: bool = False

    def move(self, tick: int, wide: int) -> None:
        if not self.closed:
            super().move(0, wide)


@contextmanager
def handing(root: Path, *, step: int = 0, held: Mapping[str, str] = HELD) -> Iterator[Handing]:
    """A canary at a step over an account that holds `held`; its shadow has run on the same market, which stands."""
    with canary(root, step=step, kind=Still, balances=held) as made:
        yield shadowed(made)


@contextmanager
def ib_handing(root: Path, *, step: int = 0, held: Mapping[str, str] = SHARES) -> Iterator[Handing]:
    """The same at a fake TWS, whose account has bought `held` by somebody else's hand, of 100,000 USD."""
    with ib_desk(root, kind=IbStill) as desk:
        desk.move(0, 2)
        for symbol, quantity in held.items():
            desk.venue.place(symbol, "BUY", quantity)
        yield shadowed(governed(desk, step=step))


def shadowed(made: Canary) -> Handing:
    """Run the shadow of a canary's bundle beside it, to its end."""
    shadow = made.desk.root / "shadow"
    process = made.desk.start("--lakehouse", str(shadow), "--for", SHADOW_S, engine="shadow", environ={})
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert [line for line in lines(shadow) if line["type"] == "fill"], said
    return Handing(made=made, shadow=shadow)
