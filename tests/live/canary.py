"""A live desk whose config is promoted: its bundle in canary, two persons, gates that a drill meets, and one while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from live.signing_keys import make_key
from tests.live.world import Desk, desk
from tests.promotion.world import GATES as ONE_GATE
from tests.promotion.world import Promoting, sluice

STEPS = ("0.01", "0.05", "1")
GATES = (
    ONE_GATE
    + """\
[gates.live_cost]
metric = "shortfall_over_forecast_bps"
source = "canary"
at_most = "25"
min_days = "0"
min_orders = 20
min_notional_base = "10"
moves = []
dry_run = false
while_running = true
"""
)


@dataclass(kw_only=True)
class Canary:
    """`desk`: what trades; `promoting`: who may say how much."""

    desk: Desk
    promoting: Promoting

    def start(self, *options: str) -> Any:
        return self.desk.start("--gates", str(self.promoting.gates), *options)

    def automatic(self) -> list[tuple[str, str, str]]:
        """What happened without a person: action, code, the fraction that is left."""
        return [(line["action"], line["code"], line["fraction"]) for line in self.desk.of("promotion") if line["by"] == "engine"]

    def worth(self) -> Decimal:
        """What the account holds beside cash, at the first prices."""
        return sum((self.desk.held(name) * Decimal(name.price) for name in self.desk.names), Decimal(0))

    def traded(self, cycle: int) -> list[str]:
        return [line["side"] for line in self.desk.of("fill") if line["cycle"] == cycle]


def governed(made: Desk, *, step: int | None, changes: Sequence[tuple[str, str]] = (), gates: str = GATES) -> Canary:
    """Put a desk in canary at a step of `STEPS`, None: nowhere yet, by ann and bob. `changes`: of its config; `gates`: the
    gates file, in which `{root}` is its place and `{drills}` that of the drills.
    """
    root = made.root
    for old, new in changes:
        made.change(old, new)
    persons = "".join(f'{name} = "{make_key(name, directory=made.keys)}"\n' for name in ("ann", "bob"))
    made.change("[live.persons]\n", f"[live.persons]\n{persons}")
    (root / "gates.toml").write_text(gates.format(root=root, drills=root / "drills"))
    code, said = sluice("bundle", "create", made.config, "--json")
    assert code == 0, said
    promoting = Promoting(root=root, config=made.config, bundle=json.loads(said)["sha256"])
    promoting.drill(passed=True)
    if step is not None:
        promoting.canary()
    for _ in range(step or 0):
        promoting.moved("--step-up")
    return Canary(desk=made, promoting=promoting)


@contextmanager
def canary(
    root: Path,
    *,
    step: int | None = 1,
    kind: type[Desk] = Desk,
    changes: Sequence[tuple[str, str]] = (),
    gates: str = GATES,
    balances: Mapping[str, str] | None = None,
) -> Iterator[Canary]:
    """A desk of 100,000 USDT or other `balances`, governed unless `step` is None; its manifest wants two fifths of equity."""
    with desk(root, kind=kind, balances=balances) as made:
        yield governed(made, step=step, changes=changes, gates=gates)
