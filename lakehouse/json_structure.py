"""The skeleton of a JSON text, read from its bytes without a parser: how deep it nests, how many members its objects name."""

from __future__ import annotations

from typing import Any, Final

import msgspec

_NOT_STRUCTURE: Final = bytes(byte for byte in range(256) if byte not in b'[]{}":')
_BRACES_TO_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")


class Skeleton(msgspec.Struct, frozen=True, kw_only=True):
    """Of bytes that are no JSON it says something: a parser stops at their first fault, up to which the depth is right.

    `too_deep`: more than the allowed brackets are open at once; `members` is then not counted. `members`: names in all objects
    together, each as often as it stands there.
    """

    too_deep: bool
    members: int


def skeleton(data: bytes, *, depth_max: int) -> Skeleton:
    """Return what the brackets and colons outside strings say; stops at the first bracket too deep."""
    if b"\\" in data:  # an escape begins inside strings only, and a run of backslashes pairs off from its left end
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = data.translate(_BRACES_TO_BRACKETS, _NOT_STRUCTURE)
    structure = structure.replace(b'""', b"")  # strings without structure; which quotes open and which close stays the same
    structure = b"".join(structure.split(b'"')[::2])
    depth = 0
    for byte in structure.translate(None, b":"):
        if byte == 0x5B:
            depth += 1
            if depth > depth_max:
                return Skeleton(too_deep=True, members=0)
        else:
            depth -= 1
    return Skeleton(too_deep=False, members=structure.count(b":"))


def nests_deeper(data: bytes, *, depth_max: int) -> bool:
    """Say whether JSON bytes open more than `depth_max` brackets at once, outside strings."""
    return skeleton(data, depth_max=depth_max).too_deep


def members_of(value: Any) -> int:
    """Return the number of keys in all dicts of a parsed JSON value."""
    members, stack = 0, [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is dict:
            members += len(item)
            item = item.values()
        elif kind is not list:
            continue
        for part in item:
            if type(part) is dict or type(part) is list:
                stack.append(part)
    return members
