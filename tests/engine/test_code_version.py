"""The version of the code is a hash over its files: equal for equal code, another one for any change, wherever it lies."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from engine.code_version import ROOMS, ROOT, code_version


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_copy_has_the_version_of_what_it_is_a_copy_of(copied: Path) -> None:
    assert code_version(copied).source_sha256 == code_version().source_sha256
    assert code_version(copied).lock_sha256 is None, "no checkout"
    assert code_version().lock_sha256 == hashlib.sha256((ROOT / "uv.lock").read_bytes()).hexdigest()


def test_what_python_leaves_beside_the_code_is_no_code(copied: Path) -> None:
    (copied / "orders" / "__pycache__").mkdir()
    (copied / "orders" / "__pycache__" / "sizing.cpython-313.pyc").write_bytes(b"x")
    assert code_version(copied).source_sha256 == code_version().source_sha256


@pytest.mark.parametrize("change", ["a byte", "a name", "a file more", "a file less"])
def test_any_change_of_the_code_is_another_version(change: str, copied: Path) -> None:
    path = copied / "sentinel" / "controls.py"
    match change:
        case "a byte":
            path.write_bytes(path.read_bytes() + b"\n")
        case "a name":
            path.rename(path.with_name("controls_.py"))
        case "a file more":
            path.with_name("more.py").write_bytes(b"")
        case _:
            path.unlink()
    assert code_version(copied).source_sha256 != code_version().source_sha256


def test_the_hash_is_what_sha256sum_prints_hashed(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "a.py").write_bytes(b"a = 1\n")
    told = f"{hashlib.sha256(b'a = 1\n').hexdigest()}  orders/a.py\n"
    assert code_version(tmp_path).source_sha256 == hashlib.sha256(told.encode()).hexdigest()
