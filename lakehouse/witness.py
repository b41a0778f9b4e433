"""A witness: somebody with a key of their own who looks at the ledger now and then, and signs what they saw.

What a witness signed stays with the witness, out of reach of the account that writes the ledger: a ledger that was cut or
written anew by its own account does not continue it. Signatures are C2SP tlog-cosignature (cosignature/v1, Ed25519): they say
that as of a time this was the largest ledger seen, and that it continues all this witness had signed before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lakehouse.checkpoints import COSIGNATURE, Checkpoint, key_id, note_bytes, signature_line, verifies
from lakehouse.examine import examine
from lakehouse.layout import Layout
from lakehouse.ledger_format import BadLine
from orders.errors import ConfigError, NotYet

STAMP_BYTES: Final = 8


def cosigned(
    layout: Layout,
    *,
    name: str,
    public: bytes,
    sign: Callable[[bytes], bytes],
    seen: Sequence[Checkpoint],
    trusted: Sequence[bytes],
    now_s: int,
) -> bytes | None:
    """Return the newest checkpoint with this witness's signature under it; None when it is the last one it has `seen`.

    (1) all of `seen` carry this witness's signature; (2) log and ledger hold, each checkpoint signed by one of `trusted`; (3) the
    ledger continues all of `seen`. `now_s`: seconds since 1970 UTC. Raises `BadLine`, `NotYet` LEDGER_UNSIGNED, `StorageError`.
    """
    for note in seen:
        if not cosignatures(note, names={name: public}):
            raise BadLine(
                "CHECKPOINT_SIGNATURE",
                file=note.file,
                line=note.line,
                expected=f"a checkpoint that {name} signed with this key",
                found="one without that signature",
            )
    checks = examine(layout, trusted=trusted, kept=seen).checks
    assert checks is not None
    if not checks.notes:
        raise NotYet(
            "LEDGER_UNSIGNED",
            expected=f"a checkpoint in {layout.checkpoints}",
            found="none",
            action="The next start signs the ledger; look again then.",
        )
    newest = checks.notes[-1]
    if seen and seen[-1].size > newest.size:
        raise BadLine(
            "CHECKPOINT_ROLLED_BACK",
            file=layout.checkpoints.name,
            line=checks.next_line,
            expected=f"a checkpoint over {seen[-1].size} lines, which {name} signed",
            found=f"none, the newest is over {newest.size}",
        )
    if seen and seen[-1].size == newest.size:
        return None
    signature = now_s.to_bytes(STAMP_BYTES) + sign(_message(newest.body, now_s))
    return note_bytes(newest) + signature_line(name, public=public, signature=signature, kind=COSIGNATURE)


def cosignatures(note: Checkpoint, *, names: dict[str, bytes]) -> dict[str, int]:
    """Return which of the witnesses `names` (to their public keys) signed the note, and when, in seconds since 1970.

    Raises `BadLine` CHECKPOINT_SIGNATURE where one of them has a line that does not verify.
    """
    found = {}
    for number, line in enumerate(note.signatures):
        public = names.get(line.name)
        if public is None or line.key_id != key_id(line.name, public=public, kind=COSIGNATURE):
            continue
        stamp, signature = int.from_bytes(line.signature[:STAMP_BYTES]), line.signature[STAMP_BYTES:]
        if not verifies(public, signature=signature, signed=_message(note.body, stamp)):
            raise BadLine(
                "CHECKPOINT_SIGNATURE",
                file=note.file,
                line=note.line + 4 + number,
                expected=f"a signature by {line.name} over the three lines above it and its time",
                found="one that does not verify",
            )
        found[line.name] = stamp
    return found


def _message(body: bytes, stamp_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % stamp_s + body


def witnessed(kept: Sequence[Checkpoint], *, names: dict[str, bytes]) -> dict[str, tuple[int, int]]:
    """Return for each witness the lines of the newest note it signed among `kept`, and when, in seconds since 1970.

    Raises `ConfigError` USAGE where nothing was kept; `BadLine` CHECKPOINT_SIGNATURE, and CHECKPOINT_SIGNER where one of `names`
    signed none.
    """
    if names and not kept:
        raise ConfigError(
            "USAGE", expected="--kept FILE beside --witness", found="none", action="Name the file that the witness keeps."
        )
    newest = {name: (note.size, stamp) for note in kept for name, stamp in cosignatures(note, names=names).items()}
    for name in names:
        if name not in newest:
            raise BadLine(
                "CHECKPOINT_SIGNER",
                file=kept[-1].file,
                line=kept[-1].line,
                expected=f"a checkpoint signed by the witness {name} with the key that was named",
                found="none",
            )
    return newest
