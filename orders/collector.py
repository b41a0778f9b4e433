"""Python's cycle collector kept out of work that makes many objects and no cycles: each collection would search all of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections(*, then_old: bool = False) -> Iterator[None]:
    """Keep the collector out, and let it be afterwards what it was before. For work that is bounded: nothing is found meanwhile.

    `then_old`: everything made until the end counts as old, as it would had it survived its collections; else the first object
    made afterwards has all of it searched. Not inside a span in which objects are frozen: they would thaw.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if then_old:
                gc.freeze()
                gc.unfreeze()
            gc.enable()
