"""`sluice keys` and `sluice arm`: a person's key, made once and never shown, and what it signs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from commands.main import run
from engine.run_config import load_config
from live.arming_file import read_arming
from live.signing_keys import load_key, make_key
from orders.errors import ConfigError
from tests.live.config import live_config


def arm(config: Path, keys: Path, **change: str) -> int:
    options = {"venue": "BINANCE", "notional": "1000.50", "hours": "8", "by": "alice"} | change
    return run(["arm", str(config), "--directory", str(keys), *(part for k, v in options.items() for part in (f"--{k}", v))])


def test_a_key_is_made_once_and_only_its_public_half_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "new", "alice", "--directory", str(tmp_path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    file = Path(made["file"])
    assert file.stat().st_mode & 0o777 == 0o400
    assert file.read_text().splitlines()[1] not in json.dumps(made)
    assert run(["keys", "show", "alice", "--directory", str(tmp_path)]) == 0
    assert made["public"] in capsys.readouterr().out
    assert run(["keys", "new", "alice", "--directory", str(tmp_path)]) == 2
    assert "KEY_EXISTS" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../alice", "", "a" * 65, ".hidden", "a/b"])
def test_a_name_that_is_a_path_makes_no_key(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "new", name, "--directory", str(tmp_path)]) == 2
    assert "KEY_NAME" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["others may read", "a link", "not a key", "another kind of key", "a pipe", "a directory"])
def test_a_key_that_is_not_its_owner_s_alone_is_refused(state: str, tmp_path: Path) -> None:
    make_key("alice", directory=tmp_path)
    path = tmp_path / "alice.pem"
    if state == "others may read":
        path.chmod(0o440)
    elif state == "a link":
        path.rename(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    elif state == "a pipe":
        path.unlink()
        os.mkfifo(path, 0o400)
    elif state == "a directory":
        path.unlink()
        path.mkdir(0o700)
    else:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        path.chmod(0o600)
        other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(b"key" if state == "not a key" else other)
        path.chmod(0o400)
    with pytest.raises(ConfigError) as refused:
        load_key("alice", directory=tmp_path)
    assert refused.value.code == "KEY_REFUSED"


def test_an_arming_is_signed_for_the_config_s_account_and_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    path = live_config(tmp_path, make_key("alice", directory=keys))
    assert arm(path, keys) == 0
    assert "armed    BINANCE account 42, 1,000.50 USD a day" in capsys.readouterr().out
    config = load_config(path)
    assert config.live is not None
    arming = read_arming(config.live.venues["BINANCE"].arming, trusted=config.live.persons)
    assert (arming.account_id, str(arming.day_notional), arming.environment) == ("42", "1000.50", config.environment)
    assert arming.expires_ns - arming.not_before_ns == 8 * 3_600_000_000_000


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("ARM_FOREIGN", {"venue": "OKX"}),
        ("KEY_MISSING", {"by": "bob"}),
        ("CAP_EXCEEDED", {"notional": "500000.01"}),
        ("USAGE", {"hours": "25"}),
        ("USAGE", {"notional": "0"}),
        ("USAGE", {"notional": "nan"}),
    ],
)
def test_nothing_is_armed_that_the_config_does_not_allow(
    code: str, change: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    path = live_config(tmp_path, make_key("alice", directory=keys))
    assert arm(path, keys, **change) == 2
    assert code in capsys.readouterr().err
    assert not (tmp_path / "arming.json").exists()


def test_a_key_the_config_does_not_name_arms_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_key("alice", directory=tmp_path / "keys")
    path = live_config(tmp_path, make_key("alice", directory=tmp_path / "other"))
    assert arm(path, tmp_path / "keys") == 2
    assert "ARM_FOREIGN" in capsys.readouterr().err
    assert not (tmp_path / "arming.json").exists()
