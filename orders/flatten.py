"""A person's flatten as values: what it covers, and the manifest it withdraws. Carried out by `engine.flatten`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from orders.values import Listing, Record

ZERO: Final = Decimal(0)


class Scope(Record, frozen=True, kw_only=True):
    """What is flattened: these platform symbols (none named: all), of this venue (None: of every venue)."""

    symbols: tuple[str, ...] = ()
    venue: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it covers everything."""
        return not self.symbols and self.venue is None

    def covers(self, symbol: str, *, venue: str | None) -> bool:
        """Whether a symbol is meant; `venue` is where it trades, None where that is not known (then a venue's scope does not)."""
        return (not self.symbols or symbol in self.symbols) and (self.venue is None or self.venue == venue)

    def words(self) -> str:
        """Return it in words."""
        what = ", ".join(self.symbols) if self.symbols else "everything"
        return what if self.venue is None else f"{what} at {self.venue}"


class Withdrawal(Record, frozen=True, kw_only=True):
    """A manifest counts as withdrawn for a scope, on a person's word; until another manifest is accepted."""

    manifest_sha256: str
    scope: Scope
    by: str
    reason: str
    request_id: str
    ts_ns: int


def is_withdrawn(withdrawals: Sequence[Withdrawal], manifest_sha256: str | None) -> bool:
    """Whether nothing of a manifest may be traded any more."""
    return any(known.scope.whole and known.manifest_sha256 == manifest_sha256 for known in withdrawals)


def stays_flat(withdrawals: Sequence[Withdrawal], manifest_sha256: str | None, symbol: str, *, venue: str | None) -> bool:
    """Whether a symbol of a manifest must not be opened or added to."""
    return any(known.manifest_sha256 == manifest_sha256 and known.scope.covers(symbol, venue=venue) for known in withdrawals)


def without_withdrawn(
    targets: Mapping[str, Decimal],
    withdrawals: Sequence[Withdrawal],
    *,
    manifest_sha256: str,
    listings: Mapping[str, Listing],
) -> dict[str, Decimal]:
    """Return the targets with 0 for what was flattened: named, so that no policy for unnamed positions applies to it."""
    result = dict(targets)
    for symbol in targets:
        listing = listings.get(symbol)
        if stays_flat(withdrawals, manifest_sha256, symbol, venue=None if listing is None else listing.venue):
            result[symbol] = ZERO
    return result
