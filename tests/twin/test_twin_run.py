"""A twin beside a live run at the rehearsal exchange: what it follows, what it compares, and what it can never do."""

from __future__ import annotations

import os
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.verifier import verify
from tests.children import child, kill
from tests.live.invariants import at_rest, whole
from tests.live.world import ROOT, dice_of
from tests.twin.made import NS, Beside, beside


def test_it_follows_cycle_after_cycle_and_sends_nothing(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        for number, weight in enumerate(("0.3", "0.1"), 2):
            made.desk.weigh(weight)
            made.desk.until(lambda number=number: len(made.desk.of("cycle_end")) == number, live)  # type: ignore[misc]
            made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        said = made.desk.end(twin)
        assert twin.returncode == 0, said
        told = made.told()
        assert len(told) == 4
        assert all(line["compared"] and not line["missing"] for line in told.values()), told
        assert all(abs(Decimal(line["price_bps"])) < 1 for line in told.values())
        for line in told.values():
            raw = line["live_first_fill_ns"] - line["twin_first_fill_ns"]
            assert Decimal(line["first_fill_ms"]) == (raw + Decimal(line["late_ms"]) * 1_000_000) / 1_000_000
        assert all(Decimal(line["notional_base"]) > 9_000 for line in told.values())
        orders = {line["client_order_id"]: line for line in made.desk.of("intent")}
        for line in made.of("intent"):
            same = orders[line["client_order_id"]]
            assert all(line[name] == same[name] for name in ("side", "quantity", "order_kind", "limit_price", "time_in_force"))
        made.whole()
        made.desk.end(live)
        assert [made.desk.venue.posts(order_id) for order_id in told] == [1] * 4, "the exchange has each of them once"
        whole(made.desk)


def test_it_needs_no_key_asks_for_nothing_signed_and_touches_nothing_of_the_live_directory(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start("--for", "6")
        live.communicate(timeout=60)
        made.desk.end_watchdog()
        before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in _files(made.desk.world.lakehouse)}
        counts = made.desk.venue.counts()
        opened = tmp_path / "opened.txt"
        twin = made.start("--for", "4", hook=AUDIT.format(path=str(opened)))
        said = twin.communicate(timeout=60)[0]
        assert twin.returncode == 0, said
        asked = made.desk.venue.counts() - counts
        signed = ("order", "account", "userData", "myTrades", "session", "openOrders", "deposit", "withdraw", "capital")
        assert asked["SUBSCRIBE"], asked
        assert [name for name in asked if any(word in name for word in signed)] == [], asked
        after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in _files(made.desk.world.lakehouse)}
        assert after == before
        words = opened.read_text()
        assert str(made.directory / "execution_logs.jsonl") in words, "the hook hears"
        assert str(made.desk.keys) not in words, "no key of the venue was opened"
        assert "PRIVATE False" in words, "what could submit is not even loaded"


AUDIT = """
import atexit, os, sys
heard = open({path!r}, "w")
def hear(event, given):
    if event == "open" and not heard.closed:
        heard.write(str(given[0]) + "\\n")
sys.addaudithook(hear)
private = ("venues.ccxt.private_api", "venues.ccxt.execution_client", "venues.ccxt.sender", "live")
@atexit.register
def told():
    loaded = [name for name in sys.modules if name in private or name.startswith("live.")]
    heard.write(f"PRIVATE {{bool(loaded)}} {{loaded}}\\n")
    heard.close()
"""


def _files(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]


