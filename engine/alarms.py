"""Alarms leave the process: each one goes to a command, a webhook, or both, never faster than a stated rate.

A worker thread does the sending, so that a slow or dead receiver costs the loop nothing; what could not be delivered is
counted and told at the end. An alarm is in the log before it is handed over here: this is its copy, not its record.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, override

from orders.values import Record

QUEUE_MAX: Final = 1_000  # alarms that wait; beyond them the newest are dropped and counted
DETAIL_MAX: Final = 200  # characters of a receiver's error that are kept
NS: Final = 1_000_000_000


class AlarmPolicy(Record, frozen=True, kw_only=True):
    """Where alarms go. `command`: a program and its arguments, the alarm as one JSON line on its standard input.

    `webhook`: an http(s) URL that gets the same JSON by POST; redirects are refused. `per_minute` >= 1: at most so many leave in
    any 60 s, the rest are counted and announced with the next one. `timeout_s`: for one delivery.
    """

    command: tuple[str, ...] = ()
    webhook: str | None = None
    per_minute: int
    timeout_s: int


class RateLimit:
    """At most `per_minute` in any 60 s of the clock it is asked on."""

    def __init__(self, per_minute: int) -> None:
        assert per_minute >= 1
        self._most = per_minute
        self._sent: list[int] = []

    def allows(self, now_ns: int) -> bool:
        """Whether one more may leave at `now_ns`; if so it counts. The 60 s are half open: one a minute old has left."""
        self._sent = [at for at in self._sent if now_ns - at < 60 * NS]
        if len(self._sent) >= self._most:
            return False
        self._sent.append(now_ns)
        return True


class Alarms:
    """`raise_alarm` never blocks and never raises; `close` waits for what is under way. `clock_ns()` is real time."""

    def __init__(self, policy: AlarmPolicy, *, environment: str, clock_ns: Callable[[], int]) -> None:
        self.delivered = 0
        self.failed = 0
        self.held_back = 0
        self.last_failure = ""
        self._policy = policy
        self._environment = environment
        self._clock_ns = clock_ns
        self._limit = RateLimit(policy.per_minute)
        self._unsaid = 0  # held back since the last one that left
        self._waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=QUEUE_MAX)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._worker = threading.Thread(target=self._work, name="sluice-alarms", daemon=True)
        self._worker.start()

    def raise_alarm(self, code: str, message: str) -> None:
        """Hand an alarm over for delivery, or count it as held back by the rate."""
        now = self._clock_ns()
        if not self._limit.allows(now):
            self.held_back += 1
            self._unsaid += 1
            return
        document = {
            "code": code,
            "message": message,
            "environment": self._environment,
            "ts_ns": str(now),
            "held_back_before": self._unsaid,
        }
        try:
            self._waiting.put_nowait(json.dumps(document, sort_keys=True).encode())
            self._unsaid = 0
        except queue.Full:
            self.held_back += 1
            self._unsaid += 1

    def close(self, *, wait_s: float) -> None:
        """Deliver what waits, for at most `wait_s` seconds; then give up."""
        try:
            self._waiting.put(None, timeout=wait_s)
        except queue.Full:
            return
        self._worker.join(wait_s)

    def summary(self) -> str:
        """Return "" when every alarm left, else what did not and why."""
        if not self.failed and not self.held_back:
            return ""
        why = f" (last: {self.last_failure})" if self.last_failure else ""
        return f"alarms: {self.delivered} delivered, {self.failed} failed{why}, {self.held_back} held back by the rate"

    def _work(self) -> None:
        while (body := self._waiting.get()) is not None:
            problems = [problem for deliver in self._ways() if (problem := deliver(body))]
            if problems:
                self.failed += 1
                self.last_failure = "; ".join(problems)[:DETAIL_MAX]
            else:
                self.delivered += 1

    def _ways(self) -> Sequence[Callable[[bytes], str]]:
        ways: list[Callable[[bytes], str]] = []
        if self._policy.command:
            ways.append(self._run)
        if self._policy.webhook is not None:
            ways.append(self._post)
        return ways

    def _run(self, body: bytes) -> str:
        """Return what went wrong, or ""."""
        try:
            done = subprocess.run(  # the config's own list, no shell  # nosec B603
                self._policy.command, input=body + b"\n", capture_output=True, timeout=self._policy.timeout_s, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{self._policy.command[0]}: {error}"
        if done.returncode:
            return f"{self._policy.command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
        return ""

    def _post(self, body: bytes) -> str:
        """Return what went wrong, or ""."""
        assert self._policy.webhook is not None
        request = urllib.request.Request(
            self._policy.webhook, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        try:
            with self._opener.open(request, timeout=self._policy.timeout_s) as answer:
                status: int = answer.status
        except (OSError, ValueError) as error:  # URLError and HTTPError are OSErrors
            return f"webhook: {error}"
        return "" if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else f"webhook answered {status}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alarm goes where the config says and nowhere else."""

    @override
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
