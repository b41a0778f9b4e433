"""One script of a market and of manifests through two engines: `sluice shadow` with simulated fills, `sluice live` with orders at
the rehearsal exchange. Both read their prices from such an exchange, which quotes the same touch at the same step of the script.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import sleep as wait
from typing import Any, ClassVar

from tests.gate.world import BTC, ETH, SOL, Name
from tests.live.world import PULSE_S, Desk, desk, fresh

ENGINES = ("shadow", "live")
NAMES = {"BTCUSDT": BTC, "ETHUSDT": ETH, "SOLUSDT": SOL}
SETTLED_S = 10 * PULSE_S  # for a quote that is said again at every pulse
NOTIONAL = Decimal(1_000_000)  # of a day, at the venue: what a script trades is not held back by it


@dataclass(frozen=True)
class Log:
    """What a run wrote."""

    lines: list[dict[str, Any]]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] in kinds]

    def told(self, fields: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
        """Return these fields of each line of these types, in order."""
        return [(line["type"], *(line[name] for name in fields[line["type"]])) for line in self.of(*fields)]


@dataclass
class Play:
    """One engine in one script. `manifests`: the texts, the same for both engines, so that the orders' ids are."""

    made: Desk
    process: subprocess.Popen[str]
    touches: dict[str, tuple[str, str, str]]
    manifests: list[str]

    def touch(self, pair: str, bid: str, ask: str, size: str) -> None:
        """Make this the market of a pair, until it is another, and return when both sides know."""
        self.touches[pair] = (bid, ask, size)
        wait(SETTLED_S)

    def once(self, pair: str, bid: str, ask: str, size: str) -> None:
        """Show a touch for a moment, until the next pulse; what the venue says to the account meanwhile comes after that."""
        self.made.venue.hold("user")
        self.made.venue.quote(pair, bid, ask, size=size)
        wait(SETTLED_S)
        self.made.venue.release()

    def install(self) -> None:
        """Put the next manifest where the engine looks."""
        self.made.install(self.manifests.pop(0))

    def until(self, kind: str, count: int) -> None:
        """Return when the log has so many lines of a type."""
        self.made.until(lambda: len(self.made.of(kind)) >= count, self.process)

    def decided(self, count: int) -> None:
        """Return when so many manifests were read, and nothing they asked for is under way."""
        self.made.until(lambda: len(self.made.of("plan")) >= count, self.process)
        self.made.until(lambda: len(self.made.of("cycle")) == len(self.made.of("cycle_end")), self.process)


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens: the first touches, weights of each manifest, more lines of [policy] and more tables, and the steps."""

    name: str
    touches: Mapping[str, tuple[str, str, str]]
    weights: Sequence[Mapping[str, str]]
    act: Callable[[Play], None]
    policy: str = ""
    tables: str = ""

    def manifests(self) -> list[str]:
        """Their texts, generated now; both engines must be given the same."""
        return [fresh(weights) for weights in self.weights]


def run(script: Script, engine: str, root: Path, *, manifests: Sequence[str]) -> Log:
    """Play a script with one engine; return its log."""
    touches = dict(script.touches)

    class Staged(Desk):
        """A desk whose market stands where the script has put it."""

        names: ClassVar[tuple[Name, ...]] = tuple(NAMES[pair] for pair in touches)

        def move(self, tick: int, wide: int) -> None:
            for pair, (bid, ask, size) in list(touches.items()):
                self.venue.quote(pair, bid, ask, size=size)

    with desk(root, kind=Staged) as made:
        made.change('day_notional_max = "500000"', f'day_notional_max = "{NOTIONAL}"')
        made.change("[sentinel]\n", f"{script.policy}{script.tables}[sentinel]\n")
        made.arm(day_notional=NOTIONAL)
        made.world.manifest.unlink()
        process = made.start(engine=engine)
        made.until(lambda: bool(made.of("manifest")), process)
        wait(SETTLED_S)
        script.act(Play(made=made, process=process, touches=touches, manifests=list(manifests)))
        said = made.end(process)
        assert process.returncode == 0, said
        return Log(made.lines)
