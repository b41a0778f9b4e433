"""Fees in the base asset on a margin account: what Nautilus leaves as a debt of the asset is paid in quote currency.

Its margin account takes such a fee from the position and from a balance of the base asset, which it has none of. The asset was
bought and paid for, so the quote balance pays the fee at the fill's price: then account and book agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from nautilus_trader.model.events import OrderFilled

from engine.accruals import smallest_unit
from orders.errors import SluiceError
from orders.values import AccountKind, Listing


class BaseFees:
    """Listens to fills. `adjust(venue, currency, signed amount)` moves a simulated account."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, AccountKind],
        listings: Mapping[str, Listing],
        adjust: Callable[[str, str, Decimal], None],
        halt: Callable[[str], None],
    ) -> None:
        self._accounts = accounts
        self._by_instrument = {listing.instrument_id: listing for listing in listings.values()}
        self._adjust = adjust
        self._halt = halt

    def on_event(self, event: Any) -> None:
        """Pay the base fee of a fill; other events are none of ours. Never raises: what cannot be paid halts."""
        if not isinstance(event, OrderFilled):
            return
        listing = self._by_instrument.get(event.instrument_id.value)
        fee, code = event.commission.as_decimal(), event.commission.currency.code
        if listing is None or not fee or code != listing.base_currency or self._accounts.get(listing.venue) is AccountKind.CASH:
            return
        paid = (-fee * event.last_px.as_decimal()).quantize(smallest_unit(listing.quote_currency), rounding=ROUND_FLOOR)
        try:
            self._adjust(listing.venue, code, fee)
            self._adjust(listing.venue, listing.quote_currency, paid)
        except SluiceError as error:
            self._halt(str(error))
