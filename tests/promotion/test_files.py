"""Evidence and statements on disk: called by their hash, written once, proven on every read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from lakehouse.layout import Layout
from lakehouse.promotion_files import keep_promotion_file, read_promotion_file
from orders.errors import InputError, StorageError

DATA = b'{"verdict":"PASS"}'
NAME = sha256(DATA).hexdigest()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_what_is_kept_is_read_again_and_cannot_be_written(layout: Layout) -> None:
    assert keep_promotion_file(layout, DATA) == NAME
    path = layout.promotions / f"{NAME}.json"
    assert read_promotion_file(layout, NAME) == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [one.name for one in layout.promotions.iterdir()] == [path.name]


def test_the_same_bytes_are_kept_once(layout: Layout) -> None:
    keep_promotion_file(layout, DATA)
    before = (layout.promotions / f"{NAME}.json").stat()
    keep_promotion_file(layout, DATA)
    after = (layout.promotions / f"{NAME}.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _alter(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(DATA.replace(b"PASS", b"FAIL"))


def _link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (Path.unlink, "PROMOTION_FILE_MISSING"),
        (_alter, "PROMOTION_FILE_ALTERED"),
        (_link, "PROMOTION_FILE_ALTERED"),
        (_pipe, "PROMOTION_FILE_ALTERED"),
    ],
    ids=["gone", "altered", "a link to the very bytes", "a pipe"],
)
def test_a_file_that_is_not_what_it_is_called_is_refused(layout: Layout, spoil: Callable[[Path], None], code: str) -> None:
    keep_promotion_file(layout, DATA)
    spoil(layout.promotions / f"{NAME}.json")
    with pytest.raises(InputError) as caught:
        read_promotion_file(layout, NAME)
    assert caught.value.code == code


def test_an_altered_file_is_not_taken_for_the_one_that_is_to_be_kept(layout: Layout) -> None:
    keep_promotion_file(layout, DATA)
    _alter(layout.promotions / f"{NAME}.json")
    with pytest.raises(InputError, match="PROMOTION_FILE_ALTERED"):
        keep_promotion_file(layout, DATA)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63])
def test_what_is_no_hash_is_no_name(layout: Layout, name: str) -> None:
    with pytest.raises(InputError, match="PROMOTION_FILE_MISSING"):
        read_promotion_file(layout, name)


def test_a_directory_that_cannot_be_written_is_said(layout: Layout) -> None:
    layout.promotions.write_bytes(b"a file")
    with pytest.raises(StorageError):
        keep_promotion_file(layout, DATA)
