"""A live run plans from a manifest only with a person's signed approval of that very manifest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.verifier import verify
from live.signing_keys import make_key
from orders.canonical import sha256_hex
from tests.children import child
from tests.gate.world import BTC, ETH
from tests.live.world import ROOT, Desk, desk, fresh

LATER = {BTC.symbol: "0.1", ETH.symbol: "0.1"}


def approve(made: Desk, *, key: str = "alice") -> subprocess.CompletedProcess[str]:
    """`sluice approve` of the manifest that lies where the run looks."""
    words = ["approve", str(made.world.manifest), "--config", str(made.config), "--key", key, "--directory", str(made.keys)]
    with child([sys.executable, "-m", "commands.main", *words], cwd=ROOT) as process:
        said = process.communicate(timeout=60)[0]
    return subprocess.CompletedProcess(words, process.returncode, said)


def test_without_an_approval_it_holds_and_trades_once_a_person_has_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk(tmp_path) as made:
        made.install(fresh(LATER), approved=False)
        process = made.start()
        made.until(lambda: bool(made.of("manifest")), process)
        assert [(line["decision"], line["code"]) for line in made.of("manifest")] == [("HOLD", "APPROVAL_MISSING")]
        assert [line["code"] for line in made.of("alarm")] == ["APPROVAL_MISSING"]
        assert made.of("cycle", "intent", "send") == []
        signed = approve(made)
        assert signed.returncode == 0, signed.stdout
        assert "approved manifest" in signed.stdout
        made.until(lambda: bool(made.of("cycle_end")), process)
        made.end(process)
        line = made.of("manifest")[-1]
        path = made.world.layout.approval(sha256_hex(made.world.manifest.read_bytes()))
        assert (line["decision"], line["approved_by"]) == ("ACCEPTED", "alice")
        assert line["approval_sha256"] == sha256_hex(path.read_bytes())
        (plan,) = made.of("plan")
        assert ["MANIFEST_APPROVAL", "ALLOW"] in [[one["control"], one["outcome"]] for one in plan["verdicts"]]
        assert len(made.venue.truth().orders) == 2
        assert verify(made.world.lakehouse).ok
        capsys.readouterr()
        assert run(["trace", line["manifest_sha256"], "--config", str(made.config), "--json"]) == 0
        traced = json.loads(capsys.readouterr().out)
        (manifest,) = traced["chain"][0]["below"]
        approval = next(step for step in manifest["below"] if step["kind"] == "approval")
        assert {link["what"]: link["state"] for link in approval["links"]} == {"approval": "holds", "signature": "holds"}
        assert traced["links"]["differs"] == 0


@pytest.mark.parametrize("what", ["an altered byte", "another manifest's", "a revoked key"])
def test_an_approval_that_is_not_good_for_this_manifest_refuses_it(what: str, tmp_path: Path) -> None:
    code = {"an altered byte": "SIGNATURE_BAD", "another manifest's": "APPROVAL_FOREIGN", "a revoked key": "KEY_REVOKED"}[what]
    with desk(tmp_path) as made:
        path = made.world.layout.approval(sha256_hex(made.world.manifest.read_bytes()))
        good = path.read_bytes()
        if what == "an altered byte":
            envelope = json.loads(good)
            envelope["payload"] = envelope["payload"][:-8] + "fQ" + envelope["payload"][-6:]
            path.write_text(json.dumps(envelope))
        elif what == "another manifest's":
            made.install(fresh(LATER), approved=False)
            made.world.layout.approval(sha256_hex(made.world.manifest.read_bytes())).write_bytes(good)
        else:
            made.change("[live.persons]", '[live.persons]\nbob = "' + make_key("bob", directory=made.keys) + '"')
            alice = made.config.read_text().split('alice = "')[1].split('"')[0]
            made.arm(by="bob")
            made.change("external_orders", f'revoked_keys = ["{alice}"]\nexternal_orders')
        process = made.start()
        made.until(lambda: bool(made.of("manifest")), process)
        said = made.end(process)
        assert process.returncode == 3, said
        assert [(line["decision"], line["code"]) for line in made.of("manifest")] == [("REFUSED", code)]
        assert made.of("plan", "intent", "send") == []
        assert made.venue.truth().orders == []


def test_nobody_signs_for_what_would_not_be_traded_or_with_a_key_the_config_does_not_name(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        make_key("bob", directory=made.keys)
        stranger = approve(made, key="bob")
        assert (stranger.returncode, "APPROVE_FOREIGN" in stranger.stdout) == (2, True), stranger.stdout
        made.world.manifest.write_text(made.world.manifest.read_text()[:-40])
        half = approve(made)
        assert half.returncode == 3, half.stdout
        assert "refused  MANIFEST_HALF_WRITTEN" in half.stdout
        assert "Nothing was signed" in half.stdout
