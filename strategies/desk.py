"""What the manifest strategy is handed at assembly: the desk that plans, asks the Sentinel and writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from orders.plan import Approval
from orders.values import Quote, Record

NEW_MANIFEST: Final = "new_manifest"  # causes of a cycle, beside the operator's
TOP_UP: Final = "top_up"
DRIFT: Final = "drift"
RAMP: Final = "ramp"  # what is held above the capital of now comes down; opens nothing
LOOKS: Final = frozenset({DRIFT, RAMP})  # which open a cycle only where it would trade


class Work(Record, frozen=True, kw_only=True):
    """An audited manifest that asks for a cycle. `symbols` are all that need a price: targets and what is held.

    `after_ns`: a price must be newer than this to be used (0: any that is not stale); `deadline_ns`: after this instant
    the plan is made with the prices there are. Both on the engine's clock. `awaited`: those of `symbols` that are waited for and
    held to `after_ns`, None: all; the others' markets are closed, and their last prices stand.
    """

    outcome: Any
    cause: str
    symbols: tuple[str, ...]
    after_ns: int
    deadline_ns: int
    awaited: tuple[str, ...] | None = None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The symbols that are waited for."""
        return self.symbols if self.awaited is None else self.awaited


class Desk(Protocol):
    """The engine's side of the strategy. Nothing here sends: the strategy submits what is approved."""

    def read(self, outcome: Any) -> Work | None:
        """Write the manifest line; return the work it asks for, None when it must not trade or is done already."""
        ...

    def quote_of(self, symbol: str) -> Quote | None:
        """Return the newest price of a symbol."""
        ...

    def decide(self, work: Work, ready: Callable[[Sequence[Approval]], None]) -> None:
        """Open a cycle, plan, judge, write; call `ready` with the approvals (perhaps none) once the intents are durable."""
        ...

    def release(self, now_ns: int) -> Sequence[Approval]:
        """Return the approved orders that go now, each once: what reduces at once, what opens as fills make room and pay for
        it. Where nothing may go any more, or too late, the rest has been skipped.
        """
        ...

    @property
    def waiting_until_ns(self) -> int | None:
        """Until when approved orders wait for their turn, on the engine's clock; None when none does."""
        ...

    @property
    def paced(self) -> bool:
        """Whether approved orders wait for nothing but the messages their venue takes in a second: the next price asks again."""
        ...

    def filled(self, event: Any, *, parent_id: str | None) -> None:
        """Take a fill of an order of ours, or of a child of `parent_id`."""
        ...

    def ended(self, client_order_id: str) -> None:
        """Take the end of an order of ours."""
        ...

    @property
    def drift_check_ns(self) -> int | None:
        """From when on the next price asks for a look at the drift, on the engine's clock; None: drift is not looked at."""
        ...

    def drift_due(self, now_ns: int) -> Work | None:
        """Return the work of a look at the drift from a manifest that is done; None where nothing may be traded now."""
        ...

    def would_trade(self, work: Work) -> bool:
        """Whether a drift cycle would send something; nothing is opened or written by asking."""
        ...

    def put_off(self, work: Work) -> Work | None:
        """Return the same work for later where it is not allowed yet; None: decide it now. Asking opens and writes nothing."""
        ...

    @property
    def supersedes(self) -> bool:
        """Whether a newer manifest is planned beside the orders that still work for the last one."""
        ...

    def supersede(self, working: Sequence[str]) -> None:
        """Close the open cycle for a newer manifest's; `working` goes on as orders in flight."""
        ...

    @property
    def cancels(self) -> Sequence[str]:
        """The orders in flight that the plan of the open cycle wants out of its way."""
        ...

    def drop(self) -> None:
        """The open cycle is cut off: what waited for its turn does not go out."""
        ...

    def drop_opening(self) -> None:
        """Less capital may be used: what waited for its turn and opens or adds does not go out."""
        ...

    def reduces_now(self, client_order_id: str) -> bool:
        """Whether an order of ours that works can only bring a position toward zero, as it stands."""
        ...

    def finish(self) -> Work | None:
        """Every order of the open cycle is terminal: close it; return work that is to be tried again, None for none."""
        ...
