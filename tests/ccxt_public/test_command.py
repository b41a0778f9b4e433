"""`sluice shadow --data ccxt:binance`: the option, the config section, and what importing costs the other commands."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.ccxt_source import STALE_MS, with_live_data
from engine.run_config import load_config
from orders.errors import ConfigError, InputError
from sim.rehearsal.binance_public import BinancePublic
from sim.rehearsal.feeds import random_walk
from sim.rehearsal.script import act, read_script
from tests.ccxt_public.world import LiveWorld, Market
from tests.children import END_S, child
from tests.config_refused import change, problems
from tests.gate.world import ROOT

RUN = "import sys; from commands.main import main; sys.argv[0] = 'sluice'; sys.exit(main())"


def started(*arguments: str) -> list[str]:
    return [sys.executable, "-c", RUN, *arguments]


async def said_by(process: subprocess.Popen[str]) -> str:
    """What a process prints until it ends, while this loop goes on serving it."""
    out, _ = await asyncio.to_thread(process.communicate, timeout=END_S)
    return out


def test_the_command_trades_the_live_market_for_some_seconds_and_ends(tmp_path):
    async def whole() -> tuple[int, str]:
        market = await Market.open()
        LiveWorld(tmp_path).write(market.endpoint)
        config = str(tmp_path / "made.toml")
        command = started("shadow", config, "--data", f"ccxt:binance@{market.endpoint}", "--for", "1")
        try:
            with child(command, cwd=ROOT) as process:
                out = await said_by(process)
        finally:
            await market.close()
        return process.returncode, out

    code, out = asyncio.run(whole())
    assert code == 0, out
    assert "which stands in for the venue" in out
    assert "quotes" in out


def test_an_interrupt_ends_a_live_run_as_any_other(tmp_path):
    async def whole() -> tuple[int, str]:
        market = await Market.open()
        live = LiveWorld(tmp_path).write(market.endpoint)
        try:
            with child(started("shadow", str(tmp_path / "made.toml")), cwd=ROOT) as process:
                async with asyncio.timeout(END_S):
                    while market.server.subscribed("bookTicker") < 2:
                        await asyncio.sleep(0.05)
                process.send_signal(signal.SIGINT)
                out = await said_by(process)
        finally:
            await market.close()
        assert live.world.lines()[-1]["type"] == "run_stop"
        return process.returncode, out

    code, out = asyncio.run(whole())
    assert code == 0, out


def test_a_venue_that_does_not_answer_stops_the_start_within_seconds(tmp_path):
    LiveWorld(tmp_path).write("http://127.0.0.1:9")
    done = subprocess.run(started("shadow", str(tmp_path / "made.toml")), capture_output=True, text=True, cwd=ROOT, timeout=END_S)
    assert done.returncode == 1
    assert "VENUE_UNREACHABLE" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ccxt:kraken", "NO_PROFILE"),
        ("ccxt:binance@http://10.0.0.1:1", "ENDPOINT_NOT_LOOPBACK"),
        ("ccxt:", "ccxt:EXCHANGE"),
        ("binance", "ccxt:EXCHANGE"),
        ("ccxt:BINANCE", "a ccxt exchange id"),
        ("ccxt:binance@", "an address such as"),
        ("", "ccxt:EXCHANGE"),
    ],
    ids=[
        "a venue without profile",
        "an endpoint elsewhere",
        "no exchange",
        "no kind",
        "capitals",
        "an empty endpoint",
        "nothing",
    ],
)
def test_a_bad_option_says_what_it_should_be(tmp_path, text, words):
    LiveWorld(tmp_path).write(None)
    with pytest.raises(ConfigError, match="DATA_OPTION") as caught:
        with_live_data(load_config(tmp_path / "made.toml"), text)
    assert words in str(caught.value)


def test_the_option_replaces_data_and_nothing_else(monkeypatch):
    monkeypatch.chdir(ROOT)
    before = load_config(Path("data/configs/crypto.toml"))
    after = with_live_data(before, "ccxt:binance@http://127.0.0.1:18080")
    assert (after.data.kind, after.data.exchange, after.data.stale_ms) == ("ccxt", "binance", STALE_MS)
    assert (after.sha256, after.path, after.sentinel) == (before.sha256, before.path, before.sentinel)


def test_the_shipped_live_config_has_no_problems(monkeypatch):
    monkeypatch.chdir(ROOT)
    data = load_config(Path("data/configs/crypto_live.toml")).data
    assert (data.kind, data.exchange, data.endpoint) == ("ccxt", "binance", None)


def test_live_prices_of_one_venue_do_not_serve_another(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match="serves BINANCE alone"):
        with_live_data(load_config(Path("data/configs/shadow.toml")), "ccxt:binance")


LIVE = '[data]\nkind = "ccxt"\nexchange = "binance"\nstale_ms = 500\n'


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('exchange = "binance"\n', "", "data.exchange", "is missing"),
        ("stale_ms = 500\n", "", "data.stale_ms", "is missing"),
        ("stale_ms = 500", "stale_ms = 5", "data.stale_ms", "whole number"),
        ('exchange = "binance"', 'exchange = "kraken"', "data.exchange", "NO_PROFILE"),
        ("stale_ms = 500", 'stale_ms = 500\nendpoint = "http://8.8.8.8:80"', "data.endpoint", "ENDPOINT_NOT_LOOPBACK"),
        ("stale_ms = 500", "stale_ms = 500\nmarket_speed = 2", "data", "belong to a replay"),
        ("stale_ms = 500", 'stale_ms = 500\npath = "x"', "data", "belong to a replay"),
        ("stale_ms = 500", "stale_ms = 500\nspeeed = 2", "data.speeed", "unknown key"),
    ],
    ids=[
        "no exchange",
        "no stale_ms",
        "an impatient watchdog",
        "no profile",
        "an endpoint elsewhere",
        "a speed",
        "a file",
        "unknown",
    ],
)
def test_a_bad_live_section_is_named_with_its_key(tmp_path, old, new, key, words):
    LiveWorld(tmp_path).write(None)
    path = tmp_path / "made.toml"
    change(path, LIVE, LIVE.replace(old, new))
    found = problems(path)
    assert any(problem.key == key and words in problem.message for problem in found), found


@pytest.mark.parametrize("name", ["exchange", "stale_ms", "endpoint"])
def test_keys_of_live_data_are_refused_in_a_replay(tmp_path, name, monkeypatch):
    monkeypatch.chdir(ROOT)
    value = {"exchange": '"binance"', "stale_ms": "500", "endpoint": '"http://127.0.0.1:1"'}[name]
    text = (ROOT / "data/configs/crypto.toml").read_text().replace("[data]\n", f"[data]\n{name} = {value}\n")
    path = tmp_path / "x.toml"
    path.write_text(text)
    found = problems(path)
    assert any(problem.key == f"data.{name}" and "belongs to kind ccxt" in problem.message for problem in found), found


@pytest.mark.parametrize(
    "arguments", [("--help",), ("config", "check", "data/configs/crypto.toml"), ("shadow", "--help")], ids=" ".join
)
def test_commands_that_need_no_venue_import_no_client(arguments):
    code = (
        "import sys; sys.argv = ['sluice', *sys.argv[1:]]\nfrom commands.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'ccxt', 'aiohttp', 'nautilus_trader', 'pandas'} & {name.partition('.')[0] for name in sys.modules}\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_made_market_is_the_same_for_the_same_seed():
    one, two, other = random_walk(1), random_walk(1), random_walk(2)
    assert [next(one) for _ in range(50)] == [next(two) for _ in range(50)] != [next(other) for _ in range(50)]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"do": "quote"}', '{"after_ms": 1.5, "do": "drop"}'],
    ids=["no JSON", "no object", "no instant", "half a millisecond"],
)
def test_a_bad_script_is_refused_with_its_line(tmp_path, line):
    path = tmp_path / "script"
    path.write_text('{"after_ms": 1, "do": "drop"}\n' + line + "\n")
    with pytest.raises(InputError, match="SCRIPT_MALFORMED") as caught:
        read_script(path)
    assert "line 2" in str(caught.value)


@pytest.mark.parametrize("step", [{"do": "dance"}, {"do": "quote", "symbol": "X", "bid": "1", "ask": "2"}, {}], ids=str)
def test_a_step_nobody_knows_is_refused(step):
    with pytest.raises(InputError, match="SCRIPT_MALFORMED"):
        act(BinancePublic(), step)
