"""A bundle on disk: one byte string for one content, written once, and refused when any of it is not what it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.bundles import HEAD, find_bundle, known_bundles, make_bundle, read_bundle, write_bundle
from lakehouse.layout import Layout
from orders.canonical import canonical_bytes
from orders.errors import ConfigError, InputError
from tests.bundle.made import ROOT, TINY, tiny, written

GOLDEN = ROOT / "tests/golden/bundle"


def test_a_bundle_has_the_hash_and_the_bytes_it_always_had(tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    (golden,) = GOLDEN.iterdir()
    assert directory.name == golden.name
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        path.name: path.read_bytes() for path in golden.iterdir()
    }


def test_a_stranger_proves_a_bundle_with_sha256sum(tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    shown = subprocess.run(
        ["sha256sum", *sorted(p.name for p in directory.iterdir())], cwd=directory, capture_output=True, text=True
    )
    sums = dict(reversed(line.split()) for line in shown.stdout.splitlines())
    assert sums.pop(HEAD) == directory.name
    assert sums
    assert all(name == digest for name, digest in sums.items())
    parts = json.loads((directory / HEAD).read_text())["parts"]
    assert {fields["sha256"] for fields in parts.values()} == set(sums)


def test_a_second_bundle_of_the_same_content_changes_nothing(tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    before = {path: path.stat() for path in (directory, *directory.iterdir())}
    assert write_bundle(Layout(tmp_path), tiny()) == (directory, False)
    assert {path: path.stat() for path in (directory, *directory.iterdir())} == before
    assert known_bundles(Layout(tmp_path)) == [directory.name]


def test_nobody_may_write_a_bundles_files_and_none_is_left_half_made(tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o444}
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


def test_what_a_killed_process_left_of_a_bundle_is_no_bundle_and_in_nobodys_way(tmp_path: Path) -> None:
    import os

    half = tmp_path / "bundles" / f".new-{os.getpid()}-{tiny().sha256[:16]}"
    half.mkdir(parents=True)
    (half / HEAD).write_bytes(b"{")
    assert known_bundles(Layout(tmp_path)) == []
    assert read_bundle(written(tmp_path, tiny()), sha256=tiny().sha256).parts == tiny().parts
    assert not half.exists()


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    bundle = read_bundle(written(tmp_path, tiny()), sha256=None)
    assert bundle == tiny()
    assert {name: part.document() for name, part in bundle.parts.items()} == TINY


def test_two_parts_of_the_same_content_are_one_file(tmp_path: Path) -> None:
    bundle = make_bundle({"hours/A": {"x": 1}, "hours/B": {"x": 1}})
    directory = written(tmp_path, bundle)
    assert len(list(directory.iterdir())) == 2
    assert read_bundle(directory, sha256=None) == bundle


def test_the_order_of_keys_and_parts_changes_nothing() -> None:
    backwards: dict[str, Any] = {name: dict(reversed(part.items())) for name, part in reversed(TINY.items())}
    assert make_bundle(backwards) == tiny()


def part(directory: Path, name: str = "limits") -> Path:
    return directory / json.loads((directory / HEAD).read_text())["parts"][name]["sha256"]


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def altered(directory: Path) -> None:
    rewrite(part(directory), part(directory).read_bytes().replace(b"1.05", b"1.06"))


def appended(directory: Path) -> None:
    rewrite(part(directory), part(directory).read_bytes() + b"\n")


def emptied(directory: Path) -> None:
    rewrite(part(directory), b"")


def missing(directory: Path) -> None:
    part(directory).unlink()


def extra(directory: Path) -> None:
    (directory / "notes.txt").write_text("beside it")


def hidden(directory: Path) -> None:
    (directory / ".hidden").write_text("beside it")


def linked_part(directory: Path) -> None:
    path = part(directory)
    path.rename(directory.parent / "elsewhere")
    path.symlink_to(directory.parent / "elsewhere")


def linked_head(directory: Path) -> None:
    (directory / HEAD).rename(directory.parent / "elsewhere")
    (directory / HEAD).symlink_to(directory.parent / "elsewhere")


def linked_directory(directory: Path) -> None:
    directory.rename(directory.parent.parent / "elsewhere")
    directory.symlink_to(directory.parent.parent / "elsewhere")


def a_pipe(directory: Path) -> None:
    import os

    part(directory).unlink()
    os.mkfifo(directory / json.loads((directory / HEAD).read_text())["parts"]["limits"]["sha256"])


def a_directory(directory: Path) -> None:
    path = part(directory)
    path.unlink()
    path.mkdir()


def headless(directory: Path) -> None:
    (directory / HEAD).unlink()


def a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("a file")


def head(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A head that says something else, in the canonical spelling, and its directory called by its new hash."""

    def changed(directory: Path) -> None:
        document = json.loads((directory / HEAD).read_text())
        change(document)
        data = canonical_bytes(document)
        rewrite(directory / HEAD, data)

    return changed


def respelt(directory: Path) -> None:
    rewrite(directory / HEAD, json.dumps(json.loads((directory / HEAD).read_text()), indent=1).encode())


