"""Documents broken by chance, from a seed: what no table thought of. A find says its seed, and becomes a line of the corpus."""

from __future__ import annotations

import os
import random
import time

from tests.children import FULL
from tests.hostile.corpus import Desk
from tests.hostile.documents import NAMES, NUMBERS

BOX_S = 600.0 if FULL else 2.5  # of one group of documents: how long it is tried, not how fast it must be
FIRST = int(os.environ.get("SLUICE_FUZZ", "0"))  # the first seed
SEEDS_MAX = 1_000_000
TOKENS = [
    *(text.encode("utf-8", "surrogatepass") for table in (NUMBERS, NAMES) for text in table.values() if len(text) < 200),
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\0", b"\xff", b"null", b"true", b"NaN", b"-", b"e9", b"=", b"[[x]]",
    b"\\u0000", b"\\ud800", b'"""', b"'''", b"#", b"0x", b"9" * 400,
]  # fmt: skip


def broken(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes after one to five changes, each somewhere."""
    for _ in range(draw.randint(1, 5)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.choice((0, 1, 1, 4, 16, 200)))
        piece = data[start:end]
        put = draw.choice((
            b"", draw.choice(TOKENS), draw.choice(TOKENS), piece + piece, draw.randbytes(len(piece)), piece[::-1],
            bytes(byte ^ (1 << draw.randrange(8)) for byte in piece), piece * draw.choice((2, 50, 2_000)),
        ))  # fmt: skip
        data = data[:start] + put + data[end:]
    return data if draw.random() < 0.9 else data[: draw.randrange(len(data) + 1)]


def fuzzed(made: Desk) -> int:
    """Try seed after seed on the documents of a desk in turn, until the time box is full; return how many were tried.

    Raises `AssertionError` with kind and seed of the first that gets no fit answer.
    """
    kinds, end, count = list(made.kinds.values()), time.monotonic() + BOX_S, 0
    for seed in range(FIRST, FIRST + SEEDS_MAX):
        kind = kinds[seed % len(kinds)]
        kind.mend()
        kind.path.write_bytes(broken(kind.good, random.Random(seed)))
        answer = made.stand.ask(*kind.words)
        kind.mend()
        count += 1
        assert answer.faults(coded=kind.coded) == [], f"{kind.name}, seed {seed}: {answer}"
        if time.monotonic() >= end:
            break
    return count
