"""What a careless or hostile neighbour may leave in a lakehouse, given to the real command line."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from lakehouse.permission import read_halt
from tests.children import FULL
from tests.crash.harness import (
    FIRST_MANIFEST,
    World,
    check,
    check_end,
    copied,
    line_count,
    lines_of,
    make_world,
    run_to_end,
    sluice,
    turned,
)
from tests.cut_records import cut_checkpoints

FLIPS = len(FIRST_MANIFEST.read_bytes()) if FULL else 10


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("finished"), end=date(2022, 4, 4))
    run_to_end(world)
    check_end(world)
    return world


@pytest.fixture
def ended(finished: World, tmp_path: Path) -> World:
    """A finished record."""
    return copied(finished, tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A lakehouse that nobody has run in, its manifest not replayed but watched."""
    world = make_world(tmp_path, end=date(2022, 4, 1))
    world.configure(f'manifests = "{world.manifests}"', "")
    world.lake.mkdir()
    return world


def a_directory(path: Path) -> None:
    path.mkdir()


def a_link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.json"
    outside.write_text(turned(date(2022, 3, 31), turn=0))
    path.symlink_to(outside)


def hundred_megabytes(path: Path) -> None:
    path.write_bytes(b"[" * 100_000_000)


def deep_brackets(path: Path) -> None:
    path.write_bytes(b"[" * 900_000)


@pytest.mark.parametrize(
    ("put", "code"),
    [
        (a_directory, "MANIFEST_NOT_A_FILE"),
        (a_link_out, "MANIFEST_ESCAPES"),
        (hundred_megabytes, "MANIFEST_TOO_LARGE"),
        pytest.param(deep_brackets, "MANIFEST_TOO_DEEP", marks=pytest.mark.slow),
    ],
    ids=["a directory", "a link out of the lakehouse", "100 MB of [", "deep nesting"],
)
def test_bad_manifest_is_refused_by_name_and_nothing_is_traded(put: Callable[[Path], None], code: str, fresh: World) -> None:
    put(fresh.lake / "portfolio_optimized_v3.json")
    done = sluice("shadow", str(fresh.config))
    assert done.returncode == 3, done
    assert done.stdout.count(code) == 1
    assert not done.stderr
    assert {line["type"] for line in lines_of(fresh)} == {"run_start", "manifest", "alarm", "run_stop"}
    check_end(fresh)


def test_manifest_with_a_flipped_byte_is_planned_refused_or_held_and_never_breaks_the_plan(ended: World) -> None:
    raw = FIRST_MANIFEST.read_bytes()
    places = range(len(raw)) if FULL else random.Random(7).sample(range(len(raw)), FLIPS)
    before = ended.layout.log.read_bytes()
    target = ended.lake / "portfolio_optimized_v3.json"
    for place in places:
        target.write_bytes(raw[:place] + bytes([raw[place] ^ 0x20]) + raw[place + 1 :])
        done = sluice("plan", "--config", str(ended.config), "--json")
        decision = json.loads(done.stdout)["decision"]
        assert done.returncode == {"PLAN": 0, "HOLD": 0, "REFUSED": 3}[decision], (place, done)
        assert "Traceback" not in done.stderr
    assert ended.layout.log.read_bytes() == before


def test_config_with_typos_says_all_of_them_and_touches_nothing(fresh: World) -> None:
    for old, new in (
        ("max_leverage =", "max_levarage ="),
        ("base_currency", "base_curency"),
        ('hhi_max = "0.2"', "hhi_max = 0.2"),
    ):
        fresh.configure(old, new)
    done = sluice("shadow", str(fresh.config))
    assert done.returncode == 2
    assert "3 problems" in done.stderr
    assert len(done.stderr.splitlines()) == 4
    assert not list(fresh.lake.iterdir())


def test_zero_steps_in_the_limits_are_refused_and_touch_nothing(fresh: World) -> None:
    source = Path(next(line.split('"')[1] for line in fresh.config.read_text().splitlines() if line.startswith("market_limits")))
    document = json.loads(source.read_text())
    for row in document["limits"]:
        row["step_size"] = "0"
    made = fresh.lake.parent / "limits.json"
    made.write_text(json.dumps(document))
    fresh.configure(str(source), str(made))
    done = sluice("shadow", str(fresh.config))
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1
    assert not list(fresh.lake.iterdir())


