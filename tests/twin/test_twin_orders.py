"""What became of single orders on both sides of a live run and its twin, and why some are not compared."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.children import kill
from tests.live.invariants import at_rest
from tests.twin.made import NS, beside


def test_a_twin_that_was_held_up_says_that_it_was_late_and_the_live_run_waits_for_nobody(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        twin.send_signal(signal.SIGSTOP)
        made.desk.weigh("0.3")
        made.desk.until(lambda: len(made.desk.of("cycle_end")) == 2, live)
        sent = made.desk.of("send")[-1]["ts_ns"]
        made.desk.until(lambda: time.time_ns() > sent + 3 * NS, live)
        twin.send_signal(signal.SIGCONT)
        made.desk.until(lambda: len(made.told()) == 2, twin)
        assert {line["code"] for line in made.told().values()} == {"TWIN_LATE"}
        assert all(line["twin_outcome"] == "none" for line in made.told().values())
        assert not made.of("intent"), "nothing is simulated in a market that is another one by now"
        made.desk.end(twin)
        made.desk.end(live)
        made.whole()


@pytest.mark.parametrize(("when", "code"), [("after", ""), ("before", "LIVE_LOST")], ids=["it was there", "it never was"])
def test_an_order_that_nobody_knew_of_for_a_while_is_compared_where_it_was_there(when: str, code: str, tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        made.desk.venue.fault("POST order", "unknown", when=when)
        made.desk.weigh("0.3")
        made.desk.until(lambda: bool(made.desk.of("unknown")), live)
        lost = made.desk.of("unknown")[0]["client_order_id"]
        made.desk.until(lambda: lost in made.told(), twin)
        line = made.told()[lost]
        assert line["live_unknown"]
        assert (line["compared"], line["code"]) == (not code, code)
        if not code:
            assert Decimal(line["first_fill_ms"]) < 5_000
        made.desk.end(twin)
        made.desk.end(live)
        made.whole()


def test_a_partial_fill_and_a_cancel_are_told_in_fill_ratio_and_the_price_is_missing(tmp_path: Path) -> None:
    with beside(tmp_path, resting=True) as made:
        live, twin = made.both_without_orders()
        made.desk.weigh("0.2")
        made.desk.until(lambda: len(made.desk.working()) == 2 and len(made.of("ack")) == 2, live)
        made.desk.venue.trade_at("BTCUSDT", "100000", "0.05", buyer_is_maker=True)
        made.desk.until(lambda: bool(made.desk.of("fill")), live)
        code, said = made.desk.halt()
        assert code == 0, said
        made.desk.until(lambda: len(made.told()) == 2, twin)
        told = {line["symbol"]: line for line in made.told().values()}
        bitcoin, ether = told["BINANCE:BTCUSDT"], told["BINANCE:ETHUSDT"]
        assert Decimal(0) < Decimal(bitcoin["live_fill_ratio"]) < 1
        assert bitcoin["compared"]
        assert (bitcoin["twin_fill_ratio"], bitcoin["missing"], bitcoin["price_bps"]) == ("0", ["NO_TWIN_FILL"], None)
        assert Decimal(bitcoin["fill_ratio"]) == Decimal(bitcoin["live_fill_ratio"])
        assert (ether["fill_ratio"], ether["missing"]) == ("0", ["NO_LIVE_FILL", "NO_TWIN_FILL"])
        assert (
            {line["live_outcome"] for line in told.values()} == {line["twin_outcome"] for line in told.values()} == {"cancelled"}
        )
        parents = {line["client_order_id"] for line in made.desk.of("intent") if line["child"] == 0}
        assert {line["parent_client_order_id"] for line in told.values()} == parents, "children of a schedule name their parent"
        made.desk.end(live)
        made.desk.end(twin)
        made.whole()


def test_on_stale_quotes_it_says_so_and_compares_nothing(tmp_path: Path) -> None:
    with beside(tmp_path, resting=True) as made:
        made.desk.change("price_age_max_ms = 60000", "price_age_max_ms = 1500")
        live, twin = made.both_without_orders()
        made.desk.weigh("0.2")
        made.desk.until(lambda: len(made.desk.working()) == 2 and len(made.of("ack")) == 2, live)
        made.desk.venue.silence("bookTicker")
        made.desk.until(lambda: any(line["code"] == "QUOTES_STALE" for line in made.of("alarm")), twin)
        made.desk.venue.sound()
        code, said = made.desk.halt()
        assert code == 0, said
        made.desk.until(lambda: len(made.told()) == 2, twin)
        assert [(line["compared"], line["code"]) for line in made.told().values()] == [(False, "QUOTES_STALE")] * 2
        assert all("limit 1,500 ms" in line["message"] for line in made.told().values())
        kill(live)
        made.desk.end(twin)
        made.whole()


def test_garbage_in_the_live_log_ends_it_with_one_error_and_a_whole_record(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        kill(live)
        with made.desk.world.layout.log.open("ab") as log:
            log.write(b"garbage\n")
        said = twin.communicate(timeout=60)[0]
        assert twin.returncode == 1, said
        assert said.count("LOG_LINE") == 2, said  # the alarm, and the error the command ends with
        assert "Traceback" not in said
        assert [line["code"] for line in made.of("alarm") if "STREAM" not in line["code"]] == ["LIVE_LOG_UNREADABLE"]
        assert made.of("run_stop")[-1]["cause"] == "log_line"
        assert verify(made.directory).ok
