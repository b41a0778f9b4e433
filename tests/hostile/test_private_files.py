"""Files of keys that are not kept as keys are: refused for a venue's secret, a person's key and the ledger's alike."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.ledger_key import KEY_NAME, own_signer
from live.signing_keys import load_key, make_key
from orders.errors import ConfigError
from tests.hostile.stand import Stand, stand
from venues.secrets import load_secret

STRANGER = 65_534
SECRET = "thekey0123456789\nthesecret0123456789\n"
ROOT = os.getuid() == 0
IMPORTED = (  # another user may not be able to read the library
    "commands.keys",
    "locale",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
)


class NoRing:
    def get_password(self, service: str, name: str) -> str | None:
        return None


LOADERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a venue's secret": ("binance", lambda keys: load_secret("binance", directory=keys, environ={}, keyring=NoRing())),
    "a person's key": ("ann.pem", lambda keys: load_key("ann", directory=keys)),
    "the ledger's key": (KEY_NAME, own_signer),
}


def _moved(path: Path) -> Path:
    other = path.parent.parent / "elsewhere"
    path.rename(other)
    return other


def _dir_linked(path: Path) -> None:
    real = path.parent.rename(path.parent.parent / "real")
    path.parent.symlink_to(real)


def _instead(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


def _text(text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.chmod(0o600)
        path.write_text(text)
        path.chmod(0o400)

    return change


CASES: dict[str, Callable[[Path], object]] = {
    "all may read it": lambda path: path.chmod(0o444),
    "all may read it, its owner may write": lambda path: path.chmod(0o644),
    "its group may read it": lambda path: path.chmod(0o440),
    "others may read it": lambda path: path.chmod(0o404),
    "its group may write it": lambda path: path.chmod(0o420),
    "others may run it": lambda path: path.chmod(0o401),
    "another user owns it": lambda path: os.chown(path, STRANGER, -1),
    "a link to a good one": lambda path: path.symlink_to(_moved(path)),
    "a link to nothing": lambda path: _instead(path, lambda it: it.symlink_to(it.with_name("nowhere"))),
    "a link to itself": lambda path: _instead(path, lambda it: it.symlink_to(it)),
    "a link to a device": lambda path: _instead(path, lambda it: it.symlink_to("/dev/zero")),
    "its directory is a link": _dir_linked,
    "a second name elsewhere": lambda path: os.link(path, path.parent.parent / "copy"),
    "a directory": lambda path: _instead(path, lambda it: it.mkdir(mode=0o400)),
    "a pipe": lambda path: _instead(path, lambda it: os.mkfifo(it, 0o400)),
    "a socket": lambda path: _instead(path, _socket),
    "others may write its directory": lambda path: path.parent.chmod(0o707),
    "its group may write its directory": lambda path: path.parent.chmod(0o770),
    "another user owns its directory": lambda path: os.chown(path.parent, STRANGER, -1),
    "its directory is a file": lambda path: (path.parent.rename(path.parent.parent / "was"), path.parent.write_text("")),
    "empty": _text(""),
    "no key": _text("hello\n"),
    "larger than any key": _text("k" * 100_000),
    "bytes that are no text": lambda path: (path.chmod(0o600), path.write_bytes(b"\xff\xfe" * 100), path.chmod(0o400)),
}  # fmt: skip
AS_ROOT = {"another user owns it", "another user owns its directory"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory with one good key of each kind."""
    directory = tmp_path / "keys"
    make_key("ann", directory=directory)
    (directory / KEY_NAME).write_bytes((directory / "ann.pem").read_bytes())
    (directory / "binance").write_text(SECRET)
    for name in (KEY_NAME, "binance"):
        (directory / name).chmod(0o400)
    return directory


@pytest.mark.parametrize("loader", LOADERS)
def test_good_keys_are_read(loader: str, keys: Path) -> None:
    assert LOADERS[loader][1](keys) is not None


def test_in_a_directory_that_all_may_use_as_a_temporary_one_a_key_is_read(keys: Path) -> None:
    keys.chmod(0o1777)
    assert own_signer(keys) is not None


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("case", CASES)
def test_a_key_that_is_not_kept_as_one_is_refused_and_says_nothing_of_itself(case: str, loader: str, keys: Path) -> None:
    if case in AS_ROOT and not ROOT:
        pytest.skip("only root gives a file away")
    name, load = LOADERS[loader]
    CASES[case](keys / name)
    with pytest.raises(ConfigError) as refused:
        load(keys)
    assert refused.value.code in ("SECRET_FILE", "SECRET_SHAPE", "KEY_REFUSED")
    assert "thesecret" not in str(refused.value)
    assert refused.value.action


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("said"), *IMPORTED) as made:
        yield made


@pytest.mark.skipif(not ROOT, reason="only root becomes another user")
def test_another_user_cannot_use_a_key_and_is_told_so_by_the_command(keys: Path, served: Stand) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        keys = keys.rename(Path(open_to_all, "keys"))
        keys.chmod(0o755)
        answer = served.ask("keys", "show", "ann", "--directory", keys, user=STRANGER)
        own = served.ask("keys", "show", "ann", "--directory", keys)
    assert (answer.code, answer.faults()) == (2, []), answer
    assert answer.token == "KEY_REFUSED"
    assert own.code == 0
