"""A handoff at Interactive Brokers: shares and cash of a fake TWS' account, taken over by a canary's `sluice live`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from lakehouse.verifier import verify
from tests.live.ib_world import AAPL, XOM
from tests.promotion.handed import ib_handing
from tests.promotion.test_handoff_promoted import shown, traded

D = Decimal


def test_shares_are_taken_over_and_brought_to_the_bundle_s_part_as_the_transition_showed(tmp_path: Path) -> None:
    with ib_handing(tmp_path, step=1) as made:
        desk = made.desk
        cash = D(str(desk.venue.truth().state.cash["USD"]))
        before = made.handed()
        assert before["holdings"] == {AAPL.symbol: "200", XOM.symbol: "5", "USD": str(cash.normalize())}
        process = made.start()
        desk.until(lambda: bool(desk.of("cycle_end")), process)
        said = desk.end(process)
        assert process.returncode == 0, said
        booked = {line["currency"]: (line["amount"], line["symbol"]) for line in desk.of("transfer")}
        assert booked[AAPL.symbol] == ("200", AAPL.symbol)
        assert booked[XOM.symbol] == ("5", XOM.symbol)
        assert D(booked["USD"][0]) == cash - 100_000
        done = traded(desk)
        assert done == shown(before["transition"])
        assert {symbol: side for symbol, (side, _) in done.items()} == {AAPL.symbol: "SELL", XOM.symbol: "BUY"}
        gross = sum(desk.held(name) * D(name.price) for name in desk.names)
        assert D(1_500) < gross <= D("0.05") * D(before["transition"]["plan"]["equity_base"])
        assert (made.made.automatic(), made.file.exists()) == ([], False)
        assert verify(desk.world.layout.directory).ok
        second = made.start("--for", "4")
        assert second.wait(timeout=60) == 0
        assert len(desk.of("transfer")) == 3


def test_shares_whose_market_is_closed_are_not_booked_and_cost_no_step_of_capital(tmp_path: Path) -> None:
    with ib_handing(tmp_path) as made:
        made.handed()
        made.close_market(True)
        made.desk.venue.restart()
        process = made.start()
        said = " ".join(process.communicate(timeout=60)[0].split())
        assert (process.returncode, "no price now of NASDAQ:AAPL, NYSE:XOM; is its market open?" in said) == (3, True), said
        assert (made.desk.of("transfer", "run_start"), made.made.automatic()) == ([], [])
        made.close_market(False)
        process = made.start()
        made.desk.until(lambda: len(made.desk.of("transfer")) == 3, process)
        said = made.desk.end(process)
        assert process.returncode == 0, said


def test_shares_that_somebody_sold_after_it_was_signed_refuse_the_start(tmp_path: Path) -> None:
    with ib_handing(tmp_path) as made:
        made.handed()
        made.desk.venue.place("AAPL", "SELL", "1")
        process = made.start()
        said = " ".join(process.communicate(timeout=60)[0].split())
        assert (process.returncode, f"{AAPL.symbol} was 200 when ann handed it over, and is 199" in said) == (3, True), said
        assert made.desk.of("transfer", "run_start") == []
        made.desk.venue.place("AAPL", "SELL", "209")
        code, said = made.handoff()
        assert (code, "HANDOFF_ACCOUNT" in said, f"-10 {AAPL.symbol}" in said) == (3, True, True), said
