"""Who has what at the rehearsal exchange, in Decimal. Nothing is made or lost: over all accounts every asset sums to zero.

Clients have free and locked amounts and never less than none; the market, the fees and the outside are the other side of the
same book and may stand below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sim.rehearsal.values import FEES, MARKET, OUTSIDE

NONE: Final = Decimal(0)
BOTTOMLESS: Final = (MARKET, FEES, OUTSIDE)


@dataclass(slots=True)
class Holding:
    """One asset of one account."""

    free: Decimal = NONE
    locked: Decimal = NONE


@dataclass
class Balances:
    """Holdings by account and asset. `changed` collects what moved since somebody cleared it."""

    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)

    def free(self, account: str, asset: str) -> Decimal:
        """What may be spent."""
        return self._look(account, asset).free

    def locked(self, account: str, asset: str) -> Decimal:
        """What open orders hold."""
        return self._look(account, asset).locked

    def of(self, account: str) -> Iterator[tuple[str, Holding]]:
        """Yield an account's assets by name."""
        for (owner, asset), holding in sorted(self.holdings.items()):
            if owner == account:
                yield asset, holding

    def clients(self) -> Iterator[tuple[str, str]]:
        """Yield (account, asset) of every client's holdings."""
        return (key for key in sorted(self.holdings) if key[0] not in BOTTOMLESS)

    def total(self, asset: str) -> Decimal:
        """Return the sum over all accounts; it is zero."""
        return sum((each.free + each.locked for (_, name), each in self.holdings.items() if name == asset), start=NONE)

    def lock(self, account: str, asset: str, amount: Decimal) -> None:
        """Move from free to locked."""
        self._move(account, asset, free=-amount, locked=amount)

    def unlock(self, account: str, asset: str, amount: Decimal) -> None:
        """Move from locked to free."""
        self._move(account, asset, free=amount, locked=-amount)

    def pay(self, payer: str, receiver: str, asset: str, amount: Decimal, *, unlocked: Decimal) -> None:
        """Pay `amount`, of which the payer's locked amount gives `unlocked`; what that is more comes free."""
        self._move(payer, asset, free=unlocked - amount, locked=-unlocked)
        self._move(receiver, asset, free=amount, locked=NONE)

    def set_free(self, account: str, asset: str, amount: Decimal) -> Decimal:
        """Deposit or withdraw so that `amount` is free; return the change."""
        assert amount >= 0
        change = amount - self.free(account, asset)
        self._move(account, asset, free=change, locked=NONE)
        self._move(OUTSIDE, asset, free=-change, locked=NONE)
        return change

    def restore(self, account: str, asset: str, *, free: Decimal, locked: Decimal) -> None:
        """Put a holding back as it was kept."""
        self.holdings[account, asset] = Holding(free=free, locked=locked)

    def _look(self, account: str, asset: str) -> Holding:
        return self.holdings.get((account, asset), Holding())

    def _move(self, account: str, asset: str, *, free: Decimal, locked: Decimal) -> None:
        holding = self.holdings.setdefault((account, asset), Holding())
        holding.free += free
        holding.locked += locked
        assert account in BOTTOMLESS or (holding.free >= 0 and holding.locked >= 0), f"{account} overdrawn in {asset}: {holding}"
        self.changed.add((account, asset))
