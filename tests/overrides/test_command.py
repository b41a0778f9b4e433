"""`sluice override request|sign|show`: what is asked, who may sign it, what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config_problems import ConfigInvalid
from engine.run_config import load_config
from lakehouse.ledger_key import made_signer
from live.signing_keys import make_key
from orders.public_keys import public_key_text
from sentinel.override_token import open_override
from tests.gate.world import BTC, World, manifest_text, run_shadow
from tests.overrides.forged import rules
from tests.overrides.made import WEIGHTS, crisis_world, plans, public_of, request, sign, sluice


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A run whose only plan was refused in a CRISIS; ann, bob and the engine's own key are persons of its config."""
    world = crisis_world(tmp_path_factory.mktemp("refused"), count=60)
    run_shadow(world, [(60, world.save("crisis.json", manifest_text(WEIGHTS, regime="CRISIS")))])
    return world


def asked(world: World, *more: object, **other: Any) -> tuple[int, str]:
    """`sluice override request` with one option another than in a good one."""
    options = {"--notional": "45000", "--reason": "hedge", "--by": "zoe", "--approver": "ann"} | other
    words = [word for pair in options.items() for word in pair if pair[1] is not None]
    return sluice("override", "request", "--config", world.config_path, *words, *more)


def test_a_request_names_what_was_refused_and_nothing_is_signed_yet(refused: World) -> None:
    made = request(refused, "--minutes", 5)
    (plan,) = plans(refused)
    assert made["manifest_sha256"] == plan.manifest_sha256
    assert [(one["line"], one["side"]) for one in made["lines"]] == [(1, "BUY"), (2, "BUY")]
    assert (made["controls"], made["venues"], made["environment"]) == (["REGIME_PARITY"], ["BINANCE"], "made-day")
    assert int(made["expires_ns"]) - int(made["not_before_ns"]) == 5 * 60 * 10**9
    assert 39_000 < float(made["opens"]) < 41_000
    code, said = sluice("override", "show", "--config", refused.config_path)
    assert code == 3
    assert "signed   by nobody" in said
    assert not refused.layout.override.exists()


def test_a_quarter_of_an_hour_is_the_default(refused: World) -> None:
    made = request(refused)
    assert int(made["expires_ns"]) - int(made["not_before_ns"]) == 15 * 60 * 10**9


def test_a_signed_one_is_shown_with_its_signer_and_holds_now(refused: World) -> None:
    request(refused)
    code, said = sign(refused)
    assert (code, "whole" in said) == (0, True)
    code, said = sluice("override", "show", "--config", refused.config_path)
    assert code == 0, said
    for words in ("REGIME_PARITY for manifest", f"BUY {BTC.symbol}", "at most 45000 USD", "asked by zoe: hedge of a client"):
        assert words in said
    for words in ("signed   ann", "holds    now", "used     no"):
        assert words in said
    code, said = sluice("override", "show", "--json", "--config", refused.config_path)
    assert (json.loads(said)["holds"], json.loads(said)["signed"]) == (True, ["ann"])
    refused.layout.override.unlink()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"--approver": "mallory"}, 2, "OVERRIDE_PERSON"),
        ({"--notional": "0"}, 2, "a number above 0"),
        ({"--notional": "-1"}, 2, "a number above 0"),
        ({"--reason": " "}, 1, "OVERRIDE_MALFORMED"),
        ({"--by": ""}, 1, "OVERRIDE_MALFORMED"),
        ({"--control": "MAX_LEVERAGE"}, 1, "OVERRIDE_MALFORMED"),
        ({"--minutes": "241"}, 2, "from 1 to 240"),
        ({"--minutes": "0"}, 2, "from 1 to 240"),
        ({"--cycle": "99"}, 3, "OVERRIDE_NOTHING"),
        ({"--reason": None}, 2, "--reason"),
        ({"--by": None}, 2, "--by"),
    ],
    ids=lambda value: " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_a_request_that_cannot_be_is_refused(refused: World, change: dict[str, Any], code: int, words: str) -> None:
    found, said = asked(refused, **change)
    assert (found, words in said) == (code, True), said
    assert "Traceback" not in said


