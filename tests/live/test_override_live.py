"""An override in a live run: a plan that a control refused is sent to the venue on two persons' word, once."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from lakehouse.verifier import verify
from live.signing_keys import make_key
from tests.gate.world import BTC, ETH, manifest_text
from tests.live.world import Desk, desk, stamp
from tests.overrides.made import sluice


def refused(made: Desk) -> subprocess.Popen[str]:
    """A run whose first plan goes long in a CRISIS, and is refused; ann and bob may let it pass together."""
    table = "".join(f'{name} = "{make_key(name, directory=made.keys)}"\n' for name in ("ann", "bob"))
    made.config.write_text(f"{made.config.read_text()}\n[override]\nsignatures = 2\n[override.persons]\n{table}")
    made.install(manifest_text({BTC.symbol: "0.3", ETH.symbol: "0.1"}, generated=stamp(seconds_ago=1), regime="CRISIS"))
    process = made.start()
    made.until(lambda: any(line["code"] == "REGIME_PARITY" for line in made.of("plan")), process)
    return process


def asked(made: Desk, *words: object) -> None:
    code, said = sluice("override", *words, "--config", made.config)
    assert code == 0, said


def request(made: Desk) -> None:
    people = ("--approver", "ann", "--approver", "bob")
    asked(made, "request", "--notional", "45000", "--reason", "hedge of a client", "--by", "zoe", *people)


def sign(made: Desk, name: str) -> None:
    asked(made, "sign", "--key", name, "--directory", made.keys)


def test_a_refused_plan_reaches_the_venue_once_when_two_persons_sign(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        process = refused(made)
        request(made)
        sign(made, "ann")
        assert not made.world.layout.override.exists()
        assert made.ids() == []
        sign(made, "bob")
        kept = made.world.layout.override.read_bytes()
        made.until(lambda: bool(made.of("cycle_end")) and len(made.ids()) == 2, process)
        (used,) = made.of("override")
        assert (used["signers"], used["requester"]) == (["ann", "bob"], "zoe")
        assert used["seq"] < min(line["seq"] for line in made.of("intent"))
        made.end(process, signal.SIGKILL)

        made.world.layout.override.write_bytes(kept)
        again = made.start()
        made.until(lambda: "OVERRIDE_USED" in [line["code"] for line in made.of("alarm")], again)
        said = made.end(again)
        assert again.returncode == 0, said
        assert len(made.ids()) == 2
        assert len(made.of("override")) == 1
        report = verify(made.world.layout.directory)
        assert report.ok, report.first_bad


def test_a_kill_between_the_line_of_its_use_and_the_orders_sends_them_no_second_time(tmp_path: Path) -> None:
    """It is used up; what the cycle left over is not sent without another one."""
    with desk(tmp_path) as made:
        process = refused(made)
        request(made)
        sign(made, "ann")
        sign(made, "bob")
        made.until(lambda: bool(made.of("override")), process)
        made.end(process, signal.SIGKILL)
        code, said = again(made)
        assert code == 0, said
        ids = made.ids()
        assert len(ids) == len(set(ids)) <= 2
        assert len(made.of("override")) == 1
        sent = {line["client_order_id"] for line in made.of("send") if line["action"] == "submit"}
        assert set(ids) <= sent
        assert verify(made.world.layout.directory).ok


def again(made: Desk) -> tuple[int, str]:
    process = made.start("--for", "4")
    said = process.communicate(timeout=90)[0]
    return process.returncode, said