def respelt_part(directory: Path) -> None:
    """A part in another spelling, its own hash and size in the head: it says the same, and would have another hash."""
    data = json.dumps(json.loads(part(directory).read_text()), indent=1).encode()
    stated = part(directory)
    document = json.loads((directory / HEAD).read_text())
    document["parts"]["limits"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    stated.unlink()
    (directory / hashlib.sha256(data).hexdigest()).write_bytes(data)
    rewrite(directory / HEAD, canonical_bytes(document))


def not_json(directory: Path) -> None:
    rewrite(directory / HEAD, b"no JSON")


def too_deep(directory: Path) -> None:
    rewrite(directory / HEAD, b"[" * 10_000)


def twice(directory: Path) -> None:
    rewrite(directory / HEAD, (directory / HEAD).read_bytes().replace(b'{"format"', b'{"v":1,"format"', 1))


TAMPERED = {
    "a value of a part is another": (altered, "BUNDLE_PART_ALTERED"),
    "a part has a line end more": (appended, "BUNDLE_PART_ALTERED"),
    "a part is empty": (emptied, "BUNDLE_PART_ALTERED"),
    "a part is missing": (missing, "BUNDLE_PART_MISSING"),
    "a file too many": (extra, "BUNDLE_PART_EXTRA"),
    "a hidden file too many": (hidden, "BUNDLE_PART_EXTRA"),
    "a part is a link": (linked_part, "BUNDLE_LINK"),
    "the head is a link": (linked_head, "BUNDLE_LINK"),
    "the directory is a link": (linked_directory, "BUNDLE_LINK"),
    "a part is a pipe": (a_pipe, "BUNDLE_MALFORMED"),
    "a part is a directory": (a_directory, "BUNDLE_MALFORMED"),
    "there is no head": (headless, "BUNDLE_PART_MISSING"),
    "the bundle is a file": (a_file, "BUNDLE_LINK"),
    "the head is no JSON": (not_json, "BUNDLE_MALFORMED"),
    "the head nests too deep": (too_deep, "BUNDLE_MALFORMED"),
    "the head has a key twice": (twice, "BUNDLE_MALFORMED"),
    "the head is spelt otherwise": (respelt, "BUNDLE_MALFORMED"),
    "a part is spelt otherwise, under its hash": (respelt_part, "BUNDLE_ALTERED"),
    "another version": (head(lambda document: document.update(v=2)), "BUNDLE_VERSION"),
    "true for a version": (head(lambda document: document.update(v=True)), "BUNDLE_VERSION"),
    "another format": (head(lambda document: document.update(format="other")), "BUNDLE_MALFORMED"),
    "an unknown key": (head(lambda document: document.update(more=1)), "BUNDLE_MALFORMED"),
    "no parts": (head(lambda document: document.update(parts={})), "BUNDLE_MALFORMED"),
    "parts are a list": (head(lambda document: document.update(parts=[1])), "BUNDLE_MALFORMED"),
    "a part leads out by its name": (head(lambda document: document["parts"].update({"../x": {}})), "BUNDLE_MALFORMED"),
    "a part leads out by its hash": (
        head(lambda document: document["parts"]["data"].update(sha256="../../etc/passwd")),
        "BUNDLE_MALFORMED",
    ),
    "a size below zero": (head(lambda document: document["parts"]["data"].update(bytes=-1)), "BUNDLE_MALFORMED"),
    "another size": (head(lambda document: document["parts"]["data"].update(bytes=7)), "BUNDLE_ALTERED"),
    "a part less": (head(lambda document: document["parts"].pop("data")), "BUNDLE_ALTERED"),
}


@pytest.mark.parametrize(("tamper", "code"), TAMPERED.values(), ids=TAMPERED)
def test_a_bundle_that_is_not_what_it_was_is_refused(tamper: Callable[[Path], None], code: str, tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    tamper(directory)
    with pytest.raises(InputError) as refused:
        read_bundle(directory, sha256=tiny().sha256)
    assert refused.value.code == code
    with pytest.raises(InputError):
        write_bundle(Layout(tmp_path), tiny())  # what is there is never mended by writing over it


RENAMED = ["a part is spelt otherwise, under its hash", "another size", "a part less"]


@pytest.mark.parametrize("name", RENAMED)
def test_a_head_that_was_changed_is_no_sound_bundle_under_another_name_either(name: str, tmp_path: Path) -> None:
    """Whoever gives the directory another name has made another bundle at best, with another hash."""
    directory = written(tmp_path, tiny())
    TAMPERED[name][0](directory)
    with pytest.raises(InputError) as refused:
        read_bundle(directory.rename(tmp_path / "copy"), sha256=None)
    assert refused.value.code in ("BUNDLE_MALFORMED", "BUNDLE_PART_ALTERED", "BUNDLE_PART_EXTRA")


@pytest.mark.parametrize("digits", [4, 12, 64])
def test_a_bundle_is_found_by_the_first_digits_of_its_hash(digits: int, tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    assert find_bundle(Layout(tmp_path), directory.name[:digits]) == (directory, directory.name)


def test_a_bundle_is_found_by_its_directory_which_may_be_a_copy_of_another_name(tmp_path: Path) -> None:
    directory = written(tmp_path, tiny())
    assert find_bundle(Layout(tmp_path / "other"), str(directory)) == (directory, directory.name)
    copy = shutil.copytree(directory, tmp_path / "of-march")
    assert find_bundle(Layout(tmp_path / "other"), str(copy)) == (copy, None)
    assert read_bundle(copy, sha256=None).sha256 == directory.name


def test_the_beginning_of_two_hashes_names_neither(tmp_path: Path) -> None:
    for name in ("ab" * 32, "ab" * 31 + "cd"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
    with pytest.raises(ConfigError) as refused:
        find_bundle(Layout(tmp_path), "abab")
    assert refused.value.code == "BUNDLE_AMBIGUOUS"
    assert find_bundle(Layout(tmp_path), "ab" * 32)[1] == "ab" * 32


@pytest.mark.parametrize("named", ["abcd", "abc", "", "no/such/place", "a\0b", "f" * 65, "ÄÄÄÄ"])
def test_a_name_that_nothing_has_is_refused(named: str, tmp_path: Path) -> None:
    written(tmp_path, tiny())
    with pytest.raises(ConfigError) as refused:
        find_bundle(Layout(tmp_path), named)
    assert refused.value.code == "BUNDLE_UNKNOWN"
