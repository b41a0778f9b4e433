"""Alarms reach a command and a webhook, at the stated rate, and a dead receiver harms nobody."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alarms import NS, AlarmPolicy, Alarms, RateLimit

WAIT_S = 10.0


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it gets; answers with the status it was told."""

    got: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing on the screen of a test."""


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.got, Receiver.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alarms"
    server.shutdown()
    server.server_close()
    thread.join()


def alarms(**policy: Any) -> Alarms:
    return Alarms(AlarmPolicy(per_minute=10, timeout_s=5, **policy), environment="paper", clock_ns=lambda: 7)


def test_an_alarm_reaches_the_webhook_with_code_message_environment_and_time(receiver):
    made = alarms(webhook=receiver)
    made.raise_alarm("MANIFEST_STALE", "three days old")
    made.close(wait_s=WAIT_S)
    assert Receiver.got == [
        {"code": "MANIFEST_STALE", "message": "three days old", "environment": "paper", "ts_ns": "7", "held_back_before": 0}
    ]
    assert (made.delivered, made.failed, made.summary()) == (1, 0, "")


def test_an_alarm_reaches_the_command_as_one_line_of_json(tmp_path):
    out = tmp_path / "got.jsonl"
    command = (sys.executable, "-c", f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read())")
    made = alarms(command=command)
    made.raise_alarm("HALTED", "by ann")
    made.raise_alarm("HALTED", "again")
    made.close(wait_s=WAIT_S)
    assert [json.loads(line)["message"] for line in out.read_text().splitlines()] == ["by ann", "again"]


def test_beyond_the_rate_alarms_are_held_back_counted_and_announced(receiver):
    now = [0]
    policy = AlarmPolicy(webhook=receiver, per_minute=2, timeout_s=5)
    made = Alarms(policy, environment="paper", clock_ns=lambda: now[0])
    for number in range(5):
        made.raise_alarm("STREAM_STALE", str(number))
    now[0] = 60 * NS
    made.raise_alarm("STREAM_BACK", "5")
    made.close(wait_s=WAIT_S)
    assert [(alarm["message"], alarm["held_back_before"]) for alarm in Receiver.got] == [("0", 0), ("1", 0), ("5", 3)]
    assert "3 held back" in made.summary()


@pytest.mark.parametrize("status", [500, 404, 302], ids=["server error", "not found", "a redirect is not followed"])
def test_an_answer_other_than_success_is_a_failure_that_is_told(status, receiver):
    Receiver.status = status
    made = alarms(webhook=receiver)
    made.raise_alarm("HALTED", "x")
    made.close(wait_s=WAIT_S)
    assert (made.delivered, made.failed, len(Receiver.got)) == (0, 1, 1)
    assert str(status) in made.summary()


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ({"webhook": "http://127.0.0.1:9/"}, "refused"),
        ({"command": ("/nonexistent/alarm",)}, "No such file"),
        ({"command": (sys.executable, "-c", "import sys; sys.exit('out of paper')")}, "out of paper"),
    ],
    ids=["nobody listens", "no such command", "the command fails"],
)
def test_a_dead_receiver_is_counted_and_raises_nothing(policy, word):
    made = alarms(**policy)
    made.raise_alarm("HALTED", "x")
    made.close(wait_s=WAIT_S)
    assert made.failed == 1
    assert word in made.summary()


def test_a_receiver_that_hangs_does_not_keep_the_caller(tmp_path: Path):
    goes_on = tmp_path / "goes on"
    hangs = f"import os, time\nwhile not os.path.exists({str(goes_on)!r}): time.sleep(0.02)"
    policy = AlarmPolicy(per_minute=10, timeout_s=20, command=(sys.executable, "-c", hangs))
    made = Alarms(policy, environment="paper", clock_ns=lambda: 7)
    for number in range(5):
        made.raise_alarm("HALTED", str(number))
    made.close(wait_s=0.1)
    assert (made.delivered, made.failed) == (0, 0)  # who waited for the first would have seen it fail
    goes_on.touch()
    made.close(wait_s=5 * WAIT_S)
    assert (made.delivered, made.failed) == (5, 0)


@given(st.integers(1, 5), st.lists(st.integers(0, 120 * NS), max_size=40))
def test_no_window_of_a_minute_holds_more_than_the_rate(per_minute, instants):
    limit = RateLimit(per_minute)
    sent = [at for at in sorted(instants) if limit.allows(at)]
    assert all(sum(1 for other in sent if at <= other < at + 60 * NS) <= per_minute for at in sent)
