"""The process that judges the gates of a running run (`python -m live.gate_judge`): a request on stdin, evidence on stdout.

It reads logs, and writes nothing but their Parquet copies.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from analysis.evidence import NONE, RUNNING, gather
from engine.gates_file import load_gates
from live.gate_look import SIZE_MAX, GateRequest, NotJudged, not_judged
from orders.errors import SluiceError

NICE: Final = 10  # below the run that trades


def main() -> int:
    """Answer one request; exit 1 with one line of what is the matter."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        request = msgspec.json.decode(sys.stdin.buffer.read(SIZE_MAX), type=GateRequest)
        gates = load_gates(Path(request.gates))
        if gates.sha256 != request.gates_sha256:
            raise not_judged(f"{request.gates} has changed since the run began")
        evidence = gather(
            gates,
            bundle_sha256=request.bundle_sha256,
            code_sha256=request.code_sha256,
            sources={name: Path(directory) for name, directory in request.sources.items()},
            move=RUNNING,
            now_ns=request.now_ns,
            since_ns=request.since_ns,
            proof=NONE,
        )
    except NotJudged as error:
        return _no(error.found)  # whoever reads it says the rest
    except (SluiceError, msgspec.DecodeError, msgspec.ValidationError) as error:
        return _no(str(error))
    sys.stdout.buffer.write(evidence.data())
    return 0


def _no(words: str) -> int:
    sys.stderr.write(words.replace("\n", " ") + "\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
