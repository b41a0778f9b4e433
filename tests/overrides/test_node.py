"""An override in a real node: refused, asked for, signed, traded once; and never again."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lakehouse.verifier import verify
from orders.canonical import canonical_bytes
from sentinel.dsse import sealed
from sentinel.override_token import PAYLOAD_TYPE
from tests.cut_records import cut_record
from tests.engine.test_regime_watch import line as audit_line
from tests.gate.world import BTC, ETH, Ran, World, manifest_text, run_shadow
from tests.overrides.made import NOBODY, NOTIONAL, WEIGHTS, codes, crisis_world, key_of, plans, request, sign, sluice, until


def refused_first(world: World) -> Callable[[], bool]:
    return lambda: any(plan.code == "REGIME_PARITY" for plan in plans(world))


def crisis(world: World, weights: dict[str, str] = WEIGHTS, *, regime: str = "CRISIS") -> tuple[int, Any]:
    return 60, world.save("crisis.json", manifest_text(weights, regime=regime))


def signs(world: World, kept: list[bytes], **more: Any) -> Callable[[Any], Awaitable[None]]:
    """Ask and sign once the plan is refused; `kept` gets the signed file; goes on until the run has taken it."""

    async def beside(assembly: Any) -> None:
        await until(refused_first(world))
        request(world, **more)
        assert sign(world)[0] == 0
        kept.append(world.layout.override.read_bytes())
        await until(lambda: not world.layout.override.exists())

    return beside


def bought(ran: Ran) -> list[str]:
    return sorted({fill["symbol"] for fill in ran.of("fill")})


def test_a_refused_plan_is_traded_once_when_a_person_signs_and_not_again_after_a_restart(tmp_path):
    world, kept = crisis_world(tmp_path), list[bytes]()
    ran = run_shadow(world, [crisis(world)], beside=signs(world, kept))
    (used,) = ran.of("override")
    refused, passed = ran.of("plan")
    assert (refused["decision"], refused["code"], passed["decision"]) == ("REFUSED", "REGIME_PARITY", "PLAN")
    assert bought(ran) == [BTC.symbol, ETH.symbol]
    (verdict,) = [one for one in passed["verdicts"] if one["control"] == "REGIME_PARITY"]
    assert verdict["outcome"] == "ALLOW"
    assert verdict["observed"].endswith(f"override {used['token_id']} by ann")
    assert passed["seq"] < used["seq"] < min(line["seq"] for line in ran.of("intent"))
    assert (used["signers"], used["requester"], used["notional_max"]) == (["ann"], "zoe", NOTIONAL)
    assert f"override {used['token_id']} by ann used: hedge of a client" in "\n".join(ran.said)
    assert verify(world.lakehouse).ok
    code, chain = sluice("trace", ran.of("fill")[0]["client_order_id"], "--lakehouse", world.lakehouse)
    assert code == 0, chain
    assert "by ann for zoe: REGIME_PARITY, hedge of a client" in chain
    assert f"of log line {passed['seq']}, lines " in chain

    world.write_quotes(6_100)
    world.layout.override.write_bytes(kept[0])
    again = run_shadow(world)
    assert len(again.of("fill")) == len(ran.of("fill"))
    assert len(again.of("override")) == 1
    assert "OVERRIDE_USED" in codes(world)
    assert world.layout.override_refused.read_bytes() == kept[0]
    assert verify(world.lakehouse).ok


def test_put_there_again_in_the_run_that_used_it_it_is_turned_away(tmp_path):
    world, kept = crisis_world(tmp_path), list[bytes]()

    async def beside(assembly: Any) -> None:
        await signs(world, kept)(assembly)
        world.layout.override.write_bytes(kept[0])
        await until(lambda: not world.layout.override.exists())

    ran = run_shadow(world, [crisis(world)], beside=beside)
    assert len(ran.of("override")) == 1
    assert "OVERRIDE_USED" in codes(world)
    assert world.layout.override_refused.read_bytes() == kept[0]
    assert verify(world.lakehouse).ok


def test_a_kill_right_after_the_line_of_its_use_has_used_it_up(tmp_path):
    """No intent was written: the plan is refused again, and the file that still lies there lets nothing pass."""
    world, kept = crisis_world(tmp_path), list[bytes]()
    ran = run_shadow(world, [crisis(world)], beside=signs(world, kept))
    cut_record(world.layout, ran.of("override")[0]["seq"])
    world.layout.override.write_bytes(kept[0])
    world.write_quotes(6_100)
    again = run_shadow(world)
    assert again.of("intent", "send", "fill") == []
    assert [plan["code"] for plan in again.of("plan")][-1] == "REGIME_PARITY"
    assert "OVERRIDE_USED" in codes(world)
    assert verify(world.lakehouse).ok


def test_what_was_signed_while_nothing_ran_is_used_by_the_next_start(tmp_path):
    world = crisis_world(tmp_path, count=80)
    first = run_shadow(world, [crisis(world)])
    assert first.of("fill") == []
    request(world)
    assert sign(world)[0] == 0
    world.write_quotes(2_100)
    ran = run_shadow(world)
    assert len(ran.of("override")) == 1
    assert bought(ran) == [BTC.symbol, ETH.symbol]
    assert verify(world.lakehouse).ok


def test_where_the_regime_log_refused_it_the_plan_does_not_wait_for_the_log(tmp_path):
    world, kept = crisis_world(tmp_path), list[bytes]()
    log = tmp_path / "regime_audit.jsonl"
    log.write_text(audit_line(-60_000, "CRISIS"))
    keys = f'regime_audit = "{log}"\nregime_audit_age_max_h = 1\n'
    world.config_path.write_text(world.config_path.read_text().replace("[capital]\n", keys + "[capital]\n", 1))
    ran = run_shadow(world, [crisis(world, regime="QUIET")], beside=signs(world, kept))
    assert len(ran.of("override")) == 1
    assert bought(ran) == [BTC.symbol, ETH.symbol]


def test_one_unit_too_little_lets_nothing_pass_and_is_not_used(tmp_path):
    world, kept = crisis_world(tmp_path), list[bytes]()
    ran = run_shadow(world, [crisis(world)], beside=signs(world, kept, notional="39000"))
    assert ran.of("override", "intent", "fill") == []
    assert codes(world)[-1] == "OVERRIDE_UNUSED"
    assert "it allows 39000 USD" in ran.of("plan")[-1]["message"]
    assert any("let nothing pass" in line for line in ran.said)
    assert world.layout.override_refused.read_bytes() == kept[0]


def test_two_people_are_two_signatures(tmp_path):
    world = crisis_world(tmp_path, signatures=2)

    async def beside(assembly: Any) -> None:
        await until(refused_first(world))
        request(world, "--approver", "bob")
        assert sign(world, "ann")[0] == 0
        assert not world.layout.override.exists()
        half = world.layout.override_request.read_bytes()
        world.layout.override.write_bytes(half)  # one person alone puts it there all the same
        await until(lambda: not world.layout.override.exists())
        assert codes(world)[-1] == "OVERRIDE_UNSIGNED"
        assert sign(world, "bob")[0] == 0
        await until(lambda: not world.layout.override.exists())

    ran = run_shadow(world, [crisis(world)], beside=beside)
    (used,) = ran.of("override")
    assert used["signers"] == ["ann", "bob"]
    assert bought(ran) == [BTC.symbol, ETH.symbol]


def test_without_the_table_nobody_overrides(tmp_path):
    world, kept = crisis_world(tmp_path), list[bytes]()
    text = world.config_path.read_text()
    start, end = text.index("[override]"), text.index("[symbols]")

    async def beside(assembly: Any) -> None:
        await until(refused_first(world))
        with_table = world.config_path.read_text()
        world.config_path.write_text(text)
        request(world)
        assert sign(world)[0] == 0
        world.config_path.write_text(with_table)
        kept.append(world.layout.override.read_bytes())
        await until(lambda: not world.layout.override.exists())

    world.config_path.write_text(text[:start] + text[end:])
    ran = run_shadow(world, [crisis(world)], beside=beside)
    assert ran.of("override", "intent") == []
    assert codes(world)[-1] == "OVERRIDE_NOBODY"


def test_forged_files_are_turned_away_one_after_another_and_the_good_one_still_holds(tmp_path):
    world = crisis_world(tmp_path, count=400)
    seen: list[tuple[str, str]] = []

    async def beside(assembly: Any) -> None:
        await until(refused_first(world))
        request(world)
        assert sign(world)[0] == 0  # nothing is awaited before it is taken away again
        good = world.layout.override.read_bytes()
        world.layout.override.unlink()
        for name, data in forgeries(world, good).items():
            before = len(codes(world))
            if data is None:
                world.layout.override.mkdir()
            else:
                world.layout.override.write_bytes(data)
            await until(lambda: not world.layout.override.exists())
            await until(lambda before=before: len(codes(world)) > before)  # type: ignore[misc]
            seen.append((name, codes(world)[-1]))
        world.layout.override.write_bytes(good)
        await until(lambda: not world.layout.override.exists())

    ran = run_shadow(world, [crisis(world)], beside=beside)
    assert seen == [
        ("garbage", "ENVELOPE_MALFORMED"),
        ("an altered byte", "SIGNATURE_BAD"),
        ("a stranger", "SIGNER_UNKNOWN"),
        ("another person's", "OVERRIDE_SIGNER"),
        ("another environment", "OVERRIDE_FOREIGN"),
        ("another manifest", "OVERRIDE_FOREIGN"),
        ("another line", "OVERRIDE_FOREIGN"),
        ("max leverage", "OVERRIDE_MALFORMED"),
        ("expired", "OVERRIDE_EXPIRED"),
        ("a directory", "OVERRIDE_MALFORMED"),
    ]
    assert len(ran.of("override")) == 1
    assert len(ran.of("plan")) == 2  # no forgery had the plan made again
    assert bought(ran) == [BTC.symbol, ETH.symbol]
    assert ran.of("halt") == []


def forgeries(world: World, good: bytes) -> dict[str, bytes | None]:
    """Files that must not count; None: a directory in its place."""
    envelope = json.loads(good)
    body = json.loads(base64.b64decode(envelope["payload"]))

    def by_ann(**change: Any) -> bytes:
        payload = canonical_bytes(body | change)
        return sealed(payload, payload_type=PAYLOAD_TYPE, signer="ann", key=key_of(world, "ann"))

    def by(name: str, key: Any) -> bytes:
        return sealed(canonical_bytes(body), payload_type=PAYLOAD_TYPE, signer=name, key=key)

    altered = base64.b64encode(canonical_bytes(body | {"notional_max": "99000"})).decode()
    lines = body["lines"]
    return {
        "garbage": b"\0" * 100,
        "an altered byte": json.dumps(envelope | {"payload": altered}, separators=(",", ":")).encode() + b"\n",
        "a stranger": by("mallory", NOBODY),
        "another person's": by("bob", key_of(world, "bob")),
        "another environment": by_ann(environment="elsewhere"),
        "another manifest": by_ann(manifest_sha256="f" * 64),
        "another line": by_ann(lines=[lines[0] | {"line": 7}]),
        "max leverage": by_ann(controls=["MAX_LEVERAGE"]),
        "expired": by_ann(not_before_ns="1000", expires_ns="2000"),
        "a directory": None,
    }
