"""A killed run whose log and ledger are closed into segments before it is started again: the real shadow, over all of them."""

from __future__ import annotations

from lakehouse.opening import open_journal
from lakehouse.records import Alarm
from lakehouse.segments import closed_segments
from tests.crash.harness import World, cut_after, lines_of, run_to_end, sluice
from tests.restart.test_cut import number_of, of, restarted


def rotate(world: World) -> None:
    done = sluice("ledger", "rotate", "--lakehouse", str(world.lake))
    assert done.returncode == 0, done.stderr
    assert "closed" in done.stdout


def test_orders_under_way_are_found_in_closed_segments_and_none_is_sent_again(world: World) -> None:
    cut_after(world, number_of(world, "intent", cycle=1, nth=-1))
    rotate(world)
    cut_after_rotation = lines_of(world)
    new = restarted(world)
    assert len(of(new, "cancel", cause="never_sent", venue="US")) == 20
    assert of(new, "cycle")[0]["cause"] == "top_up"
    assert cut_after_rotation[-1]["type"] == "segment"
    rotate(world)
    run_to_end(world)
    kinds = [line["type"] for line in lines_of(world)[len(cut_after_rotation) + len(new) :]]
    assert set(kinds) <= {"segment", "run_start", "run_stop", "alarm", "equity"}
    assert sluice("verify", str(world.lake)).returncode == 0


def test_a_record_cut_within_a_closed_segment_is_what_it_was_then(world: World) -> None:
    number = number_of(world, "fill", cycle=1, nth=5)
    rotate(world)
    cut_after(world, number)
    assert not sorted(world.lake.glob("execution_logs.0*"))
    assert of(restarted(world), "cycle_end", cycle=1)[0]["outcome"] == "interrupted"


def test_a_start_closes_a_log_that_is_longer_than_the_config_says(world: World) -> None:
    world.configure("rotate_above_mb = 256", "rotate_above_mb = 1")
    run_to_end(world)
    assert closed_segments(world.layout.log) == ()
    journal = open_journal(world.layout, now_ns=1, run_id="long", durable=False)
    for _ in range(70):
        journal.append(Alarm(ts_ns=1, market_ns=1, run_id="long", code="A", message="b" * 20_000))
    journal.close()
    before = len(lines_of(world))
    run_to_end(world)
    assert len(closed_segments(world.layout.log)) == len(closed_segments(world.layout.ledger)) == 1
    first = lines_of(world)[before]
    assert (first["type"], first["lines"]) == ("segment", before)
    assert sluice("verify", str(world.lake)).returncode == 0
