"""May a bundle trade live by this record? Every way in which record, signatures, keys, evidence and config can disagree."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from commands.append_line import append_line, command_journal
from engine.run_config import load_config
from lakehouse.examine import examine
from lakehouse.promotion_files import keep_promotion_file
from lakehouse.promotion_lines import promotion_line
from live.arming import Condition, Missing, missing
from live.promoted import promoted_facts
from live.promotion_signing import statement_of
from live.signing_keys import load_key
from orders.promotion import Action, Move, State
from sentinel.dsse import sealed
from sentinel.promotion_statement import PAYLOAD_TYPE, statement_bytes
from tests.lakehouse_out.conftest import Lines
from tests.live.test_arming import FACTS, VENUE
from tests.promotion.world import Promoting, promoting, sluice

OTHER = "b" * 64


@pytest.fixture
def made(tmp_path: Path) -> Promoting:
    """A bundle in canary by ann and bob, and the evidence it passed."""
    world = promoting(tmp_path)
    world.canary()
    return world


def refused(made: Promoting, *, bundle: str | None = None) -> tuple[Missing, ...]:
    """What a start at a real venue would be refused for, all else being well."""
    config = load_config(made.config)
    assert config.live is not None
    fold = examine(made.layout).fold
    promoted = promoted_facts(fold, bundle_sha256=bundle or made.bundle, layout=made.layout, live=config.live)
    venue = msgspec.structs.replace(VENUE, loopback=False)
    facts = msgspec.structs.replace(FACTS, environment=config.environment, promoted=promoted, venues=(venue,))
    return tuple(one for one in missing(facts) if one.condition is not Condition.ARMING_FOREIGN)


def test_a_bundle_in_canary_by_two_persons_and_evidence_trades_at_a_real_venue(made: Promoting) -> None:
    assert refused(made) == ()


def _statement(made: Promoting) -> Path:
    granted = made.promotions.granted[made.bundle]
    return made.layout.promotions / f"{granted.statement_sha256}.json"


def _evidence(made: Promoting) -> Path:
    passed = made.promotions.passed[made.bundle]
    return made.layout.promotions / f"{passed.evidence_sha256}.json"


def _public(made: Promoting, name: str) -> str:
    return str(load_config(made.config).live.persons[name])  # type: ignore[union-attr]  # the config has [live]


def _rewrite(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.chmod(0o644)
    path.write_bytes(data.replace(old, new))


def _pause(made: Promoting) -> None:
    sluice("promote", "current", "--pause", "--by", "ops", "--reason", "look", "--lakehouse", made.layout.directory)


def _retire(made: Promoting) -> None:
    sluice("promote", "current", "--to", "retired", "--by", "ops", "--reason", "enough", "--lakehouse", made.layout.directory)


def _raised(made: Promoting, *, signers: tuple[str, ...], keys: tuple[str, ...], said: str = "") -> None:
    """A line that raises to step 2, as somebody with the disk would write it: signed by whoever's keys he has."""
    promotions, now = made.promotions, time.time_ns()
    standing = promotions.current
    assert standing is not None
    move = Move(bundle_sha256=made.bundle, action=Action.STEP_UP, to_state=State.CANARY, to_step=1, steps=standing.steps)
    passed = promotions.passed[made.bundle]
    statement = statement_of(
        promotions, move, environment="live-shadow", evidence=None, by="ann", reason=said or "forged", now_ns=now
    )
    payload = statement_bytes(
        msgspec.structs.replace(statement, evidence_sha256=passed.evidence_sha256, gates_sha256=passed.gates_sha256)
    )
    envelopes = [
        msgspec.json.decode(sealed(payload, payload_type=PAYLOAD_TYPE, signer=name, key=load_key(key, directory=made.keys)))
        for name, key in zip(signers, keys, strict=True)
    ]
    data = msgspec.json.encode({**envelopes[0], "signatures": [one["signatures"][0] for one in envelopes]}) + b"\n"
    line = promotion_line(
        promotions, move, ts_ns=now, run_id="forged", environment="live-shadow", by="ann", reason="forged",
        evidence_sha256=passed.evidence_sha256, gates_sha256=passed.gates_sha256,
        statement_sha256=keep_promotion_file(made.layout, data), signers=("ann", "bob"),
    )  # fmt: skip
    append_line(made.layout, line)


def _mallory(made: Promoting) -> None:
    sluice("keys", "new", "mallory", "--directory", made.keys)
    _raised(made, signers=("ann", "bob"), keys=("mallory", "mallory"))


def _shadow_fill(made: Promoting) -> None:
    lines = Lines()
    with command_journal(made.layout, now_ns=1, run_id="run-1") as journal:
        for line in (lines.start(environment="live-shadow"), lines.intent(), lines.send(), lines.fill(), lines.stop()):
            journal.append(line)