def test_a_plan_that_passed_needs_no_override(tmp_path: Path) -> None:
    world = crisis_world(tmp_path, count=60)
    run_shadow(world, [(60, world.save("quiet.json", manifest_text(WEIGHTS)))])
    code, said = asked(world)
    assert (code, "OVERRIDE_NOTHING" in said) == (3, True), said


def test_without_a_log_there_is_nothing_to_ask_for(tmp_path: Path) -> None:
    code, said = asked(crisis_world(tmp_path))
    assert code == 1
    assert "a log at" in said


def test_who_may_not_sign_cannot(refused: World) -> None:
    request(refused)
    make_key("mallory", directory=refused.root / "keys")
    for name, words in (("mallory", "OVERRIDE_PERSON"), ("bob", "OVERRIDE_SIGNER"), ("nobody", "KEY_MISSING")):
        code, said = sign(refused, name)
        assert code != 0
        assert words in said
    assert not refused.layout.override.exists()


def test_the_engines_own_key_signs_for_nobody(refused: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key under a person's name, and that name in the config."""
    monkeypatch.setenv("SLUICE_KEYS", str(tmp_path))
    public = public_key_text(made_signer(tmp_path).public)
    (tmp_path / "ann.pem").write_bytes((tmp_path / "ledger.key").read_bytes())
    (tmp_path / "ann.pem").chmod(0o400)
    text = refused.config_path.read_text()
    config = refused.root / "engine.toml"
    config.write_text(text.replace(public_of(refused, "ann"), public))
    request(refused)
    code, said = sluice(
        "override", "sign", "--config", config, "--key", "ann", "--directory", tmp_path, refused.layout.override_request
    )
    assert (code, "OVERRIDE_PERSON" in said) == (2, True), said


def test_a_signature_of_a_stranger_to_the_config_shows_as_an_error_and_no_traceback(refused: World) -> None:
    refused.layout.override_request.write_bytes(b"\xff" * 50)
    for words in (("show",), ("sign", "--key", "ann", "--directory", refused.root / "keys")):
        code, said = sluice("override", *words, "--config", refused.config_path)
        assert code == 1
        assert "OVERRIDE_MALFORMED" in said
        assert "Traceback" not in said


def _same_key(text: str, world: World) -> str:
    return text.replace(public_of(world, "bob"), public_of(world, "ann"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_same_key, "two names are two people"),
        (lambda text, world: text.replace("signatures = 1", "signatures = 3"), "3 persons with a key"),
        (lambda text, world: text.replace("signatures = 1", "signatures = 0"), "from 1 to 16"),
        (
            lambda text, world: text.replace("signatures = 1", f'signatures = 2\nrevoked_keys = ["{public_of(world, "bob")}"]'),
            "2 persons with a key",
        ),
        (lambda text, world: text.replace("signatures = 1", "signature = 1"), "signature"),
    ],
    ids=["one key twice", "more signatures than people", "no signature", "a revoked one does not count", "a key unknown"],
)
def test_a_table_that_means_fewer_people_than_it_says_is_refused(
    refused: World, change: Callable[[str, World], str], words: str
) -> None:
    path = refused.root / "other.toml"
    path.write_text(change(refused.config_path.read_text(), refused))
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path)
    assert any(words in f"{problem.key} {problem.message}" for problem in caught.value.problems)


def test_what_the_command_signs_is_what_a_run_opens(refused: World) -> None:
    request(refused)
    assert sign(refused)[0] == 0
    persons = {"ann": public_of(refused, "ann")}
    signed = open_override(refused.layout.override.read_bytes(), rules=rules(persons=persons))
    assert signed.token.requester == "zoe"
    refused.layout.override.unlink()
