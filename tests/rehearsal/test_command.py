"""`sluice rehearse` as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest

from commands.main import run
from sim.rehearsal.signing import REHEARSAL_KEY
from tests.ccxt_public.world import LiveWorld
from tests.children import END_S, child
from tests.rehearsal.world import running
from venues.ccxt.egress import moved
from venues.ccxt.endpoint import parse_endpoint
from venues.ccxt.profiles import BINANCE

ROOT = Path(__file__).resolve().parents[2]
SLUICE = [sys.executable, "-c", "import sys; from commands.main import main; sys.argv[0] = 'sluice'; sys.exit(main())"]


def rehearse(*arguments: str) -> list[str]:
    return [*SLUICE, "rehearse", "--port", "0", *arguments]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(rehearse(*arguments), capture_output=True, text=True, cwd=ROOT, timeout=END_S, check=False)


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_it_says_how_to_point_a_run_at_it_and_at_its_end_what_it_saw():
    done = ran("--for", "1", "--fault", "hang")
    assert done.returncode == 0, done.stderr
    for words in (
        "endpoint = ",
        "--data ccxt:binance@http://127.0.0.1:",
        REHEARSAL_KEY.key,
        "hang: 0.1 of",
        "0 orders",
        "100000 free",
    ):
        assert words in done.stdout


def test_json_is_one_document_at_the_start_and_one_at_the_end():
    started, ended = documents(ran("--for", "1", "--json", "--balance", "btc=2").stdout)
    assert (started["event"], ended["event"]) == ("started", "ended")
    assert ended["truth"]["balances"] == {"main": {"BTC": {"free": "2", "locked": "0"}}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_ends_it_with_its_last_words(number):
    with child(rehearse("--json")) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        out, _ = process.communicate(timeout=END_S)
    assert (process.returncode, documents(out)[0]["event"]) == (0, "ended")


def test_a_shadow_trades_on_it_and_it_remembers_what_a_client_did(tmp_path):
    state = str(tmp_path / "state")

    async def buy(hello: dict[str, Any]) -> None:
        made = ccxt.pro.binance({"apiKey": hello["key"], "secret": hello["secret"], "options": dict(BINANCE.options)})
        made.urls = moved(made.urls, parse_endpoint(hello["endpoint"]))
        try:
            await made.create_order("BTC/USDT", "market", "buy", "0.01")
        finally:
            await made.close()

    with child(rehearse("--json", "--state", state)) as process:
        assert process.stdout is not None
        hello = json.loads(process.stdout.readline())
        LiveWorld(tmp_path).write(hello["endpoint"])
        shadow = [*SLUICE, "shadow", str(tmp_path / "made.toml"), "--for", "1"]
        done = subprocess.run(shadow, capture_output=True, text=True, cwd=ROOT, timeout=END_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        running(buy(hello))
        process.kill()
    again = documents(ran("--json", "--for", "1", "--state", state).stdout)[-1]
    assert [order["status"] for order in again["truth"]["orders"]] == ["FILLED"]
    assert again["truth"]["balances"]["main"]["BTC"]["free"] == "0.00999000"


def test_a_script_is_done_and_a_bad_step_of_one_ends_it_with_its_words(tmp_path):
    script = tmp_path / "steps"
    lines = [
        {"after_ms": 0, "do": "set_book", "symbol": "BTCUSDT", "bids": [["97000", "1"]], "asks": []},
        {
            "after_ms": 1,
            "do": "order",
            "account": "main",
            "parameters": {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"},
        },
    ]
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = ran("--json", "--for", "1", "--script", str(script), "--balance", "BTC=1")
    assert documents(done.stdout)[-1]["truth"]["balances"]["main"]["USDT"]["free"] == "9690.30000000"
    done = ran("--script", str(script))  # without bitcoin
    assert (done.returncode, "SCRIPT_ORDER_REFUSED" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


WRONG = {
    "a port that is none": (["--port", "70000"], 2, "a port from 0 to 65535"),
    "a balance without an amount": (["--balance", "USDT"], 2, "ASSET=AMOUNT"),
    "a negative balance": (["--balance", "USDT=-1"], 2, "ASSET=AMOUNT"),
    "a fee above one": (["--maker-fee", "2"], 2, "a fraction from 0 to 1"),
    "no speed": (["--speed", "0"], 2, "a number above 0"),
    "no time": (["--for", "0"], 2, "a whole number of seconds"),
    "an unknown fault": (["--port", "0", "--fault", "hiccup"], 1, "truncated"),
    "a script that is not there": (["--port", "0", "--script", "none.jsonl"], 1, "none.jsonl"),
    "a recording that is not there": (["--port", "0", "--for", "1", "--recorded", "none.csv"], 1, "none.csv"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_it_cannot_do_is_said_in_one_breath(case, capsys):
    arguments, code, words = case
    assert run(["rehearse", *arguments]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert "INTERNAL" not in said.err
