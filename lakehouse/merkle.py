"""The Merkle tree of RFC 6962, section 2.1, over lines: its root line by line, and proofs that a line is in it.

A leaf is `sha256(0x00 + line)`, a node `sha256(0x01 + left + right)`; a tree of n leaves splits at the largest power of two
below n. Lines are the raw bytes without newline.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()


class Frontier:
    """The roots of the complete subtrees of the lines so far, largest first: all that is needed to go on.

    At most 64 hashes, two hashes a line on average, whatever the number of lines.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, raw: bytes) -> None:
        """Take the next line."""
        node = sha256(b"\x00" + raw).digest()
        complete = self.size
        while complete & 1:
            node = _node(self._peaks.pop(), node)
            complete >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the lines so far, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = _node(peak, root)
        return root


def inclusion_proof(lines: Iterable[bytes], *, index: int, size: int) -> tuple[bytes, ...]:
    """Return the hashes that lead from line `index` (from 0) to the root over the first `size` lines, the leaf's sibling first.

    Reads the lines once and keeps no more than a frontier for each hash. RFC 6962, section 2.1.1. `lines` has at least `size`.
    """
    assert 0 <= index < size
    siblings = [(start, end, Frontier()) for start, end in _sibling_ranges(index, size)]
    for number, raw in enumerate(lines):
        if number == size:
            break
        for start, end, frontier in siblings:
            if start <= number < end:
                frontier.add(raw)
                break
    assert all(frontier.size == end - start for start, end, frontier in siblings), "fewer lines than size"
    return tuple(frontier.root() for _, _, frontier in siblings)


def root_from_proof(raw: bytes, *, index: int, size: int, proof: Iterable[bytes]) -> bytes:
    """Return the root that `proof` leads to from a line; it is the tree's only if line and place are right."""
    root = sha256(b"\x00" + raw).digest()
    for (start, _), sibling in zip(_sibling_ranges(index, size), proof, strict=True):
        root = _node(sibling, root) if start < index else _node(root, sibling)
    return root


def _sibling_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose roots stand beside the way from leaf `index` to the root, from the leaf up."""
    ranges = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
