"""A twin beside a live run at the rehearsal exchange: what it follows, what it touches, and what it tells of it."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

from tests.children import child, kill
from tests.live.invariants import at_rest, whole
from tests.live.world import ROOT
from tests.twin.made import Beside, beside


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
