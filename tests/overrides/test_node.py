"""An override in a real node: refused, asked for, signed, traded once; and never again."""

from __future__ import annotations

from typing import Any

from lakehouse.verifier import verify
from tests.gate.world import BTC, ETH, World, manifest_text, run_shadow
from tests.overrides.made import NOTIONAL, WEIGHTS, codes, crisis_world, plans, request, sign, until


def refused_first(world: World) -> Any:
    return lambda: any(plan.code == "REGIME_PARITY" for plan in plans(world))


def crisis(world: World, name: str = "crisis.json", **weights: str) -> tuple[int, Any]:
    return 60, world.save(name, manifest_text(weights or WEIGHTS, regime="CRISIS"))


def test_a_refused_plan_is_traded_once_when_a_person_signs_and_not_again_after_a_restart(tmp_path):
    world = crisis_world(tmp_path)
    kept = b""

    async def beside(assembly: Any) -> None:
        nonlocal kept
        await until(refused_first(world))
        made = request(world)
        assert made["controls"] == ["REGIME_PARITY"]
        assert sign(world)[0] == 0
        kept = world.layout.override.read_bytes()
        await until(lambda: not world.layout.override.exists())

    ran = run_shadow(world, [crisis(world)], beside=beside)
    (used,) = ran.of("override")
    refused, passed = ran.of("plan")
    assert (refused["decision"], refused["code"], passed["decision"]) == ("REFUSED", "REGIME_PARITY", "PLAN")
    assert sorted(line["symbol"] for line in ran.of("fill")) == [BTC.symbol, ETH.symbol]
    (verdict,) = [one for one in passed["verdicts"] if one["control"] == "REGIME_PARITY"]
    assert verdict["outcome"] == "ALLOW"
    assert verdict["observed"].endswith(f"override {used['token_id']} by ann")
    first_intent = min(line["seq"] for line in ran.of("intent"))
    assert passed["seq"] < used["seq"] < first_intent
    assert (used["signers"], used["requester"], used["notional_max"]) == (["ann"], "zoe", NOTIONAL)
    assert verify(world.lakehouse).ok

    world.write_quotes(6_100)
    world.layout.override.write_bytes(kept)
    again = run_shadow(world)
    assert len(again.of("fill")) == len(ran.of("fill"))
    assert len(again.of("override")) == 1
    assert "OVERRIDE_USED" in codes(world)
    assert world.layout.override_refused.read_bytes() == kept
    assert verify(world.lakehouse).ok
