"""One life of an engine as a process of its own, which is killed: `python -m tests.conformance.mortal HARNESS ROOT LIFE`.

It goes on over a record that is there, sends one order, and dies where its life says, or by who started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from tests.conformance.conftest import HARNESSES
from tests.conformance.made import Made
from tests.conformance.node_harness import Life, NodeHarness


def main() -> None:
    kind = HARNESSES[sys.argv[1]]
    assert issubclass(kind, NodeHarness)
    life = msgspec.json.decode(sys.argv[3], type=Life)
    harness = kind(Made(Path(sys.argv[2]), kind.first, kind.other), life=life)
    harness.submit(harness.made.request("BUY"))


if __name__ == "__main__":
    main()
