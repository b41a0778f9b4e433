"""What the hash of a bundle is of: every value a run uses, and neither spelling nor place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.bundle_parts import GIVEN, Window, bundle_of, parts_of
from engine.code_document import code_document
from engine.code_version import ROOMS, code_version
from engine.inputs import read_inputs
from engine.run_config import RunConfig, load_config
from lakehouse.bundle_diff import compared
from orders.canonical import canonical_sha256
from sentinel.limits import limits_sha256
from tests.bundle.made import ROOT, shipped

CONFIGS: Final = sorted(
    path.name
    for path in (ROOT / "data/configs").glob("*.toml")
    if "schema_version" in path.read_text() and "[policy]" in path.read_text()
)
PERSONS: Final = ("live.persons.", "live.revoked_keys.", "override.persons.", "override.revoked_keys.")  # in no part
PLACES: Final = {"command", "webhook"}  # of alarms: told apart from none, not from each other


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def sha256_of(path: Path) -> str:
    config = load_config(path)
    return bundle_of(config, read_inputs(config)).sha256


def spelt(value: Any, pick: Any) -> str:
    """TOML of a value, in one of many spellings: keys in any order, numbers with zeros, instants of any zone."""
    if isinstance(value, dict):
        items = pick.sample(list(value.items()), len(value))
        return "{" + ", ".join(f"{json.dumps(key)} = {spelt(one, pick)}" for key, one in items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spelt(one, pick) for one in value) + ",]" if value else "[ ]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(timezone(timedelta(hours=pick.randint(-11, 11)))).isoformat()
    if isinstance(value, int | date):
        return str(value)
    if value.replace(".", "", 1).isdigit() and "." in value:
        value += "0" * pick.randint(0, 3)
    return json.dumps(value)


@given(pick=st.randoms(use_true_random=False), name=st.sampled_from(CONFIGS))
def test_spelling_order_and_comments_of_a_config_change_nothing(
    pick: Any, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = ROOT / "data/configs" / name
    document = tomllib.loads(original.read_text())
    lines = [f"{key} = {spelt(value, pick)}  # {pick.random()}" for key, value in document.items()]
    pick.shuffle(lines)
    path = tmp_path_factory.mktemp("spelt") / "run.toml"
    path.write_text("\n".join(["# another comment", *lines]))
    assert sha256_of(path) == sha256_of(original)


def other(value: Any) -> Any:
    """Some other value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(one for one in type(value) if one is not value)
    if isinstance(value, Decimal):
        return value + Decimal("0.001")
    if isinstance(value, datetime | date):
        return value - timedelta(days=1) if value.year > 3000 else value + timedelta(days=1)
    return value + 1 if isinstance(value, int) else value + "x"


