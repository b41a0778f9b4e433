"""No secret goes into a bundle: a text of the shape of a key is refused by its place, and never shown."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.bundle_secrets import refuse_secrets
from lakehouse.bundles import make_bundle
from orders.errors import ConfigError
from tests.bundle.made import ROOT, shipped

PUBLIC = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SECRETS = {
    "a key of an exchange": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "base64 with signs": "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
    "an identity": "0b1c3f4e-99a1-4d5e-8b17-3f2c1d0e9a8b",
    "a private key": "-----BEGIN PRIVATE KEY-----",
    "a password in an address": "http://ann:hunter2@127.0.0.1:18080",
    "a token in an address": "http://127.0.0.1:1/?api_key=abc",
    "a cloud's key": "AKIAIOSFODNN7EXAMPLE",
    "a token of a chat": "xoxb-123456789012-abcdef",
}
HARMLESS = {
    "a public key": PUBLIC,
    "words": "closes of spring 2022, survivors only: twenty names that are still listed today, and none that is not",
    "a long name": "paper-crypto-binance-rehearsal-of-2026-q1.second-try",
    "an address": "http://127.0.0.1:18080",
    "a zone": "America/Argentina/ComodRivadavia",
    "an instant": "2026-11-01T00:00:00.000000+00:00",
    "a number": "123456789012345.123456789012345678",
    "an instrument": "1000000MOGUSDT-PERP.BINANCE",
    "sessions": "XNYS.2022-03-31.2022-06-02.13-30.20-00",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("place", ["value", "key", "list", "words"])
def test_what_has_the_shape_of_a_key_is_refused_and_not_shown(text: str, place: str) -> None:
    document = {"value": {"a": text}, "key": {"a": {text: "1"}}, "list": {"a": ["x", text]}, "words": {"a": f"see {text} there"}}[
        place
    ]
    with pytest.raises(ConfigError) as refused:
        refuse_secrets(make_bundle({"config": document}))
    assert refused.value.code == "BUNDLE_SECRET"
    assert text not in str(refused.value)
    assert " at a of part config" in str(refused.value)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_key_is_let_through(text: str) -> None:
    refuse_secrets(make_bundle({"config": {"a": text, "b": {text: [text]}}}))


def test_a_hash_passes_under_a_key_that_says_so_and_nowhere_else() -> None:
    refuse_secrets(make_bundle({"assumptions": {"series_sha256": "ab12" * 16}}))
    with pytest.raises(ConfigError):
        refuse_secrets(make_bundle({"assumptions": {"series": "ab12" * 16}}))


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "data/configs").glob("*.toml") if "symbols" not in path.name)
)
def test_every_shipped_config_makes_a_bundle(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["bundle", "create", str(shipped(tmp_path, name))]) == 0


def test_a_canary_in_a_config_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The likeliest slip: the key itself where its name belongs."""
    monkeypatch.chdir(ROOT)
    canary = secrets.token_hex(32)
    path = shipped(tmp_path, "crypto_rehearsal.toml", credentials=f'"{canary}"')
    assert run(["bundle", "create", str(path), "--json"]) == 2
    told = capfd.readouterr()
    assert "BUNDLE_SECRET" in told.out
    assert "live.venues.BINANCE.credentials" in told.out
    assert canary not in told.out + told.err
    assert not (tmp_path / "lake/bundles").exists()


def test_a_canary_among_the_keys_of_a_venue_is_in_no_byte_of_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    canary = secrets.token_hex(32)
    keys = Path(os.environ["SLUICE_KEYS"])
    monkeypatch.setenv("SLUICE_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("BINANCE_SECRET", canary)
    for directory in (keys, tmp_path / "keys"):
        directory.mkdir(exist_ok=True)
        (directory / "rehearsal.json").write_text(canary)
    path = shipped(tmp_path, "crypto_rehearsal.toml")
    assert run(["bundle", "create", str(path)]) == 0
    (keys / "rehearsal.json").unlink()
    files = [one for one in (tmp_path / "lake").rglob("*") if one.is_file()]
    assert len(files) > 5
    assert all(canary.encode() not in one.read_bytes() for one in files)
    assert canary not in capfd.readouterr().out


def test_where_alarms_go_is_no_part_for_an_address_may_be_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = shipped(tmp_path)
    text = path.read_text()
    hashes = set()
    for token in ("T00/B00/XXabcdefgh0123456789", "T11/B11/YYabcdefgh9876543210"):
        path.write_text(f'{text}\n[alarms]\nwebhook = "https://hooks.example/{token}"\nper_minute = 5\ntimeout_s = 5\n')
        assert run(["bundle", "create", str(path)]) == 0
        hashes |= {one.name for one in (tmp_path / "lake/bundles").iterdir()}
    assert len(hashes) == 1
    assert all(b"hooks.example" not in one.read_bytes() for one in (tmp_path / "lake/bundles").rglob("*") if one.is_file())
