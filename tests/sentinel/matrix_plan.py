"""The rows of the fail-open matrix that judge a plan."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.regime_watch import look
from lakehouse.regime_audit import RegimeAuditPolicy
from orders.plan import Plan, Reason
from orders.valuation import OpenExposure
from orders.values import AverageVolume, Grade, Side
from sentinel.facts import RecentApproval, Reference
from sentinel.loss import DAY_NS, Baseline
from tests.planner.world import AGE_MAX, NOW, D, quote
from tests.sentinel.cases import BUY, SELL, Broken, changed, made_plan
from tests.sentinel.matrix import Row, plan, row

HASH = "0" * 64  # of a plan that has no canonical bytes
BROKEN: Any = Broken()


def lines(*, buy: dict[str, Any] | None = None, sell: dict[str, Any] | None = None) -> Plan:
    made = made_plan()
    return changed(made, lines=(changed(made.lines[0], **(sell or {})), changed(made.lines[1], **(buy or {}))))


def held(*, quantity: str, position: str) -> Plan:
    """The sell is reduce-only, of so many units of so large a position."""
    return lines(sell={"quantity": D(quantity), "held_quantity": D(position), "reduce_only": True})


def kept_without_price() -> Plan:
    return lines(sell={"side": None, "quantity": D("0"), "reason": Reason.KEPT, "bid": None, "ask": None})


def refs(price: str, *, ts_ns: int = NOW) -> dict[str, Any]:
    return {SELL: Reference(price=D("10"), ts_ns=NOW), BUY: Reference(price=D(price), ts_ns=ts_ns)}


def quotes(*both: str, ts_ns: int = NOW) -> dict[str, Any]:
    return {SELL: quote(SELL, "10"), BUY: quote(BUY, *both, ts_ns=ts_ns)}


def fill(price: str, *, ts_ns: int = NOW) -> dict[str, Any]:
    return {"own_fills": {BUY: Reference(price=D(price), ts_ns=ts_ns)}}


def volumes(units: str, *, left_ns: int = 0) -> dict[str, Any]:
    known = {
        symbol: AverageVolume(units_per_day=D(text), days=20, as_of_ns=NOW - 9, valid_until_ns=NOW + left)
        for symbol, text, left in ((SELL, "400", 9), (BUY, units, left_ns))
    }
    return {"volumes": known}


def base(**changes: Any) -> dict[str, Any]:
    values = {"day": NOW // DAY_NS, "day_start_base": D("1000"), "peak_base": D("1000"), "equity_base": D("1000")}
    return {"baseline": Baseline(**(values | changes))}


def again(**changes: Any) -> dict[str, Any]:
    values = {
        "client_order_id": "0" * 32, "cycle": 1, "symbol": BUY, "side": Side.BUY, "quantity": D("40"), "price": D("10"),
        "approved_ns": NOW,
    }  # fmt: skip
    return {"recent": (RecentApproval(**(values | changes)),)}


def stale_regime_log() -> dict[str, Any]:
    """What the regime log counts as when its freshest line is a nanosecond too old."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "regime_audit.jsonl"
        path.write_text('{"ts": "2023-11-14T22:13:19Z", "regime": "QUIET"}\n')
        policy = RegimeAuditPolicy(path=str(path), age_max_ns=1_000_000_000 - 1, zone="UTC")
        seen = look(policy, manifest=("QUIET", None), as_of_ns=NOW)
    assert seen.audit is not None
    assert seen.audit.code
    return {"regime_name": seen.name, "regime_quadrant": seen.quadrant}


OPEN_NAN = {BUY: OpenExposure(buy_base=D("NaN"), sell_base=D("0"))}
EQUITY_AGE = "how old equity is MAX_LEVERAGE judges, of the same plan"
THE_SAME_DAY = "the count is the UTC day's own, and a clock set back goes on with the latest day"
QUARTER: dict[str, Any] = {"price_collar_fraction": D("0.25")}
DRIFT: dict[str, Any] = {"fill_drift_max_fraction": D("0.25")}
SHARE: dict[str, Any] = {"adv_fraction_max": D("0.1")}
JUMP: dict[str, Any] = {"jump_max_fraction": D("0.25")}
SPREAD: dict[str, Any] = {"spread_max_fraction": D("0.1")}
WIDE: dict[str, Any] = {"gross_weight_max": D("9")}

