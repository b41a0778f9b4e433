"""Which opening orders of a cycle the cash at hand pays for, once what reduces positions has come to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from engine.plan_recorder import PlanRecorder
from orders.assumptions import Assumptions
from orders.book import BookKeeper
from orders.costs import Liquidity, fee_for
from orders.plan import Approval
from orders.values import AccountKind, Listing, MarketLimits, Quote, Side

BPS: Final = Decimal(10_000)
ZERO: Final = Decimal(0)


class Funding:
    """`quote_of(symbol)` gives the newest top of book; the recorder's contexts say what has filled."""

    def __init__(
        self,
        *,
        keeper: BookKeeper,
        recorder: PlanRecorder,
        quote_of: Callable[[str], Quote | None],
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        accounts: Mapping[str, AccountKind],
        assumptions: Assumptions,
    ) -> None:
        self._keeper = keeper
        self._recorder = recorder
        self._quote_of = quote_of
        self._listings = listings
        self._limits = limits
        self._accounts = accounts
        self._assumptions = assumptions

    def fund(
        self, openings: Sequence[Approval], *, reducing: Sequence[Approval]
    ) -> tuple[list[Approval], list[tuple[Approval, str, str]]]:
        """Return (funded, unfunded with reason and text), in plan order.

        Each buy is counted at the far touch with its fee and the assumed slippage; what the cash does not cover is not
        funded. Where `reducing` orders did not fill, so much less is opened: the Sentinel judged the book after them.
        """
        left = {venue: dict(amounts) for venue, amounts in self._keeper.cash.items()}
        unreduced = self._unreduced_base(reducing)
        room = sum((_value_base(approval) for approval in openings), ZERO) - unreduced
        funded: list[Approval] = []
        unfunded: list[tuple[Approval, str, str]] = []
        for approval in openings:
            if unreduced:
                if _value_base(approval) > room:
                    text = f"reducing orders of {unreduced} base currency did not fill"
                    unfunded.append((approval, "REDUCTION_UNFILLED", text))
                    continue
                room -= _value_base(approval)
            if approval.side is Side.SELL or self._accounts[approval.venue] is AccountKind.MARGIN:
                funded.append(approval)
                continue
            currency = self._listings[approval.symbol].quote_currency
            quote = self._quote_of(approval.symbol)
            cost = None if quote is None else self._cost(approval, quote.ask)
            cash = left[approval.venue].get(currency, ZERO)
            if cost is not None and cost <= cash:
                left[approval.venue][currency] = cash - cost
                funded.append(approval)
                continue
            unfunded.append((approval, "NO_CASH", f"needs {cost} {currency}, {cash} left after the sells"))
        return funded, unfunded

    def _unreduced_base(self, reducing: Sequence[Approval]) -> Decimal:
        """What the reducing orders left unfilled, at the prices they were approved on, in base currency."""
        total = ZERO
        for approval in reducing:
            total += (approval.quantity - self._recorder.contexts[approval.client_order_id].filled) * (
                approval.reference_price * approval.unit_value_base
            )
        return total

    def _cost(self, approval: Approval, ask: Decimal) -> Decimal:
        """What a buy at the far touch takes of the venue's cash, with the slippage that is assumed of it."""
        ask *= 1 + self._assumptions.slippage_bps / BPS
        multiplier = self._limits[approval.symbol].multiplier
        fee, in_base = fee_for(
            Side.BUY,
            quantity=approval.quantity,
            price=ask,
            multiplier=multiplier,
            schedule=self._assumptions.fees[approval.venue],
            liquidity=Liquidity.TAKER,
            has_base_currency=self._listings[approval.symbol].base_currency is not None,
        )
        return approval.quantity * ask * multiplier + (ZERO if in_base else fee)


def _value_base(approval: Approval) -> Decimal:
    """Return what an approved order is worth at the price it was judged on, in base currency."""
    return approval.quantity * approval.reference_price * approval.unit_value_base
