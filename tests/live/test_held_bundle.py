"""What a live run is held to, and every way in which the bundle on disk and the run can disagree, in words for the arming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.inputs import read_inputs
from engine.run_config import load_config
from live.held_bundle import HeldBundle, held_bundle
from live.promoted import other_gates
from orders.errors import ConfigError
from tests.promotion.world import Promoting, promoting

OTHER = "b" * 64


def held(made: Promoting, named: str | None, *, current: str | None = None) -> HeldBundle:
    config = load_config(made.config)
    return held_bundle(config, read_inputs(config), layout=made.layout, named=named, current=current)


@pytest.fixture
def made(tmp_path: Path) -> Promoting:
    return promoting(tmp_path, drill=False)


def _away(made: Promoting) -> None:
    (made.layout.bundles / made.bundle).rename(made.root / "away")


def _head(made: Promoting) -> None:
    (made.layout.bundles / made.bundle / "bundle.json").unlink()


def _part(made: Promoting) -> None:
    part = next(path for path in sorted((made.layout.bundles / made.bundle).iterdir()) if path.name != "bundle.json")
    part.chmod(0o644)
    part.write_bytes(part.read_bytes() + b" ")


def _link(made: Promoting) -> None:
    _away(made)
    (made.layout.bundles / made.bundle).symlink_to(made.root / "away")


def _more(made: Promoting) -> None:
    (made.layout.bundles / made.bundle / "notes.txt").write_text("mine")


WRONG: dict[str, tuple[Callable[[Promoting], None], str, str]] = {
    "its directory gone": (_away, "gone", "which may trade by this record"),
    "a link in its place": (_link, "altered", "BUNDLE_LINK"),
    "no list of parts": (_head, "altered", "BUNDLE_PART_MISSING"),
    "a byte more in a part": (_part, "altered", "BUNDLE_PART_ALTERED"),
    "a file more": (_more, "altered", "BUNDLE_PART_EXTRA"),
    "another limit in the config": (
        lambda made: made.edit('max_leverage = "1"', 'max_leverage = "2"'),
        "differs",
        "max_leverage",
    ),
}


@pytest.mark.parametrize("digits", [64, 12], ids=["whole", "its beginning"])
@pytest.mark.parametrize(("spoil", "what", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_the_current_bundle_is_told_under_its_own_hash(
    spoil: Callable[[Promoting], None], what: str, words: str, digits: int, made: Promoting
) -> None:
    assert held(made, made.bundle, current=made.bundle).sha256 == made.bundle
    spoil(made)
    found = held(made, made.bundle[:digits], current=made.bundle)
    texts = {name: getattr(found, name) for name in ("gone", "altered", "differs")}
    assert [name for name, text in texts.items() if text] == [what]
    assert words in texts[what]
    assert found.sha256 == made.bundle


def test_a_bundle_by_its_path_is_named_by_its_last_part(made: Promoting) -> None:
    _part(made)
    found = held(made, f"{made.layout.bundles / made.bundle}/")
    assert (found.sha256, "BUNDLE_PART_ALTERED" in found.altered) == (made.bundle, True)


@pytest.mark.parametrize("current", [None, OTHER])
def test_a_name_that_the_record_does_not_know_either_is_a_mistake_of_the_command_line(
    current: str | None, made: Promoting
) -> None:
    with pytest.raises(ConfigError, match="BUNDLE_UNKNOWN"):
        held(made, "beef", current=current)


def test_a_run_that_is_held_to_nothing_goes_by_its_own(made: Promoting) -> None:
    found = held(made, None)
    assert (found.sha256, found.bundle.sha256) == (made.bundle, made.bundle)


def test_another_gates_file_than_the_evidence_was_of_is_told_and_none_is_asked_of_what_had_no_evidence(made: Promoting) -> None:
    made.drill(passed=True)
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    passed = made.promotions.passed[made.bundle]
    assert passed.gates_sha256 is not None
    assert other_gates(passed, gates_sha256=passed.gates_sha256, path=made.gates) == ""
    assert other_gates(None, gates_sha256=OTHER, path=made.gates) == ""
    told = other_gates(passed, gates_sha256=OTHER, path=made.gates)
    assert OTHER in told
    assert passed.gates_sha256 in told
