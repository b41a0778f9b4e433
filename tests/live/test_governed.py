"""`sluice live` on a record with promotions, from the command line: it runs what was promoted, and refuses what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from live.signing_keys import make_key
from tests.live.world import Desk, desk
from tests.promotion.world import Promoting, furnished, sluice


def promoted(made: Desk) -> Promoting:
    """The desk's own bundle in canary, by alice and bob."""
    bob = make_key("bob", directory=made.keys)
    made.change("[live.persons]", f'[live.persons]\nbob = "{bob}"')
    world = furnished(made.root, made.config, first="alice")
    world.canary()
    return world


def test_without_a_bundle_named_a_governed_record_runs_its_current_one_and_trades_its_part(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        world = promoted(made)
        process = made.start("--for", "30", "--gates", str(world.gates))
        made.until(lambda: len(made.of("fill")) >= 2, process)
        said = made.end(process)
        assert process.returncode == 0, said
        assert [line["bundle_sha256"] for line in made.of("run_start")] == [world.bundle]
        spent = sum(made.bought().values())
        assert 300 < spent < 400  # 0.4 of one hundredth of 100,000


def _pause(made: Desk, world: Promoting) -> None:
    sluice("promote", "current", "--pause", "--by", "ops", "--reason", "a look", "--lakehouse", world.layout.directory)


def _revoke(made: Desk, world: Promoting) -> None:
    text = made.config.read_text()
    public = text.partition('bob = "')[2].partition('"')[0]
    made.change("[live.persons]", f'revoked_keys = ["{public}"]\n[live.persons]')


def _retire(made: Desk, world: Promoting) -> None:
    sluice("promote", "current", "--to", "retired", "--by", "ops", "--reason", "enough", "--lakehouse", world.layout.directory)


def _forget(made: Desk, world: Promoting) -> None:
    for path in world.layout.promotions.iterdir():
        path.unlink()


def _gone(made: Desk, world: Promoting) -> None:
    (world.layout.bundles / world.bundle).rename(made.root / "away")


def _altered(made: Desk, world: Promoting) -> None:
    directory = world.layout.bundles / world.bundle
    part = max(directory.iterdir(), key=lambda path: path.stat().st_size)
    part.chmod(0o644)
    part.write_bytes(part.read_bytes().replace(b'"', b" ", 1))


def _part_gone(made: Desk, world: Promoting) -> None:
    directory = world.layout.bundles / world.bundle
    next(path for path in sorted(directory.iterdir()) if path.name != "bundle.json").unlink()


REFUSED: dict[str, tuple[Callable[[Desk, Promoting], object], tuple[str, ...]]] = {
    "paused": (_pause, ("refused  PROMOTION_PAUSED", "a look", "--resume")),
    "retired": (_retire, ("refused  STATE_NOT_LIVE", "is retired")),
    "a key revoked": (_revoke, ("refused  PROMOTION_KEY_REVOKED", "signed anew")),
    "its files gone": (_forget, ("refused  PROMOTION_UNSIGNED", "refused  EVIDENCE_MISSING", "from a copy")),
    "another config": (
        lambda made, world: made.change("reconcile_s = 60", "reconcile_s = 61"),
        ("refused  BUNDLE_DIFFERS", "config", "live.reconcile_s 60 -> 61", "sluice bundle verify"),
    ),
    "its bundle gone": (_gone, ("refused  BUNDLE_MISSING", "may trade by this record", "sluice bundle create")),
    "its bundle altered": (_altered, ("refused  BUNDLE_ALTERED", "BUNDLE_PART_ALTERED", "sluice bundle create")),
    "a part of its bundle gone": (_part_gone, ("refused  BUNDLE_ALTERED", "BUNDLE_PART_MISSING", "sluice bundle create")),
    "its bundle gone, and its files, and paused": (
        lambda made, world: (_gone(made, world), _pause(made, world), _forget(made, world)),
        ("refused  BUNDLE_MISSING", "refused  PROMOTION_PAUSED", "refused  EVIDENCE_MISSING", "--resume"),
    ),
    "altered, with a key revoked": (
        lambda made, world: (_altered(made, world), _revoke(made, world)),
        ("refused  BUNDLE_ALTERED", "refused  PROMOTION_KEY_REVOKED"),
    ),
    "another config, and paused": (
        lambda made, world: (made.change("reconcile_s = 60", "reconcile_s = 61"), _pause(made, world)),
        ("refused  BUNDLE_DIFFERS", "refused  PROMOTION_PAUSED"),
    ),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_a_governed_record_refuses_what_does_not_hold_and_nothing_is_sent(
    spoil: Callable[[Desk, Promoting], object], words: tuple[str, ...], tmp_path: Path
) -> None:
    with desk(tmp_path) as made:
        spoil(made, promoted(made))
        process = made.start()
        said = " ".join(process.communicate(timeout=60)[0].split())
        assert process.returncode == 3, said
        for word in words:
            assert " ".join(word.split()) in said
        assert made.venue.truth().orders == []
        assert made.of("intent", "send") == []
