"""Which orders of the open cycle may go now: the releaser over its approvals, told of every fill, end and rise of a price.

It decides nothing about amounts and sends nothing; what it hands back is skipped with a reason, for a top-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from engine.gate import Gate
from engine.plan_recorder import PlanRecorder
from orders.assumptions import Assumptions
from orders.book import BookKeeper
from orders.exact import exact_arithmetic
from orders.plan import Approval, OpenOrder, Plan, PlanInputs
from orders.schedule import AT_ONCE
from orders.values import AccountKind, Listing, MarketLimits, OrderKind, Quote, Side
from strategies.release import Leftover, Pot, Releaser
from strategies.release_lines import release_lines, unit_cost

BPS: Final = Decimal(10_000)
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
NOT_RELEASED: Final = "not_released"  # cause of the cancel line of an intent whose turn did not come


class Releases:
    """One per run; holds the releaser of the open cycle while something waits, and nothing otherwise.

    A buy on a cash account counts at the worst of what it was judged on and of the far touch when its turn comes, times
    1 + `drift_fraction` and the assumed slippage. `wait_ns` >= 0 of the engine's clock: what waits longer is handed back.
    """

    def __init__(
        self,
        *,
        keeper: BookKeeper,
        recorder: PlanRecorder,
        gate: Gate,
        quote_of: Callable[[str], Quote | None],
        listings: Mapping[str, Listing],
        limits: Mapping[str, MarketLimits],
        accounts: Mapping[str, AccountKind],
        assumptions: Assumptions,
        drift_fraction: Decimal,
        wait_ns: int,
        messages_left: Callable[[str], int],
    ) -> None:
        self._keeper = keeper
        self._recorder = recorder
        self._gate = gate
        self._quote_of = quote_of
        self._listings = listings
        self._limits = limits
        self._accounts = accounts
        self._fees = assumptions.fees
        self._drift = drift_fraction
        self._impact = assumptions.impact
        self._slippage_bps = max(assumptions.at(venue).slippage_bps for venue in accounts)
        self._up = self._upper(())
        self._wait_ns = wait_ns
        self._messages_left = messages_left
        self._approvals: dict[str, Approval] = {}
        self._releaser: Releaser | None = None
        self.deadline_ns = 0
        self._on_the_way: dict[str, str] = {}  # released and not seen by the gate yet -> venue: a node has a queue in between
        self.paced = False  # something waits for nothing but its venue's messages of the second
        self.left_over = False  # of the open cycle: a line was approved and not sent

    @property
    def waiting(self) -> bool:
        """Whether approved orders wait for their turn."""
        return self._releaser is not None

    def begin(self, approvals: Sequence[Approval], *, plan: Plan, inputs: PlanInputs, now_ns: int) -> None:
        """Take the approvals of a cycle, in plan order. Raises `InputError` RELEASE_INVALID; nothing may be sent then."""
        self.left_over = False
        self._on_the_way.clear()
        self._approvals = {approval.client_order_id: approval for approval in approvals}
        self._up = self._upper(approvals)
        lines = release_lines(
            approvals,
            plan=plan,
            listings=self._listings,
            limits=self._limits,
            accounts=self._accounts,
            fees=self._fees,
            drift_fraction=self._up - ONE,
        )
        known = {line.line_id for line in lines}
        for approval in approvals:
            if approval.client_order_id not in known:
                self._give_back(approval, reason="FLIP_NOT_CLOSED", text="the closing leg was not approved")
        self.deadline_ns = now_ns + self._wait_ns
        self._releaser = (
            Releaser(lines, cash=self._free_cash(inputs.open_orders), deadline_ns=self.deadline_ns) if lines else None
        )

    def _upper(self, approvals: Sequence[Approval]) -> Decimal:
        """What a touch is multiplied by at worst: drift, and the dearest venue's slippage with the largest order's impact."""
        further = self._slippage_bps
        if self._impact is not None:
            further += max((self._impact.bps_of(one.symbol, quantity=one.quantity) for one in approvals), default=Decimal(0))
        with exact_arithmetic():
            return (ONE + self._drift) * (ONE + further / BPS)

    def _free_cash(self, open_orders: Sequence[OpenOrder]) -> dict[Pot, Decimal]:
        """What is there, less the worst of what buys outside this cycle may still take; all of a pot whose price is unknown.

        That stays reserved until this cycle is over, whatever becomes of them.
        """
        cash = {(venue, code): amount for venue, amounts in self._keeper.cash.items() for code, amount in amounts.items()}
        with exact_arithmetic():
            for order in open_orders:
                if order.side is Side.SELL:
                    continue
                listing = self._listings[order.symbol]
                pot = (listing.venue, listing.quote_currency)
                quote = self._quote_of(order.symbol)
                cost = None if quote is None else order.leaves_quantity * self._worst(order.symbol, order.side, quote.ask)
                cash[pot] = ZERO if cost is None else max(cash.get(pot, ZERO) - cost, ZERO)
        return cash

    def _worst(self, symbol: str, side: Side, price: Decimal) -> Decimal:
        listing = self._listings[symbol]
        multiplier = self._limits[symbol].multiplier
        return unit_cost(side, price=price * self._up, multiplier=multiplier, listing=listing, fees=self._fees[listing.venue])

    def next(self) -> list[Approval]:
        """Return what goes now, what reduces first, else in plan order; each approval is returned once.

        No more of a venue than its messages of this second: the gate would deny the rest, and a denied order is not sent again.
        """
        releaser, self.paced = self._releaser, False
        if releaser is None:
            return []
        chosen = releaser.releasable()
        while chosen and self._reprice(releaser, chosen):
            chosen = releaser.releasable()
        going = [self._approvals[line_id] for line_id in chosen]
        if len(going) > 1:
            going = [*(a for a in going if a.reduces), *(a for a in going if not a.reduces)]
        going = self._at_pace(going)
        self.paced = len(going) < len(chosen)
        for approval in going:
            releaser.on_released(approval.client_order_id)
        if not releaser.waiting:
            self._releaser = None
        return going

    def _at_pace(self, going: Sequence[Approval]) -> list[Approval]:
        """The first of them, as far as messages are left; a parent is no message, its children are."""
        if self._on_the_way:
            self._on_the_way = {key: venue for key, venue in self._on_the_way.items() if self._gate.awaits(key)}
        left: dict[str, int] = {}
        taken = []
        for approval in going:
            venue = approval.venue
            if approval.schedule == AT_ONCE:
                if venue not in left:
                    left[venue] = self._messages_left(venue) - list(self._on_the_way.values()).count(venue)
                if left[venue] <= 0:
                    continue
                left[venue] -= 1
                self._on_the_way[approval.client_order_id] = venue
            taken.append(approval)
        return taken

    def _reprice(self, releaser: Releaser, chosen: Sequence[str]) -> bool:
        """Count buys on cash at the far touch of now where it is worse; return whether one costs more than before."""
        changed = False
        for line_id in chosen:
            approval = self._approvals[line_id]
            if approval.side is Side.SELL or approval.order_kind is not OrderKind.MARKET:
                continue
            if self._accounts[approval.venue] is not AccountKind.CASH:
                continue
            quote = self._quote_of(approval.symbol)
            if quote is not None and quote.ask > approval.reference_price:
                with exact_arithmetic():
                    cost = self._worst(approval.symbol, approval.side, quote.ask)
                changed = releaser.reprice(line_id, cost) or changed
        return changed

    def filled(self, event: Any, *, parent_id: str | None) -> None:
        """Take a fill event of an order of this cycle, or of a child of `parent_id`; others change nothing."""
        releaser = self._releaser
        if releaser is None:
            return
        order_id = event.client_order_id.value
        line_id = order_id if order_id in self._approvals else parent_id
        if line_id in self._approvals:
            assert line_id is not None
            fee = event.commission
            releaser.on_fill(
                line_id,
                quantity=event.last_qty.as_decimal(),
                price=event.last_px.as_decimal(),
                fee=fee.as_decimal(),
                fee_currency=fee.currency.code,
            )

    def booked(self, venue: str, code: str, amount: Decimal) -> None:
        """Take borrow, funding or interest, signed, as cash that came or went while orders wait."""
        if self._releaser is not None:
            self._releaser.on_cash((venue, code), amount)

    def ended(self, order_id: str) -> None:
        """An order of this cycle is terminal."""
        self._on_the_way.pop(order_id, None)
        if self._releaser is not None and order_id in self._approvals:
            self._releaser.on_terminal(order_id)

    def expire(self, now_ns: int) -> None:
        """Skip what waits, with its reason: from the deadline on, and before it when nothing works and nothing may go."""
        releaser = self._releaser
        if releaser is None:
            return
        for left in releaser.expire(now_ns):
            self._hand_back(left)
        if not releaser.waiting:
            self._releaser = None

    def drop(self, *, cause: str) -> None:
        """Give up what waits, without a word on its line: the cycle is cut off. `cause`: of the cancel lines."""
        releaser, self._releaser = self._releaser, None
        for line_id in () if releaser is None else releaser.waiting_ids:
            self._give_up(line_id, cause=cause)

    def drop_opening(self, *, cause: str) -> None:
        """Give up what waits and opens or adds, likewise; what reduces keeps its turn."""
        releaser = self._releaser
        for line_id in () if releaser is None else releaser.waiting_ids:
            if not self._approvals[line_id].reduces:
                assert releaser is not None
                releaser.on_terminal(line_id)
                self._give_up(line_id, cause=cause)
        if releaser is not None and not releaser.waiting:
            self._releaser = None

    def _give_up(self, line_id: str, *, cause: str) -> None:
        self._gate.revoke(line_id)
        self._recorder.withdraw(line_id, cause=cause)

    def _hand_back(self, left: Leftover) -> None:
        self._give_back(self._approvals[left.line_id], reason=left.reason, text=left.detail)

    def _give_back(self, approval: Approval, *, reason: str, text: str) -> None:
        """The approval lapses and the intent ends, in the log too."""
        self.left_over = True
        self._gate.revoke(approval.client_order_id)
        self._recorder.skip(
            cycle=approval.cycle,
            line=approval.line,
            symbol=approval.symbol,
            reason=reason,
            text=text,
            wanted=approval.quantity * approval.side.sign,
            notional_base=approval.quantity * approval.reference_price * approval.unit_value_base,
        )
        self._recorder.withdraw(approval.client_order_id, cause=NOT_RELEASED)