def test_it_follows_a_live_run_that_is_killed_rotated_and_started_again(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        kill(live)
        rotation = made.desk.command("ledger", "rotate")
        assert "execution_logs.000001.jsonl" in rotation.communicate(timeout=60)[0]
        made.desk.weigh("0.3")
        live = made.desk.start()
        made.desk.until(lambda: len(made.desk.of("cycle_end")) == 1, live)  # of the new segment
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        made.desk.end(live)
        said = made.desk.end(twin)
        assert "the live run was started again" in said
        assert "2 orders compared" in said
        told = made.told()
        assert len(told) == 2
        assert all(line["compared"] for line in told.values()), told
        assert {line["live_run_id"] for line in told.values()} == {made.desk.of("run_start")[-1]["run_id"]}
        made.whole()


def test_a_twin_that_is_killed_goes_on_and_tells_nothing_twice(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        made.desk.weigh("0.3")
        made.desk.until(lambda: len(made.told()) == 2, twin)
        kill(twin)
        first = made.told()
        made.desk.weigh("0.1")
        made.desk.until(lambda: len(made.desk.of("cycle_end")) == 3, live)
        twin = made.start()
        made.desk.until(lambda: len(made.told()) == 4, twin)
        assert {key: line for key, line in made.told().items() if key in first} == first
        away = [line for key, line in made.told().items() if key not in first]
        assert [(line["compared"], line["code"]) for line in away] == [(False, "TWIN_AWAY")] * 2
        made.desk.weigh("0.2")
        made.desk.until(lambda: len(made.told()) == 6, twin)
        assert all(line["compared"] for key, line in made.told().items() if line["seq"] > away[-1]["seq"])
        made.desk.end(twin)
        made.desk.end(live)
        book = verify(made.directory).positions
        again = made.start("--for", "2")
        said = again.communicate(timeout=60)[0]
        assert again.returncode == 0, said
        assert len(made.told()) == 6
        assert verify(made.directory).positions == book
        made.whole()


def test_a_live_run_that_goes_on_under_another_bundle_is_followed_no_further(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        kill(live)
        made.desk.change("price_age_max_ms = 60000", "price_age_max_ms = 50000")
        live = made.desk.start()
        said = twin.communicate(timeout=90)[0]
        assert twin.returncode == 3, said
        assert said.count("BUNDLE_DIFFERS") == 1
        assert made.of("run_stop")[-1]["cause"] == "bundle_differs"
        made.desk.end(live)
        made.whole()


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


@pytest.mark.slow
def test_a_twin_killed_again_and_again_tells_every_order_once(tmp_path: Path) -> None:
    dice = dice_of("a twin killed again and again")
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        for number in range(1, 6):
            made.desk.weigh(f"0.{number}")
            wanted = len(made.lines) + dice.randint(1, 14)
            made.desk.until(lambda wanted=wanted: len(made.lines) >= wanted, twin)  # type: ignore[misc]
            kill(twin)
            assert verify(made.directory).ok
            made.told()
            twin = made.start()
            made.follows(twin)
        made.desk.until(lambda: at_rest(made.desk), live)
        made.desk.until(lambda: set(made.told()) == made.sent(), twin)
        made.desk.end(twin)
        made.desk.end(live)
        assert {line["code"] for line in made.told().values()} <= {"", "TWIN_AWAY"}
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


def test_status_and_report_tell_of_it(tmp_path: Path) -> None:
    with beside(tmp_path) as made:
        live = made.desk.start()
        made.desk.until(lambda: at_rest(made.desk), live)
        twin = made.start()
        made.follows(twin)
        made.desk.weigh("0.3")
        made.desk.until(lambda: len(made.told()) == 2, twin)
        status = made.desk.children.enter_context(_command(made, "status"))
        shown = status.communicate(timeout=60)[0]
        assert f"twin     of {made.desk.world.lakehouse}" in shown, shown
        assert "2 orders compared" in shown
        made.desk.end(twin)
        made.desk.end(live)
        html = tmp_path / "page.html"
        report = made.desk.children.enter_context(_command(made, "report", "--html", str(html)))
        said = report.communicate(timeout=60)[0]
        assert report.returncode == 0, said
        assert "Against its twin, over 2 orders, live paid" in " ".join(said.split())
        assert "Does the twin say the same?" in html.read_text()


def _command(made: Beside, *words: str):
    command = [sys.executable, "-m", "commands.main", *words, "--lakehouse", str(made.directory)]
    return child(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
