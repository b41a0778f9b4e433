"""What the log says of the Sentinel's counts: messages, automatic parents, switched symbols, own fills, loss baseline.

Part of the fold (`lakehouse.rebuild`): after a kill the engine counts on from here, as if it had never stopped.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import msgspec

from lakehouse.records import AnyLine, EquityLine, Fill, Intent, ManifestLine, Send, SwitchLine, Transfer
from orders.canonical import decimal_text
from orders.exact import EXACT

DAY_NS: Final = 86_400 * 1_000_000_000
ZERO: Final = Decimal(0)
REMEMBERED: Final = 1_000  # instants and fills of one symbol: no configured window asks for more


class Counted:
    """One per fold. Its fields are to be read; instants are market time where nothing else is said.

    `messages`: venue -> (UTC day of real time, send attempts of that day, cancels included). `parents`: symbol -> when its
    automatic parents were approved. `disabled`: symbol -> the line that did it. `own_fills`: symbol -> (when, price).
    `sent`: venue -> (UTC day of real time, what its submits took of the armed amount in base currency; None: not all is known).
    `equity`: the last valuation, moved by what was deposited or withdrawn since. `newest_generated_ns`: of all accepted
    manifests. Turnover of the day is the fold's own.
    """

    def __init__(self) -> None:
        self.messages: dict[str, tuple[int, int]] = {}
        self.sent: dict[str, tuple[int, Decimal | None]] = {}
        self.parents: dict[str, deque[int]] = {}
        self.disabled: dict[str, SwitchLine] = {}
        self.own_fills: dict[str, deque[tuple[int, Decimal]]] = {}
        self.equity: EquityLine | None = None
        self.newest_generated_ns: int | None = None

    def apply(self, line: AnyLine) -> None:
        """Take the next line that is of no order, after its numbers were checked."""
        match line:
            case EquityLine():
                self.equity = line
            case Transfer():
                self._transfer(line)
            case SwitchLine():
                self._switch(line)
            case ManifestLine():
                if line.decision == "ACCEPTED" and line.generated_ns is not None:
                    self.newest_generated_ns = max(self.newest_generated_ns or 0, line.generated_ns)
            case _:
                pass

    def send(self, line: Send) -> None:
        """Take the next send attempt. A clock set back gives no message back."""
        day = line.ts_ns // DAY_NS
        known, count = self.messages.get(line.venue, (day, 0))
        self.messages[line.venue] = (day, 1) if day > known else (known, count + 1)
        if line.action == "submit":
            self._submit(line)

    def intent(self, line: Intent, *, operator: bool) -> None:
        """Take the next intent; `operator`: the open cycle is one of the operator's."""
        if line.parent_client_order_id is None and not operator:
            kept = self.parents.get(line.symbol)
            if kept is None:
                kept = self.parents[line.symbol] = deque(maxlen=REMEMBERED)
            kept.append(line.market_ns)

    def fill(self, line: Fill, price: Decimal) -> None:
        """Take the next fill and its price."""
        kept = self.own_fills.get(line.symbol)
        if kept is None:
            kept = self.own_fills[line.symbol] = deque(maxlen=REMEMBERED)
        kept.append((line.market_ns, price))

    def _submit(self, line: Send) -> None:
        day = line.ts_ns // DAY_NS if line.armed_day is None else line.armed_day
        known, sent = self.sent.get(line.venue, (day, ZERO))
        if day > known:
            known, sent = day, ZERO
        if sent is not None:
            sent = None if line.armed_base is None else EXACT.add(sent, Decimal(line.armed_base))
        self.sent[line.venue] = (known, sent)

    def _transfer(self, line: Transfer) -> None:
        """What equity is held against moves with the capital: neither a loss nor a gain."""
        if (known := self.equity) is not None:
            moved = Decimal(line.amount_base)
            texts = {
                name: decimal_text(EXACT.add(Decimal(getattr(known, name)), moved))
                for name in ("equity_base", "day_start_base", "peak_base")
            }
            self.equity = msgspec.structs.replace(known, **texts)

    def _switch(self, line: SwitchLine) -> None:
        if line.action == "enable":
            self.disabled.pop(line.symbol, None)
            self.parents.pop(line.symbol, None)  # its count begins anew
        else:
            self.disabled[line.symbol] = line
