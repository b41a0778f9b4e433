"""A handoff under a promotion, with a real `sluice live` at the loopback exchange: what was shown is what is traded."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.run_config import load_config
from lakehouse.promotion_files import read_promotion_file
from lakehouse.verifier import verify
from sentinel.handoff_statement import open_handoff
from sentinel.person_signatures import PersonRules
from tests.gate.world import BTC, ETH
from tests.live.world import PULSE_S, Desk
from tests.promotion.handed import HELD, Handing, handing
from tests.promotion.test_handoff_statement import altered
from tests.promotion.world import sluice

D = Decimal
PRICES = {"BINANCE:BTCUSDT": D(100_000), "BINANCE:ETHUSDT": D(4_000)}
LOT = {"BINANCE:BTCUSDT": D("0.00001"), "BINANCE:ETHUSDT": D("0.0001")}
BEGINNINGS: dict[str, tuple[int, dict[str, str], dict[str, str]]] = {
    "1 %, both held over it": (0, HELD, {"BINANCE:BTCUSDT": "SELL", "BINANCE:ETHUSDT": "SELL"}),
    "5 %, one held over it and one under it": (
        1, {"USDT": "50000", "BTC": "0.49", "ETH": "0.1"}, {"BINANCE:BTCUSDT": "SELL", "BINANCE:ETHUSDT": "BUY"}),
}  # fmt: skip


def shown(transition: dict[str, Any]) -> dict[str, tuple[str, Decimal]]:
    rows = [row for row in transition["plan"]["lines"] if row["reason"] == "TRADE"]
    return {row["symbol"]: (row["side"], D(row["quantity"])) for row in rows}


def traded(desk: Desk) -> dict[str, tuple[str, Decimal]]:
    found: dict[str, tuple[str, Decimal]] = {}
    for line in desk.of("fill"):
        side, done = found.get(line["symbol"], (line["side"], D(0)))
        assert side == line["side"]
        found[line["symbol"]] = (side, done + D(line["quantity"]))
    return found


def carried_out(made: Handing) -> str:
    """A run that trades what it began with, and ends."""
    cycles = len(made.desk.of("cycle_end"))
    process = made.start()
    made.desk.until(lambda: len(made.desk.of("cycle_end")) > cycles, process)
    said = made.desk.end(process)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize(("step", "held", "sides"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_what_the_transition_showed_is_what_is_traded_at_the_bundle_s_part_of_equity(
    step: int, held: dict[str, str], sides: dict[str, str], tmp_path: Path
) -> None:
    with handing(tmp_path, step=step, held=held) as made:
        before = made.handed()["transition"]
        fraction = D(before["capital_fraction"])
        assert fraction == (D("0.01"), D("0.05"))[step]
        carried_out(made)
        done = traded(made.desk)
        assert {symbol: side for symbol, (side, _) in shown(before).items()} == sides
        assert {symbol: side for symbol, (side, _) in done.items()} == sides
        for symbol, (_, quantity) in shown(before).items():
            assert abs(done[symbol][1] - quantity) <= LOT[symbol]
        equity = D(before["plan"]["equity_base"])
        gross = sum(made.desk.held(name) * PRICES[name.symbol] for name in (BTC, ETH))
        assert D("0.39") * fraction * equity < gross <= fraction * equity
        assert made.booked().keys() == {"BTC", "ETH", "USDT"}
        assert made.made.automatic() == []
        named_by_its_transfers(made)
        assert not made.file.exists()
        assert verify(made.desk.world.layout.directory).ok
        a_second_start_books_nothing(made)


def named_by_its_transfers(made: Handing) -> None:
    """Whoever reads the record finds who said so: the statement is kept, and every transfer names it."""
    (sha256,) = {line["statement_sha256"] for line in made.desk.of("transfer")}
    live = load_config(made.desk.config).live
    assert live is not None
    data = read_promotion_file(made.made.promoting.layout, sha256)
    handoff, signers = open_handoff(data, rules=PersonRules(persons=live.persons))
    assert (signers, handoff.by, handoff.reason) == (("ann",), "ann", "the old desk's")
    assert all(line["transfer_id"].startswith(f"handoff-{sha256[:16]}-") for line in made.desk.of("transfer"))
    code, said = sluice("promote", "log", "--lakehouse", made.desk.world.lakehouse)
    assert code == 0
    words = "BINANCE: 3 amounts booked on the word of ann, signed by ann: the old desk's; statement"
    assert [f"handoff   {words} {sha256[:16]}" in line for line in said.splitlines() if "handoff" in line] == [True]


def a_second_start_books_nothing(made: Handing) -> None:
    """Nor is the same file of any use again, put back by whoever kept it."""
    code, said = made.handoff()
    assert (code, "HANDOFF_LATE" in said) == (3, True), said
    orders, booked = len(made.desk.venue.truth().orders), len(made.desk.of("transfer"))
    process = made.start("--for", "4")
    assert process.wait(timeout=60) == 0
    assert (len(made.desk.venue.truth().orders), len(made.desk.of("transfer"))) == (orders, booked)
    (sha256,) = {line["statement_sha256"] for line in made.desk.of("transfer")}
    made.file.write_bytes(read_promotion_file(made.made.promoting.layout, sha256))
    process = made.start()
    said = process.communicate(timeout=60)[0]
    assert (process.returncode, "HANDOFF_REFUSED" in said, "fills have moved the book" in said) == (3, True, True), said


def test_a_record_under_promotion_takes_no_handoff_that_does_not_hold_and_loses_no_capital_by_it(tmp_path: Path) -> None:
    with handing(tmp_path) as made:
        code, said = made.handoff(key=None)
        assert (code, "HANDOFF_UNSIGNED" in said) == (3, True), said
        code, said = made.handoff(key="eve")
        assert (code, "KEY_MISSING" in said) == (2, True), said
        code, said = made.handoff(key="ann", by="ann bob")
        assert (code, "HANDOFF_MALFORMED" in said) == (1, True), said
        assert not made.file.exists()
        made.handed()
        good = made.file.read_bytes()
        made.file.write_bytes(altered(good, lambda body: body["holdings"].update(BTC="0.2")))
        made.refused("HANDOFF_REFUSED", "SIGNATURE_BAD")
        made.file.write_bytes(good)
        made.desk.venue.deposit("BTC", "0.1")
        made.refused("HANDOFF_REFUSED", "BTC was 0.3 when ann handed it over, and is 0.4")
        made.desk.venue.withdraw("BTC", "0.1")
        made.close_market(True)
        time.sleep(2 * PULSE_S)
        made.desk.venue.set_book("BTCUSDT", bids=(), asks=())
        made.refused("HANDOFF_REFUSED", "no price now of BINANCE:BTCUSDT; is its market open?")
        made.close_market(False)
        made.made.promoting.moved("--step-up")
        made.refused("HANDOFF_REFUSED", "a promotion was recorded since")
        made.handed()
        made.made.promoting.moved("--step-down")
        made.refused("HANDOFF_REFUSED", "a promotion was recorded since")
        made.handed()
        sluice("promote", "current", "--pause", "--by", "ops", "--reason", "a look", "--lakehouse", made.desk.world.lakehouse)
        made.refused("PROMOTION_PAUSED")
        code, said = made.handoff()
        assert (code, "PROMOTION_PAUSED" in said) == (3, True), said
        sluice("promote", "current", "--to", "retired", "--by", "ops", "--reason", "no", "--lakehouse", made.desk.world.lakehouse)
        made.refused("STATE_NOT_LIVE")
        code, said = made.handoff()
        assert (code, "HANDOFF_SHADOW" in said) == (3, True), said