SPOILT: dict[str, tuple[Callable[[Promoting], object], list[Condition], str]] = {
    "paused by a person": (_pause, [Condition.PROMOTION_PAUSED], "look"),
    "retired": (_retire, [Condition.STATE_NOT_LIVE], "is retired"),
    "the statement gone": (lambda made: _statement(made).unlink(), [Condition.PROMOTION_UNSIGNED], "PROMOTION_FILE_MISSING"),
    "the statement altered": (
        lambda made: _rewrite(_statement(made), b'"keyid":"bob"', b'"keyid":"ann"'),
        [Condition.PROMOTION_UNSIGNED],
        "PROMOTION_FILE_ALTERED",
    ),
    "a signer's key revoked": (
        lambda made: made.edit("[live.persons]", f'revoked_keys = ["{_public(made, "bob")}"]\n[live.persons]'),
        [Condition.PROMOTION_KEY_REVOKED],
        "KEY_REVOKED",
    ),
    "a signer out of the config": (
        lambda made: made.edit(f'bob = "{_public(made, "bob")}"\n', ""),
        [Condition.PROMOTION_UNSIGNED],
        "PROMOTION_SIGNER",
    ),
    "a signer's key exchanged": (
        lambda made: made.edit(_public(made, "bob"), sluice("keys", "new", "bob2", "--directory", made.keys)[1].split('"')[1]),
        [Condition.PROMOTION_UNSIGNED],
        "SIGNATURE_BAD",
    ),
    "the evidence gone": (lambda made: _evidence(made).unlink(), [Condition.EVIDENCE_MISSING], "PROMOTION_FILE_MISSING"),
    "the evidence altered": (
        lambda made: _rewrite(_evidence(made), b'"PASS"', b'"FAIL"'),
        [Condition.EVIDENCE_MISSING],
        "PROMOTION_FILE_ALTERED",
    ),
    "signed with a stranger's key": (_mallory, [Condition.PROMOTION_UNSIGNED, Condition.EVIDENCE_MISSING], "SIGNATURE_BAD"),
    "signed by one, logged as two": (
        lambda made: _raised(made, signers=("ann",), keys=("ann",)),
        [Condition.PROMOTION_UNSIGNED, Condition.EVIDENCE_MISSING],
        "signed by ann; the log says ann, bob",
    ),
    "another thing signed than logged": (
        lambda made: _raised(made, signers=("ann", "bob"), keys=("ann", "bob"), said="a holiday"),
        [Condition.PROMOTION_UNSIGNED, Condition.EVIDENCE_MISSING],
        "reason a holiday was signed, and forged is in the log",
    ),
    "the evidence of another move": (
        lambda made: _raised(made, signers=("ann", "bob"), keys=("ann", "bob")),
        [Condition.EVIDENCE_MISSING],
        "it is of move canary, and not of step_up",
    ),
    "shadow fills in the log": (_shadow_fill, [Condition.KIND_MIXED], "fills of shadow runs"),
    "another environment in the config": (
        lambda made: made.edit('environment = "live-shadow"', 'environment = "other"'),
        [Condition.PROMOTION_FOREIGN],
        "environment live-shadow",
    ),
}


@pytest.mark.parametrize(("spoil", "conditions", "words"), SPOILT.values(), ids=SPOILT)
def test_a_record_that_disagrees_trades_nothing_and_says_with_what(
    made: Promoting, spoil: Callable[[Promoting], object], conditions: list[Condition], words: str
) -> None:
    spoil(made)
    found = refused(made)
    assert [one.condition for one in found] == conditions
    assert words in found[0].found
    assert all(one.action for one in found)


def test_a_bundle_that_was_never_promoted_here_is_told_which_one_may(made: Promoting) -> None:
    (found,) = refused(made, bundle=OTHER)
    assert (found.condition, made.bundle[:16] in found.found) == (Condition.NOT_PROMOTED, True)


def test_a_key_that_was_revoked_is_mended_by_two_others_signing_a_resume(made: Promoting) -> None:
    public = sluice("keys", "new", "cid", "--directory", made.keys)[1].split('"')[1]
    made.edit("[live.persons]", f'revoked_keys = ["{_public(made, "bob")}"]\n[live.persons]\ncid = "{public}"')
    assert [one.condition for one in refused(made)] == [Condition.PROMOTION_KEY_REVOKED]
    (made.root / "gates.toml").touch()
    made.promote("--pause")
    made.promote("--resume")
    code, said = made.sign("cid")
    assert (code, "recorded" in said) == (0, True), said
    assert refused(made) == ()


def test_a_record_without_promotions_opens_a_rehearsed_venue_alone(tmp_path: Path) -> None:
    made = promoting(tmp_path, drill=False)
    append_line(made.layout, Lines().halt(action="resume"))
    assert [one.condition for one in refused(made)] == [Condition.NOT_PROMOTED]