PLAN_ROWS: tuple[Row, ...] = (
    row(1, "PRICE_COLLAR", "plan",
        plan("PRICE_COLLAR", references=refs("8"), lim=QUARTER), plan("PRICE_COLLAR", references=refs("7.99"), lim=QUARTER),
        plan("PRICE_COLLAR", references={SELL: refs("10")[SELL]}),
        plan("PRICE_COLLAR", references=refs("10", ts_ns=NOW - AGE_MAX - 1)),
        plan("PRICE_COLLAR", references=refs("NaN")), plan("PRICE_COLLAR", references=BROKEN)),
    row(1, "FILL_DRIFT", "plan",
        plan("FILL_DRIFT", st=fill("8"), lim=DRIFT), plan("FILL_DRIFT", st=fill("7.99"), lim=DRIFT),
        plan("FILL_DRIFT", standing=None), plan("FILL_DRIFT", st=fill("10", ts_ns=NOW - AGE_MAX - 1)),
        plan("FILL_DRIFT", st=fill("0")), plan("FILL_DRIFT", st={"own_fills": BROKEN})),
    row(2, "MAX_ORDER_VALUE", "plan",
        plan("MAX_ORDER_VALUE", lim={"max_order_value_base": D("400")}),
        plan("MAX_ORDER_VALUE", lim={"max_order_value_base": D("399.99")}),
        plan("MAX_ORDER_VALUE", made=lines(buy={"unit_value_base": None})),
        "a value has no age: how old its price is PRICE_AGE judges, how old a rate the planner",
        plan("MAX_ORDER_VALUE", made=lines(buy={"unit_value_base": D("NaN")}), sha256=HASH),
        plan("MAX_ORDER_VALUE", st={"quoted": BROKEN})),
    row(2, "MAX_ORDER_VALUE", "plan",
        plan("MAX_ORDER_VALUE", st={"quoted": frozenset({BUY})}, lim={"max_order_value_base": D("200")}),
        plan("MAX_ORDER_VALUE", st={"quoted": frozenset({BUY})}, lim={"max_order_value_base": D("199.99")}),
        plan("MAX_ORDER_VALUE", made=lines(buy={"ask": None}), st={"quoted": frozenset({BUY})}),
        "a value has no age: how old its price is PRICE_AGE judges",
        plan("MAX_ORDER_VALUE", made=lines(buy={"unit_value_base": D("0")}), st={"quoted": frozenset({BUY})}),
        plan("MAX_ORDER_VALUE", st={"quoted": frozenset({BUY})}, lim={"max_order_value_base": "200"}),
        what="a quantity that is an amount of quote currency"),
    row(3, "MAX_ORDER_VOLUME", "plan",
        plan("MAX_ORDER_VOLUME", lim={"max_order_units": D("40")}),
        plan("MAX_ORDER_VOLUME", lim={"max_order_units": D("39.999")}),
        plan("MAX_ORDER_VOLUME", standing=None), "a cap in units has no age",
        plan("MAX_ORDER_VOLUME", made=lines(buy={"quantity": D("0")})),
        plan("MAX_ORDER_VOLUME", lim={"max_order_units": "40"}), what="units"),
    row(3, "MAX_ORDER_VOLUME", "plan",
        plan("MAX_ORDER_VOLUME", st=volumes("400"), lim=SHARE), plan("MAX_ORDER_VOLUME", st=volumes("399"), lim=SHARE),
        plan("MAX_ORDER_VOLUME", st={"volumes": {}}, lim=SHARE),
        plan("MAX_ORDER_VOLUME", st=volumes("400", left_ns=-1), lim=SHARE),
        plan("MAX_ORDER_VOLUME", st=volumes("NaN"), lim=SHARE), plan("MAX_ORDER_VOLUME", st={"volumes": BROKEN}, lim=SHARE),
        what="share of volume"),
    row(4, "MESSAGE_LIMIT", "plan",
        plan("MESSAGE_LIMIT", st={"messages_left": {"US": 2}}), plan("MESSAGE_LIMIT", st={"messages_left": {"US": 1}}),
        plan("MESSAGE_LIMIT", st={"messages_left": {}}), THE_SAME_DAY,
        plan("MESSAGE_LIMIT", st={"messages_left": {"US": 0}}), plan("MESSAGE_LIMIT", st={"messages_left": BROKEN}),
        what="a day"),
    row(6, "REPEATED_EXECUTION", "plan",
        plan("REPEATED_EXECUTION", st={"repeats": {SELL: 0, BUY: 2}}),
        plan("REPEATED_EXECUTION", st={"repeats": {SELL: 0, BUY: 3}}),
        plan("REPEATED_EXECUTION", st={"repeats": {SELL: 0}}),
        plan("REPEATED_EXECUTION", st={"disabled": frozenset({BUY})}),  # the window is over; it stays disabled all the same
        "a count is a whole number, and 0 is the first parent", plan("REPEATED_EXECUTION", st={"repeats": BROKEN})),
    row(7, "MAX_LEVERAGE", "plan",
        plan("MAX_LEVERAGE", lim={"max_leverage": D("0.6")}), plan("MAX_LEVERAGE", lim={"max_leverage": D("0.599999")}),
        plan("MAX_LEVERAGE", made=kept_without_price()), plan("MAX_LEVERAGE", st={"equity_ns": NOW - AGE_MAX - 1}),
        plan("MAX_LEVERAGE", made=changed(made_plan(), equity_base=D("NaN")), sha256=HASH),
        plan("MAX_LEVERAGE", lim={"max_leverage": "1"}), what="gross"),
    row(7, "MAX_LEVERAGE", "plan",
        plan("MAX_LEVERAGE", lim={"max_leverage_net": D("0.6")}), plan("MAX_LEVERAGE", lim={"max_leverage_net": D("0.599999")}),
        plan("MAX_LEVERAGE", standing=None), plan("MAX_LEVERAGE", st={"equity_ns": NOW + 1}),
        plan("MAX_LEVERAGE", made=changed(made_plan(), equity_base=D("0"))),
        plan("MAX_LEVERAGE", lim={"max_leverage_net": None}), what="net"),
    row(8, "DUPLICATE", "plan",
        plan("DUPLICATE", **again(approved_ns=NOW - 61)), plan("DUPLICATE", **again(approved_ns=NOW - 60)),
        "that nothing was approved before is what a first plan has; a record that is not whole starts no run",
        plan("DUPLICATE", made=lines(buy={"symbol": SELL})),  # a second line of a symbol, however old the first approval is
        "no approval of a quantity that is zero or no number is made", plan("DUPLICATE", recent=None)),
    row(9, "ALLOW_LIST", "plan",
        plan("ALLOW_LIST", lim={"allow": {"US": (BUY, SELL)}}), plan("ALLOW_LIST", lim={"allow": {"US": ("NYSE:BUy", SELL)}}),
        plan("ALLOW_LIST", lim={"allow": {}}), "a list in the config has no age",
        plan("ALLOW_LIST", made=lines(buy={"venue": None})), plan("ALLOW_LIST", lim={"allow": {"US": 5}})),
    row(10, "MAX_ASSET_EXPOSURE", "plan",
        plan("MAX_ASSET_EXPOSURE", lim={"max_asset_exposure": D("0.4")}),
        plan("MAX_ASSET_EXPOSURE", lim={"max_asset_exposure": D("0.399999")}),
        plan("MAX_ASSET_EXPOSURE", made=kept_without_price()), EQUITY_AGE,
        plan("MAX_ASSET_EXPOSURE", open_exposure=OPEN_NAN), plan("MAX_ASSET_EXPOSURE", lim={"max_asset_exposure": "1"})),
    row(12, "HALT", "plan",
        plan("HALT", halted=False), plan("HALT", halted=True), plan("HALT", halted=None),
        "the permission is looked at anew for every plan", plan("HALT", halted=0),
        "comparing with False cannot raise; asking the permission can, at the gate"),
    row(16, "LOSS_LIMIT", "plan",
        plan("LOSS_LIMIT", st=base(equity_base=D("900"))), plan("LOSS_LIMIT", st=base(equity_base=D("899.99"))),
        plan("LOSS_LIMIT", st={"baseline": None}), EQUITY_AGE, plan("LOSS_LIMIT", st=base(day_start_base=D("0"))),
        plan("LOSS_LIMIT", st=base(day_start_base="1000")), what="loss of the day"),
    row(16, "LOSS_LIMIT", "plan",
        plan("LOSS_LIMIT", st=base(peak_base=D("1250"))), plan("LOSS_LIMIT", st=base(peak_base=D("1250.01"))),
        plan("LOSS_LIMIT", standing=None), EQUITY_AGE, plan("LOSS_LIMIT", st=base(peak_base=D("NaN"))),
        plan("LOSS_LIMIT", st=base(peak_base=None)), what="drawdown"),
    row(17, "PRICE_AGE", "plan",
        plan("PRICE_AGE", quotes=quotes("10", ts_ns=NOW - AGE_MAX)),
        plan("PRICE_AGE", quotes=quotes("10", ts_ns=NOW - AGE_MAX - 1)),
        plan("PRICE_AGE", quotes={SELL: quote(SELL, "10")}), plan("PRICE_AGE", quotes=quotes("10", ts_ns=NOW + 1)),
        plan("PRICE_AGE", quotes=quotes("NaN")), plan("PRICE_AGE", quotes=BROKEN)),
    row(17, "MARKET_SANITY", "plan",
        plan("MARKET_SANITY", quotes=quotes("9.5", "10.5"), lim=SPREAD),
        plan("MARKET_SANITY", quotes=quotes("9.5", "10.51"), lim=SPREAD),
        plan("MARKET_SANITY", quotes={SELL: quote(SELL, "10")}), "the age of a quote is PRICE_AGE's",
        plan("MARKET_SANITY", quotes=quotes("0", "1")), plan("MARKET_SANITY", lim={"spread_max_fraction": "x"}), what="spread"),
    row(17, "MARKET_SANITY", "plan",
        plan("MARKET_SANITY", st={"earlier": refs("8")}, lim=JUMP), plan("MARKET_SANITY", st={"earlier": refs("7.99")}, lim=JUMP),
        plan("MARKET_SANITY", st={"earlier": {}}), plan("MARKET_SANITY", st={"earlier": refs("10", ts_ns=NOW - AGE_MAX - 1)}),
        plan("MARKET_SANITY", st={"earlier": refs("NaN")}), plan("MARKET_SANITY", st={"earlier": BROKEN}), what="jump"),
    row(18, "PROVENANCE", "plan",
        plan("PROVENANCE", grade=Grade.LEDGER_ONLY, lim={"provenance_min": Grade.LEDGER_ONLY}),
        plan("PROVENANCE", grade=Grade.LEDGER_ONLY), plan("PROVENANCE", grade=None, lim={"provenance_min": Grade.ABSENT}),
        "a grade is made when the manifest is read; how old that may be MANIFEST_BOUNDS judges",
        plan("PROVENANCE", grade=Grade.ABSENT), plan("PROVENANCE", grade="VERIFIED")),
    row(19, "REGIME_PARITY", "plan",
        plan("REGIME_PARITY", regime_name="TURBULENT", lim={"turbulent_gross_fraction": D("0.6")}),
        plan("REGIME_PARITY", regime_name="TURBULENT", lim={"turbulent_gross_fraction": D("0.599999")}),
        plan("REGIME_PARITY", regime_name=None), lambda: plan("REGIME_PARITY", **stale_regime_log())(),  # type: ignore[operator]
        plan("REGIME_PARITY", made=changed(made_plan(), equity_base=D("NaN")), sha256=HASH),
        plan("REGIME_PARITY", lim={"turbulent_gross_fraction": "1"})),
    row(20, "REDUCE_ONLY", "plan",
        plan("REDUCE_ONLY", made=held(quantity="1", position="1")), plan("REDUCE_ONLY", made=held(quantity="2", position="1")),
        plan("REDUCE_ONLY", standing=None, made=held(quantity="1", position="1")),
        "positions are counted fill by fill and have no age",
        plan("REDUCE_ONLY", made=held(quantity="1", position="NaN"), sha256=HASH),
        plan("REDUCE_ONLY", made=held(quantity="1", position="1"), st={"reducing_units": BROKEN})),
    row(20, "REDUCTIONS_ONLY", "plan",
        plan("REDUCTIONS_ONLY", made=lines(buy={"side": Side.SELL, "symbol": BUY, "held_quantity": D("40")}),
        reductions_only=True),
        plan("REDUCTIONS_ONLY", made=lines(buy={"side": Side.SELL, "held_quantity": D("39.999")}), reductions_only=True),
        plan("REDUCTIONS_ONLY", made=lines(buy={"side": Side.SELL, "held_quantity": D("0")}), reductions_only=True),
        "positions are counted fill by fill and have no age",
        plan("REDUCTIONS_ONLY", made=lines(buy={"side": Side.SELL, "held_quantity": D("NaN")}), sha256=HASH,
        reductions_only=True),
        "all it reads REDUCE_ONLY reads before it, and what breaks there denies and halts", what="a flatten"),
    row(21, "MANIFEST_BOUNDS", "plan",
        plan("MANIFEST_BOUNDS", lim={"gross_weight_max": D("0.6")}),
        plan("MANIFEST_BOUNDS", lim={"gross_weight_max": D("0.599999")}),
        plan("MANIFEST_BOUNDS", weights={}), plan("MANIFEST_BOUNDS", st={"generated_ns": NOW - AGE_MAX - 1}),
        plan("MANIFEST_BOUNDS", weights={BUY: D("NaN")}), plan("MANIFEST_BOUNDS", weights=BROKEN), what="gross"),
    row(21, "MANIFEST_BOUNDS", "plan",
        plan("MANIFEST_BOUNDS", weights={BUY: D("1")}, lim=WIDE), plan("MANIFEST_BOUNDS", weights={BUY: D("1.000001")}, lim=WIDE),
        plan("MANIFEST_BOUNDS", st={"generated_ns": None}), plan("MANIFEST_BOUNDS", st={"newest_generated_ns": NOW + 1}),
        plan("MANIFEST_BOUNDS", weights={BUY: D("0")}, lim={"gross_weight_min": D("0.1")}),
        plan("MANIFEST_BOUNDS", lim={"gross_weight_min": "0"}), what="one weight, age and sequence"),
    row(21, "MANIFEST_BOUNDS", "plan",
        plan("MANIFEST_BOUNDS", lim={"turnover_max": D("0.6")}), plan("MANIFEST_BOUNDS", lim={"turnover_max": D("0.599999")}),
        plan("MANIFEST_BOUNDS", made=kept_without_price()), "a turnover of one plan has no age",
        plan("MANIFEST_BOUNDS", made=changed(made_plan(), equity_base=D("0"))),
        plan("MANIFEST_BOUNDS", lim={"turnover_max": "2"}), what="turnover of the cycle"),
    row(21, "MANIFEST_BOUNDS", "plan",
        plan("MANIFEST_BOUNDS", st={"turnover_today_base": D("400")}, lim={"day_turnover_max": D("1")}),
        plan("MANIFEST_BOUNDS", st={"turnover_today_base": D("400.01")}, lim={"day_turnover_max": D("1")}),
        plan("MANIFEST_BOUNDS", st={"turnover_today_base": None}), THE_SAME_DAY,
        plan("MANIFEST_BOUNDS", st={"turnover_today_base": D("NaN")}),
        plan("MANIFEST_BOUNDS", st={"turnover_today_base": "0"}), what="turnover of the day"),
    row(21, "MANIFEST_BOUNDS", "plan",
        plan("MANIFEST_BOUNDS", lim={"hhi_max": D("0.2")}), plan("MANIFEST_BOUNDS", lim={"hhi_max": D("0.199999")}),
        plan("MANIFEST_BOUNDS", open_exposure=OPEN_NAN), "a concentration has no age",
        plan("MANIFEST_BOUNDS", made=changed(made_plan(), equity_base=D("Infinity")), sha256=HASH),
        plan("MANIFEST_BOUNDS", lim={"hhi_max": "1"}), what="concentration"),
)  # fmt: skip
