"""Evidence and signed statements of promotions: files whose name is the sha256 of their bytes, written once, proven when read."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Final, NoReturn

from lakehouse.layout import Layout, storage_error, sync_directory, write_all
from lakehouse.strict_json import read_bounded
from orders.canonical import sha256_hex
from orders.errors import InputError

SIZE_MAX: Final = 4 << 20  # bytes; a hundred gates over six sources have 200 kB
FILE_MODE: Final = 0o444
SHA256: Final = re.compile(r"[0-9a-f]{64}")


def keep_promotion_file(layout: Layout, data: bytes) -> str:
    """Write bytes under their sha256, durable before this returns, and return it; what is there already is proven instead.

    Raises `StorageError`, and what `read_promotion_file` raises of one that is there and is not these bytes.
    """
    assert len(data) <= SIZE_MAX
    sha256 = sha256_hex(data)
    path = layout.promotions / f"{sha256}.json"
    fresh = layout.promotions / f".new-{os.getpid()}-{sha256[:16]}"
    try:
        layout.promotions.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.exists():
            read_promotion_file(layout, sha256)
            return sha256
        fresh.unlink(missing_ok=True)  # of a process of the same number that was killed
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            write_all(descriptor, data)
            os.fchmod(descriptor, FILE_MODE)  # whatever the umask
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(fresh, path)
        sync_directory(layout.promotions)
        sync_directory(layout.directory)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise storage_error(error, path) from error
    return sha256


def read_promotion_file(layout: Layout, sha256: str) -> bytes:
    """Return the bytes under a hash, proven. Raises `InputError` PROMOTION_FILE_MISSING, PROMOTION_FILE_ALTERED."""
    if not SHA256.fullmatch(sha256):
        _refuse("PROMOTION_FILE_MISSING", "a sha256 of 64 hex digits", repr(sha256[:80]))
    path = layout.promotions / f"{sha256}.json"
    if path.is_symlink():
        _refuse("PROMOTION_FILE_ALTERED", f"a plain file at {path}", "a symbolic link")
    try:
        data = read_bounded(path, SIZE_MAX)
    except InputError as error:
        code = "PROMOTION_FILE_MISSING" if error.code == "VANISHED" else "PROMOTION_FILE_ALTERED"
        raise InputError(code, expected=f"a file at {path}", found=error.found, action=_ACTION) from error
    found = sha256_hex(data)
    if found != sha256:
        _refuse("PROMOTION_FILE_ALTERED", f"{path} with the sha256 it is called by", found)
    return data


_ACTION: Final = "Put the file back from a copy, or promote anew: `sluice promote BUNDLE --pause`, then --resume, is signed anew."


def _refuse(code: str, expected: str, found: str) -> NoReturn:
    raise InputError(code, expected=expected, found=found, action=_ACTION)