def changes(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the value with one leaf of it changed, for every leaf that is no path, and where that is."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            for where, changed in changes(getattr(value, name), f"{path}.{name}"):
                yield where, value.model_copy(update={name: changed})
    elif isinstance(value, dict):
        for key, one in value.items():
            for where, changed in changes(one, f"{path}.{key}"):
                yield where, value | {key: changed}
    elif isinstance(value, list):
        for number, one in enumerate(value):
            for where, changed in changes(one, f"{path}.{number}"):
                yield where, [*value[:number], changed, *value[number + 1 :]]
    elif value is not None and not isinstance(value, Path):
        yield path.removeprefix("."), other(value)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_value_of_a_config_is_in_its_hash(name: str) -> None:
    config = load_config(ROOT / "data/configs" / name)
    inputs = read_inputs(config)
    known = {"itself": bundle_of(config, inputs).sha256}
    for where, changed in changes(config):
        if where.endswith(".calendar"):
            continue  # another calendar needs another file of hours: below
        if where in ("data.start", "data.end") and config.data.live:
            continue  # live prices have none; what stands there is put there by the reading
        if where.startswith(PERSONS):
            assert bundle_of(changed, inputs).sha256 == known["itself"], "who may sign is no part"
            continue
        assert where not in known
        known[where] = bundle_of(changed, inputs).sha256
    assert len(known) > 90
    assert len(set(known.values())) == len(known), "two configs that differ have one hash"


def test_another_calendar_or_other_hours_are_another_bundle(tmp_path: Path) -> None:
    path = shipped(tmp_path, "sessions.toml")
    config = load_config(path)
    hours = next(venue.hours for venue in config.venues.values() if venue.hours is not None)
    document = json.loads(hours.read_text())
    sessions = document["calendars"]["XNYS"]
    sessions.pop()
    (tmp_path / "hours.json").write_text(json.dumps(document))
    (tmp_path / "later.json").write_text(json.dumps(json.loads(hours.read_text()) | {"made_at_ns": "1", "source": "elsewhere"}))
    text = path.read_text()
    assert str(hours) in text
    hashes = []
    for name in ("hours.json", "later.json"):
        path.write_text(text.replace(str(hours), str(tmp_path / name)))
        hashes.append(sha256_of(path))
    assert hashes[0] != sha256_of(shipped(tmp_path, "sessions.toml")) == hashes[1], "the stamp of a file is no hour of a market"


def test_volumes_are_a_part_where_a_config_names_them(tmp_path: Path) -> None:
    volumes = tmp_path / "volumes.json"
    entry = {"symbol": "NYSE:XOM", "units_per_day": "1000", "days": 20, "as_of_ns": "1", "valid_until_ns": "2"}
    path = shipped(tmp_path)
    text = path.read_text().replace('calendar = "none"', f'calendar = "none"\nvolumes = "{volumes}"')
    path.write_text(text)
    hashes = []
    for units in ("1000", "1000.0", "1001"):
        volumes.write_text(
            json.dumps({"version": 1, "made_at_ns": "1", "source": "test", "volumes": [entry | {"units_per_day": units}]})
        )
        config = load_config(path)
        bundle = bundle_of(config, read_inputs(config))
        assert "volumes/US" in bundle.parts
        hashes.append(bundle.sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_limit_of_the_market_or_a_line_of_the_symbol_map_is_another_bundle(tmp_path: Path) -> None:
    path = shipped(tmp_path)
    before = sha256_of(path)
    for shipped_file, old, new, part in (
        ("data/samples/sp500/limits.json", '"tick_size": "0.0001"', '"tick_size": "0.05"', "market_limits/US"),
        ("data/configs/symbols.toml", "AAPL.US", "AAPLX.US", "symbols"),
    ):
        text = (ROOT / shipped_file).read_text()
        assert old in text
        (tmp_path / "file").write_text(text.replace(old, new, 1))
        original = path.read_text()
        path.write_text(original.replace(shipped_file, str(tmp_path / "file")))
        assert sha256_of(path) != before, part
        path.write_text(original)


def test_a_symbol_that_is_not_allowed_is_in_no_part(tmp_path: Path) -> None:
    text = (ROOT / "data/configs/symbols.toml").read_text()
    first = text.index("[[listing]]")
    assert "NASDAQ:NVDA" not in text
    fields = {
        "symbol": "NASDAQ:NVDA",
        "venue": "US",
        "instrument_id": "NVDA.US",
        "quote_currency": "USD",
        "asset_class": "equity",
    }
    more = "\n".join(["[[listing]]", *(f'{key} = "{value}"' for key, value in fields.items()), "", ""])
    (tmp_path / "symbols.toml").write_text(text[:first] + more + text[first:])
    path = shipped(tmp_path)
    before = sha256_of(path)
    path.write_text(path.read_text().replace("data/configs/symbols.toml", str(tmp_path / "symbols.toml")))
    assert sha256_of(path) == before


def test_assumptions_named_by_a_file_are_those_of_the_file(tmp_path: Path) -> None:
    from lakehouse.assumptions_file import read_assumptions
    from orders.canonical import sha256_hex

    path = shipped(tmp_path)
    text = path.read_text()
    begins, ends = text.index("[assumptions]"), text.index("[symbols]")
    (tmp_path / "assumed.toml").write_text("schema_version = 1\n\n" + text[begins:ends])
    sha256 = sha256_hex((tmp_path / "assumed.toml").read_bytes())
    assert read_assumptions(tmp_path / "assumed.toml", sha256=sha256)
    before = sha256_of(path)
    named = f'[assumptions]\nfile = "{tmp_path / "assumed.toml"}"\nsha256 = "{sha256}"\n\n'
    path.write_text(text[:begins] + named + text[ends:])
    assert sha256_of(path) == before


def test_the_parts_of_limits_and_assumptions_have_the_hashes_that_stand_on_the_lines_of_a_log(tmp_path: Path) -> None:
    config = load_config(shipped(tmp_path))
    parts = bundle_of(config, read_inputs(config)).parts
    assert parts["limits"].sha256 == limits_sha256(config.sentinel_limits())
    assert parts["assumptions"].sha256 == canonical_sha256(config.assumptions())


def test_a_window_of_days_stands_in_part_data_alone(tmp_path: Path) -> None:
    config = load_config(shipped(tmp_path))
    inputs = read_inputs(config)
    window = Window(first=date(2022, 4, 1), last=date(2022, 5, 1))
    found = compared(bundle_of(config, inputs).parts, bundle_of(config, inputs, window=window).parts)
    (part,) = (part for part in found if part.state != "same")
    assert part.name == "data"
    assert [(one.key, one.new) for one in part.changes] == [("end", "2022-05-01"), ("start", "2022-04-01")]


def test_live_prices_have_no_window_unless_one_is_said() -> None:
    config = load_config(ROOT / "data/configs/crypto_live.toml")
    data = parts_of(config, read_inputs(config))["data"]
    assert (data["start"], data["end"], data["prices_sha256"]) == (None, None, None)


@pytest.mark.parametrize("name", CONFIGS)
def test_no_path_stands_in_a_part(name: str) -> None:
    config = load_config(ROOT / "data/configs" / name)
    parts = parts_of(config, read_inputs(config))
    told = json.dumps({part: document for part, document in parts.items() if part != "code"})
    assert GIVEN in told
    assert str(ROOT) not in told
    assert "data/" not in json.dumps(parts["config"])
    assert all(not source.startswith("/") for source in parts["code"]["sources"])


def test_the_code_is_every_source_file_and_the_packages_that_pyproject_names() -> None:
    document = code_document()
    wanted = {path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert document["sources"].keys() == wanted
    assert document["source_sha256"] == code_version().source_sha256, "what other evidence names the code by"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {entry.partition("[")[0].partition(">")[0].partition("=")[0].replace("_", "-") for entry in project["dependencies"]}
    assert document["packages"].keys() == names
    assert document["packages"]["ccxt"] in (ROOT / "pyproject.toml").read_text()
    assert document["sluice"] == project["version"]


def clone(place: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data/configs", place / "data/configs")
    shutil.copytree(ROOT / "data/samples/sp500", place / "data/samples/sp500")
    shutil.copy(ROOT / "uv.lock", place)
    return place


def made_in(place: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "commands.main", "bundle", "create", "data/configs/shadow.toml", "--json"]
    environ = os.environ | {"PYTHONPATH": str(place)}
    done = subprocess.run(words, cwd=place, env=environ, capture_output=True, text=True, check=True, timeout=60)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_two_clones_at_different_places_make_one_bundle_and_a_changed_byte_of_code_another(tmp_path: Path) -> None:
    one, two = clone(tmp_path / "one"), clone(tmp_path / "a place/with another name")
    first, second = made_in(one), made_in(two)
    assert first["sha256"] == second["sha256"]
    assert first["directory"] == second["directory"] == f"data/lakehouse/bundles/{first['sha256']}"
    heads = [(place / first["directory"] / "bundle.json").read_bytes() for place in (one, two)]
    assert heads[0] == heads[1]
    with (two / "engine/gate.py").open("a") as file:
        file.write("\n")
    (one / "uv.lock").write_text((one / "uv.lock").read_text() + "\n")
    third, fourth = made_in(two), made_in(one)
    for later in (third, fourth):
        changed = {name for name, part in later["parts"].items() if part != first["parts"][name]}
        assert changed == {"code"}
    assert third["sha256"] != fourth["sha256"]


def test_a_config_is_a_value_of_run_config_so_that_a_new_key_of_it_is_in_the_hash_by_itself() -> None:
    config = load_config(ROOT / "data/configs/shadow.toml")
    told = parts_of(config, read_inputs(config))
    in_parts = {"sentinel": "limits", "assumptions": "assumptions", "schedules": "schedules", "data": "data"}
    for name, field in RunConfig.model_fields.items():
        key = field.alias or name
        assert in_parts.get(key, "config") in told
        assert key in told["config"] or key in in_parts
