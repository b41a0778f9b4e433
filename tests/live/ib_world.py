"""The desk of `tests.live.world` at Interactive Brokers: a fake TWS as a process of its own, two shares."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from live.signing_keys import make_key
from orders.errors import VenueUnavailable
from sim.rehearsal.tws.handle import ACCOUNT, FakeTws
from tests.gate.world import Name
from tests.live.config import ib_config
from tests.live.world import CASH, PASSIVE, Desk, market

AAPL, XOM = Name("NASDAQ:AAPL", "230.00"), Name("NYSE:XOM", "110.00")
TICKERS = {265598: AAPL, 13977: XOM}  # by IB's contract id


@dataclass
class IbDesk(Desk):
    """As `Desk`; `venue` is a `FakeTws`."""

    names: ClassVar[tuple[Name, ...]] = (AAPL, XOM)
    called: ClassVar[str] = "IBKR"
    account: ClassVar[str] = ACCOUNT

    def ids(self) -> list[str]:
        return [order.order_ref.rpartition(":")[0] for order in self.venue.truth().orders]

    def trade_ids(self) -> list[str]:
        return [each.exec_id for each in self.venue.truth().executions]

    def held(self, name: Name) -> Decimal:
        positions = self.venue.truth().state.positions
        return sum((held for con_id, held in positions.items() if TICKERS[con_id] == name), Decimal(0))

    def bought(self) -> dict[str, Decimal]:
        truth = self.venue.truth()
        sides = {order.perm_id: order.action for order in truth.orders}
        found: dict[str, Decimal] = defaultdict(Decimal)
        for each in truth.executions:
            assert sides[each.perm_id] == "BUY", each
            found[TICKERS[each.con_id].symbol] += each.quantity * each.price
        return found

    def working(self) -> list[str]:
        return [order.order_ref.rpartition(":")[0] for order in self.venue.truth().orders if order.works]

    def move(self, tick: int, wide: int) -> None:
        with contextlib.suppress(VenueUnavailable):
            for symbol, ticks in (("AAPL", 23_000 + tick), ("XOM", 11_000 + tick)):
                self.venue.quote(symbol, str(Decimal(ticks) / 100), str(Decimal(ticks + wide) / 100))


@contextmanager
def ib_desk(root: Path, *, resting: bool = False, cash: Decimal = CASH, kind: type[IbDesk] | None = None) -> Iterator[IbDesk]:
    """A fake TWS with `cash` in USD and a sound, armed configuration for it; every process is reaped. `resting`, `kind`: see
    `desk`.
    """
    with FakeTws.start(state=root / "tws.json", cash={"USD": str(cash)}) as tws, contextlib.ExitStack() as children:
        public = make_key("alice", directory=root / "keys")
        world = ib_config(root, public, names=IbDesk.names, port=tws.port)
        made = (kind or IbDesk)(root=root, venue=tws, world=world, config=world.config_path, children=children)
        made.change('USD = "100000"', f'USD = "{cash}"')
        if resting:
            made.change("[sentinel]", f'schedule = "slow"\n{PASSIVE}[sentinel]')
        made.arm()
        made.weigh("0.2", seconds_ago=60)
        with market(made, wide=100 if resting else 2):
            yield made