def refuses(world: World, code: str) -> None:
    """A start and `verify` both say `code` in words, exit 1, and change nothing."""
    files = (world.layout.log, world.layout.ledger, world.layout.checkpoints, world.layout.state)
    before = [file.read_bytes() for file in files]
    done = sluice("shadow", str(world.config))
    assert done.returncode == 1, done
    assert code in done.stderr
    assert len(done.stderr.splitlines()) == 1
    told = sluice("verify", str(world.lake))
    assert told.returncode == 1
    assert code in told.stdout + told.stderr
    assert [file.read_bytes() for file in files] == before


def test_bad_line_in_the_middle_of_the_log_refuses_the_start(ended: World) -> None:
    lines = ended.layout.log.read_bytes().splitlines(keepends=True)
    lines[39] = b'{"type":"fi\n'
    ended.layout.log.write_bytes(b"".join(lines))
    refuses(ended, "LOG_LINE")


def test_shortened_ledger_behind_a_run_that_ended_well_refuses_the_start(ended: World) -> None:
    ended.layout.ledger.write_bytes(b"".join(ended.layout.ledger.read_bytes().splitlines(keepends=True)[:5]))
    refuses(ended, "LEDGER_CUT")
    cut_checkpoints(ended.layout)
    refuses(ended, "LEDGER_SHORT")


def test_state_file_of_garbage_refuses_the_start_and_is_not_touched(ended: World) -> None:
    ended.layout.state.write_bytes(b"garbage{")
    ended.configure("end = 2022-04-04", "end = 2022-04-12")
    refuses(ended, "STATE_UNREADABLE")


def test_state_file_of_garbage_refuses_the_first_start_before_anything_is_written(fresh: World) -> None:
    fresh.layout.state.write_bytes(b"garbage{")
    done = sluice("shadow", str(fresh.config))
    assert done.returncode == 1
    assert "STATE_UNREADABLE" in done.stderr
    assert not fresh.layout.log.exists()
    assert fresh.layout.state.read_bytes() == b"garbage{"


def test_halt_before_the_first_run_is_kept_and_the_manifest_is_traded_after_resume(fresh: World) -> None:
    (fresh.lake / "portfolio_optimized_v3.json").write_text(turned(date(2022, 3, 31), turn=0))
    assert sluice("halt", "--lakehouse", str(fresh.lake), "--by", "me", "--reason", "not yet").returncode == 0
    text = run_to_end(fresh)
    assert "not yet" in text
    assert not [line for line in lines_of(fresh) if line["type"] in {"intent", "send"}]
    check_end(fresh)
    assert sluice("resume", "--lakehouse", str(fresh.lake), "--by", "me", "--reason", "now").returncode == 0
    fresh.configure("end = 2022-04-01", "end = 2022-04-08")
    run_to_end(fresh)
    assert len([line for line in lines_of(fresh) if line["type"] == "fill"]) == 20
    check_end(fresh)


@pytest.mark.slow
def test_halt_note_without_permission_file_is_a_halt(fresh: World) -> None:
    (fresh.lake / "portfolio_optimized_v3.json").write_text(turned(date(2022, 3, 31), turn=0))
    fresh.layout.halt_note.write_text('{"by":"x","reason":"left behind","ts_ns":1}')
    assert "left behind" in run_to_end(fresh)
    assert not [line for line in lines_of(fresh) if line["type"] == "send"]
    assert read_halt(fresh.layout) is not None


@pytest.mark.slow
def test_lock_files_of_a_dead_process_do_not_stand_in_the_way(ended: World) -> None:
    ended.layout.lock.touch()
    ended.layout.lock_holder.write_text(json.dumps({"pid": os.getpid(), "run_id": "of a dead process"}))
    count = line_count(ended)
    run_to_end(ended)
    assert line_count(ended) == count
    check(ended)


def test_replay_without_prices_is_a_config_error(fresh: World) -> None:
    fresh.configure("start = 2022-03-31", "start = 2030-01-01")
    fresh.configure("end = 2022-04-01", "end = 2030-01-02")
    done = sluice("shadow", str(fresh.config))
    assert done.returncode == 2
    assert "NOTHING_TO_REPLAY" in done.stderr
