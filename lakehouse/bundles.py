"""Bundles on disk: everything a run depends on, in parts, each a file whose name is the sha256 of its bytes.

A bundle is a directory. `bundle.json`, canonical JSON, names the parts; its own sha256 is the bundle's hash and the directory's
name. `sha256sum *` in it proves all of it. What is written is never written again. Nothing here judges what a part says.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from lakehouse.layout import Layout, storage_error, sync_directory, write_all
from lakehouse.strict_json import parse, read_bounded
from orders.canonical import canonical_bytes, sha256_hex
from orders.errors import ConfigError, InputError
from orders.values import Record

FORMAT: Final = "sluice-bundle"
BUNDLE_VERSION: Final = 1
BUNDLE_FIELDS: Final = frozenset({"format", "v", "parts"})
PART_FIELDS: Final = frozenset({"sha256", "bytes"})
HEAD: Final = "bundle.json"
HEAD_SIZE_MAX: Final = 1 << 20  # bytes; two hundred venues with three parts each are 60 kB
PART_SIZE_MAX: Final = 64 << 20  # bytes; the hours of a hundred years are 10 MB
PARTS_MAX: Final = 1_000
DEPTH_MAX: Final = 24
SHA256: Final = re.compile(r"[0-9a-f]{64}")
PREFIX: Final = re.compile(r"[0-9a-f]{4,64}")
PART_NAME: Final = re.compile(r"[a-z_]{1,32}(?:/[A-Za-z0-9._-]{1,64})?")
FILE_MODE: Final = 0o444
KEEP: Final = "Change nothing and keep a copy; a person must look. `sluice bundle create` makes a bundle anew."


class Part(Record, frozen=True, kw_only=True):
    """One part: canonical JSON, and its sha256."""

    name: str
    sha256: str
    data: bytes

    def document(self) -> Any:
        """Return what the part says, as plain JSON types. Raises `InputError` as `strict_json.parse`."""
        return parse(self.data, what=f"part {self.name}", size_max=PART_SIZE_MAX, depth_max=DEPTH_MAX)


class Bundle(Record, frozen=True, kw_only=True):
    """All parts by name, and the sha256 of the bytes that name them."""

    sha256: str
    head: bytes
    parts: Mapping[str, Part]


def make_bundle(parts: Mapping[str, Any]) -> Bundle:
    """Return the bundle of these documents. They are values of `orders.canonical`: the same values, the same hash."""
    made = {}
    for name, document in sorted(parts.items()):
        assert PART_NAME.fullmatch(name), name
        data = canonical_bytes(document)
        made[name] = Part(name=name, sha256=sha256_hex(data), data=data)
    head = canonical_bytes(
        {
            "format": FORMAT,
            "v": BUNDLE_VERSION,
            "parts": {name: {"sha256": part.sha256, "bytes": len(part.data)} for name, part in made.items()},
        }
    )
    return Bundle(sha256=sha256_hex(head), head=head, parts=made)


def write_bundle(layout: Layout, bundle: Bundle) -> tuple[Path, bool]:
    """Write a bundle, whole or not at all; return its directory and whether it is new.

    One that is there already is read and proven, and not touched. Raises `StorageError`, and what `read_bundle` raises.
    """
    directory = layout.bundles / bundle.sha256
    if _is_there(directory):
        read_bundle(directory, sha256=bundle.sha256)
        return directory, False
    fresh = layout.bundles / f".new-{os.getpid()}-{bundle.sha256[:16]}"
    try:
        layout.bundles.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)  # of a process of the same number that was killed
        fresh.mkdir()
        for name, data in {HEAD: bundle.head, **{part.sha256: part.data for part in bundle.parts.values()}}.items():
            _write(fresh / name, data)
        sync_directory(fresh)
        os.rename(fresh, directory)
        sync_directory(layout.bundles)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and _is_there(directory):  # another process was first
            read_bundle(directory, sha256=bundle.sha256)
            return directory, False
        raise storage_error(error, directory) from error
    return directory, True


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_bundle(layout: Layout, named: str) -> tuple[Path, str | None]:
    """Return the directory of a bundle and the hash it must have: by hash, by its beginning (4 digits at least), or by a path.

    A path that is not called by a hash may have any: None. Raises `ConfigError` BUNDLE_UNKNOWN, BUNDLE_AMBIGUOUS.
    """
    if PREFIX.fullmatch(named):
        found = [name for name in known_bundles(layout) if name.startswith(named)]
        if len(found) > 1:
            raise ConfigError(
                "BUNDLE_AMBIGUOUS",
                expected="the beginning of one bundle's hash",
                found=f"{named}, with which {len(found)} begin: {', '.join(name[:16] for name in found[:5])}",
                action="Give more of it.",
            )
        if found:
            return layout.bundles / found[0], found[0]
    path = Path(named)
    if not named or "\0" in named or not _is_there(path):
        raise ConfigError(
            "BUNDLE_UNKNOWN",
            expected=f"the hash of a bundle in {layout.bundles}, its first 4 digits or more, or a directory of one",
            found=repr(named[:80]),
            action="`sluice bundle create CONFIG` makes one and says where it lies; --lakehouse names another data directory.",
        )
    name = path.resolve().name
    return path, name if SHA256.fullmatch(name) else None


def known_bundles(layout: Layout) -> list[str]:
    """Return the hashes of the bundles that lie here, in order; nothing of them is read. Raises `StorageError`."""
    try:
        return sorted(name for name in os.listdir(layout.bundles) if SHA256.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, layout.bundles) from error


def read_bundle(directory: Path, *, sha256: str | None) -> Bundle:
    """Return a bundle whose every part is what its hash says. `sha256`: what it must be; None: whatever its head is.

    Raises `InputError` BUNDLE_LINK, BUNDLE_MALFORMED, BUNDLE_VERSION, BUNDLE_ALTERED, BUNDLE_PART_MISSING,
    BUNDLE_PART_ALTERED, BUNDLE_PART_EXTRA, `StorageError`.
    """
    if directory.is_symlink() or not directory.is_dir():
        found = "a symbolic link" if directory.is_symlink() else "no directory"
        _refuse("BUNDLE_LINK", f"a bundle's directory at {directory}", found)
    head = _bytes(directory, HEAD, size_max=HEAD_SIZE_MAX, what=HEAD)
    actual = sha256_hex(head)
    listed = _listed(head, where=directory / HEAD)
    if sha256 is not None and actual != sha256:
        _refuse("BUNDLE_ALTERED", f"{directory / HEAD} with sha256 {sha256}", actual)
    names = {str(fields["sha256"]) for fields in listed.values()}
    try:
        extra = sorted({*os.listdir(directory)} - names - {HEAD})
    except OSError as error:
        raise storage_error(error, directory) from error
    if extra:
        _refuse("BUNDLE_PART_EXTRA", f"nothing in {directory} but {HEAD} and the {len(names)} files it names", repr(extra[0]))
    return Bundle(sha256=actual, head=head, parts={part.name: part for part in _parts(directory, listed)})


def _parts(directory: Path, listed: Mapping[str, Any]) -> Iterator[Part]:
    for name, fields in listed.items():
        stated, size = fields["sha256"], fields["bytes"]
        data = _bytes(directory, stated, size_max=PART_SIZE_MAX, what=f"part {name}")
        found = sha256_hex(data)
        if found != stated or len(data) != size:
            detail = found if found != stated else f"{len(data)} bytes"
            _refuse("BUNDLE_PART_ALTERED", f"part {name} in {directory} with sha256 {stated} and {size} bytes", detail)
        part = Part(name=name, sha256=stated, data=data)
        _require_canonical(data, document=_parsed(data, what=f"part {name}"), what=f"part {name}")
        yield part


def _listed(head: bytes, *, where: Path) -> dict[str, Any]:
    """The parts that a head names, each with its sha256 and size."""
    document = _parsed(head, what=str(where))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse("BUNDLE_MALFORMED", f'an object with format "{FORMAT}" at {where}', repr(document)[:80])
    if document.get("v") != BUNDLE_VERSION or type(document["v"]) is not int:
        _refuse("BUNDLE_VERSION", f"a bundle of version {BUNDLE_VERSION} at {where}", repr(document.get("v"))[:80])
    parts = document.get("parts")
    if document.keys() != BUNDLE_FIELDS or not isinstance(parts, dict) or not 1 <= len(parts) <= PARTS_MAX:
        _refuse(
            "BUNDLE_MALFORMED", f"{', '.join(sorted(BUNDLE_FIELDS))}, and 1 to {PARTS_MAX} parts at {where}", "something else"
        )
    for name, fields in parts.items():
        sound = PART_NAME.fullmatch(name) and isinstance(fields, dict) and fields.keys() == PART_FIELDS
        if not sound or not _is_sha256(fields["sha256"]) or type(fields["bytes"]) is not int or fields["bytes"] < 0:
            _refuse("BUNDLE_MALFORMED", f"sha256 and bytes of part {name[:80]!r} at {where}", repr(fields)[:80])
    _require_canonical(head, document=document, what=str(where))
    return parts


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


def _parsed(data: bytes, *, what: str) -> Any:
    try:
        return parse(data, what=what, size_max=PART_SIZE_MAX, depth_max=DEPTH_MAX)
    except InputError as error:
        raise InputError("BUNDLE_MALFORMED", expected=error.expected, found=error.found, action=KEEP) from error


def _require_canonical(data: bytes, *, document: Any, what: str) -> None:
    """One value has one byte string: a text that says the same otherwise would be the same bundle under another hash."""
    try:
        same = canonical_bytes(document) == data
    except (TypeError, ValueError) as error:
        raise InputError("BUNDLE_MALFORMED", expected=f"canonical JSON in {what}", found=str(error), action=KEEP) from error
    if not same:
        _refuse("BUNDLE_MALFORMED", f"canonical JSON in {what}", "another spelling of it")


def _bytes(directory: Path, name: str, *, size_max: int, what: str) -> bytes:
    path = directory / name
    if path.is_symlink():
        _refuse("BUNDLE_LINK", f"a plain file for {what} at {path}", "a symbolic link")
    try:
        return read_bounded(path, size_max)
    except InputError as error:
        code = {"VANISHED": "BUNDLE_PART_MISSING", "TOO_LARGE": "BUNDLE_PART_ALTERED"}.get(error.code, "BUNDLE_MALFORMED")
        raise InputError(code, expected=f"{what} at {path}", found=error.found, action=KEEP) from error


def _is_there(path: Path) -> bool:
    """Whether a name is taken, a link that leads nowhere included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise storage_error(error, path) from error
    return True


def _refuse(code: str, expected: str, found: str) -> NoReturn:
    raise InputError(code, expected=expected, found=found, action=KEEP)
