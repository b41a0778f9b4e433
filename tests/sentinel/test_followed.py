"""The approval of an order that went out elsewhere is of that order alone, and protects no book."""

from __future__ import annotations

import pytest

from orders.values import OrderKind, Side
from sentinel.followed import approval_of_sent
from tests.planner.world import SHA, D

SENT = {
    "client_order_id": "a" * 32, "environment": "test", "manifest_sha256": SHA, "plan_sha256": "b" * 64, "cycle": 3, "line": 4,
    "symbol": "NASDAQ:AAPL", "instrument_id": "AAPL.NASDAQ", "venue": "NASDAQ", "side": Side.SELL, "quantity": D("7"),
    "order_kind": OrderKind.LIMIT, "limit_price": D("99.5"), "reference_price": D("100"), "unit_value_base": D("1.25"),
}  # fmt: skip


@pytest.mark.parametrize("limit_price", [None, D("99.5")], ids=["no limit", "a limit"])
def test_an_approval_says_what_was_sent_and_asks_nothing_of_the_book(limit_price: object) -> None:
    sent = SENT | {"limit_price": limit_price}
    approval = approval_of_sent(**sent)  # type: ignore[arg-type]
    assert {name: getattr(approval, name) for name in sent} == sent
    assert (approval.reduce_only, approval.reduces) == (False, False)
