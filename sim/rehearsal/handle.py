"""A Python hand on a rehearsal exchange in its own process: start and stop it, script its market, break it, ask it for the truth.

    with RehearsalVenue.start(state=tmp_path / "venue.sqlite", balances={"USDT": "100000"}) as venue:
        venue.quote("BTCUSDT", "97000.00", "97000.01")
        ...                                  # an engine with `endpoint = venue.endpoint`, `venue.key`, `venue.secret`
        venue.trade_at("BTCUSDT", "96999.99", "0.5", buyer_is_maker=True)
        venue.kill(); venue.restart()        # same ports, same state
        orders = venue.truth().by_client_id("3f2a...")

Every call is one request to the control endpoint and is done when it returns. The exchange ends with the process that started it.
"""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from orders.errors import InputError, VenueUnavailable
from sim.rehearsal.hand import Hand
from sim.rehearsal.server import Settings, settings_of

WAIT_S_MAX: Final = 30.0


class RehearsalVenue(Hand):
    """The handle of an exchange in its own process. `control` is the address of its control endpoint."""

    def __init__(self, settings: Settings) -> None:
        """Use `start`."""
        self._process, hello = _run(settings)
        self.endpoint, self.control = hello["endpoint"], hello["control"]
        self.key, self.secret = hello["key"], hello["secret"]
        ports = (urlsplit(url).port or 0 for url in (self.endpoint, self.control))
        self._settings = replace(settings, **dict(zip(("port", "control_port"), ports, strict=True)))

    @classmethod
    def start(
        cls,
        *,
        state: Path | None = None,
        balances: Mapping[str, str] | None = None,
        maker_fee: str = "0.001",
        taker_fee: str = "0.001",
        port: int = 0,
        control_port: int = 0,
        key_file: Path | None = None,
    ) -> Self:
        """Start an exchange and return when it answers. Without `state` it forgets what it knows when it ends.
        `key_file`: see `Settings`.

        Raises `VenueUnavailable` REHEARSAL_NOT_STARTED.
        """
        return cls(
            settings_of(
                state=state,
                balances=balances,
                maker_fee=maker_fee,
                taker_fee=taker_fee,
                port=port,
                control_port=control_port,
                key_file=key_file,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the exchange as an orderly shutdown does; a second call does nothing."""
        if self._process.poll() is None:
            self.freeze(False)
            self._process.terminate()
        _reap(self._process)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        _reap(self._process)

    def freeze(self, on: bool) -> None:
        """Stop the whole process where it stands (SIGSTOP), or let it go on."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def restart(self) -> None:
        """Start again on the same ports and, where there is one, the same state."""
        self.stop()
        self._process, _ = _run(self._settings)

    def do(self, name: str, **details: Any) -> Any:
        """Do one step of the control endpoint. Raises as `told`."""
        return told(self.control, {"do": name, **details})


def told(control: str, step: Mapping[str, Any]) -> Any:
    """Do one step at a control endpoint and return its result.

    Raises `InputError` for one that is refused, `VenueUnavailable` without an answer.
    """
    connection = http.client.HTTPConnection(urlsplit(control).netloc, timeout=WAIT_S_MAX)
    try:
        connection.request("POST", "/", body=json.dumps(step), headers={"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise VenueUnavailable(
            "REHEARSAL_NOT_ANSWERING",
            expected=f"an answer of the control endpoint {control}",
            found=f"{type(error).__name__}: {error}",
            action="Start the exchange, or restart it.",
        ) from error
    finally:
        connection.close()
    if "error" in answer:
        raise InputError("SCRIPT_MALFORMED", expected="a step the exchange takes", found=answer["error"], action="Mend it.")
    return answer["result"]


def _run(settings: Settings) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    command = [sys.executable, "-m", "sim.rehearsal.process", msgspec.json.encode(settings).decode()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # our own module  # nosec B603
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate()
        raise VenueUnavailable(
            "REHEARSAL_NOT_STARTED",
            expected="a rehearsal exchange that says where it listens",
            found=said.decode(errors="replace").strip()[-500:] or "nothing",
            action="Free the port, or mend what it says.",
        )
    return process, dict(json.loads(line))


def _reap(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait(timeout=WAIT_S_MAX)
