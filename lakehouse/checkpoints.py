"""The format of `audit.checkpoints`, shared by its writer and its verifier: C2SP signed notes (signed-note, tlog-checkpoint).

Notes of three lines and their signature lines, an empty line between two notes:

    sluice-ledger/<first 32 hex digits of the sha256 of the ledger's first line>
    <number of lines>
    <base64 of their RFC 6962 root>

    — <the first line again> <base64 of key id and Ed25519 signature over the three lines, newlines included>

Sizes rise from note to note. The key id is the first four bytes of `sha256(name || 0x0A || 0x01 || public key)`. No time is
signed, so the same ledger and key give the same bytes. A line of another name or id is somebody else's and is passed over, as
the note format asks.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from lakehouse.ledger_format import BATCH_LINES_MAX, BadLine
from orders.values import Record

ORIGIN: Final = re.compile(r"sluice-ledger/[0-9a-f]{32}")
SIZE: Final = re.compile(r"[1-9][0-9]{0,15}")
SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
CHECKPOINT_LINES: Final = 1_000  # how many lines of the ledger may go without a checkpoint
UNSIGNED_LINES_MAX: Final = CHECKPOINT_LINES + BATCH_LINES_MAX + 100  # what a kill can leave, with what an opening mends
SIGNATURES_MAX: Final = 16  # of one note; what a verifier has to accept
ED25519: Final = b"\x01"  # signature types of signed-note
COSIGNATURE: Final = b"\x04"


class SignatureLine(Record, frozen=True, kw_only=True):
    """One line under a note: whose it says it is, and what was signed."""

    name: str
    key_id: bytes
    signature: bytes


class Checkpoint(Record, frozen=True, kw_only=True):
    """One note. `body` are the bytes that are signed; `line` is where it begins in `file` (its name), from 1."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: tuple[SignatureLine, ...]
    file: str
    line: int


def origin_of(first_line: bytes) -> str:
    """Return the name of the ledger that begins with this line (without newline)."""
    return f"sluice-ledger/{sha256(first_line).hexdigest()[:32]}"


def note_body(*, origin: str, size: int, root: bytes) -> bytes:
    """Return the three lines that are signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def signature_line(name: str, *, public: bytes, signature: bytes, kind: bytes = ED25519) -> bytes:
    """Return a signature as its line, newline included. `public`: the key's 32 bytes."""
    return _written(SignatureLine(name=name, key_id=key_id(name, public=public, kind=kind), signature=signature))


def note_bytes(note: Checkpoint) -> bytes:
    """Return a note as it stands in a file."""
    return note.body + b"\n" + b"".join(_written(line) for line in note.signatures)


def _written(line: SignatureLine) -> bytes:
    return f"— {line.name} {base64.b64encode(line.key_id + line.signature).decode()}\n".encode()


def key_id(name: str, *, public: bytes, kind: bytes = ED25519) -> bytes:
    """Return the four bytes by which a signature line names a key."""
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def parse_notes(data: bytes, *, file: str) -> tuple[list[Checkpoint], int]:
    """Return the whole notes in `data` and how many bytes they take: what is left was not written whole.

    Raises `BadLine` CHECKPOINT_MALFORMED, CHECKPOINT_ORDER (a size that does not rise).
    """
    parts = data.split(b"\n\n")  # body, signatures, body, signatures
    whole = len(parts) - 1 if len(parts) % 2 or not parts[-1].endswith(b"\n") else len(parts)
    whole -= whole % 2
    notes: list[Checkpoint] = []
    line = 1
    for place in range(0, whole, 2):
        body, signed = parts[place] + b"\n", parts[place + 1].removesuffix(b"\n") + b"\n"
        note = _note(body, signed, file=file, line=line)
        if notes and note.size <= notes[-1].size:
            raise BadLine(
                "CHECKPOINT_ORDER",
                file=file,
                line=line + 1,
                expected=f"a size above {notes[-1].size}, the one of the note before",
                found=str(note.size),
            )
        notes.append(note)
        line += body.count(b"\n") + signed.count(b"\n") + 2
    size = len(b"\n\n".join(parts[:whole]))
    return notes, size if whole in (0, len(parts)) else size + 1  # the newline of the last line, which the split took


def _note(body: bytes, signed: bytes, *, file: str, line: int) -> Checkpoint:
    def bad(at: int, expected: str, found: bytes) -> BadLine:
        return BadLine("CHECKPOINT_MALFORMED", file=file, line=line + at, expected=expected, found=repr(found[:80]))

    lines = body.split(b"\n")
    if len(lines) != 4:
        raise bad(0, "three lines: origin, size, root", body)
    origin, size, root, _ = (text.decode("utf-8", "replace") for text in lines)
    if not ORIGIN.fullmatch(origin):
        raise bad(0, "an origin sluice-ledger/ and 32 hex digits", lines[0])
    if not SIZE.fullmatch(size):
        raise bad(1, "a number of lines above 0", lines[1])
    hashed = _base64(root)
    if hashed is None or len(hashed) != 32:
        raise bad(2, "32 bytes in base64", lines[2])
    signatures = []
    for number, raw in enumerate(signed.split(b"\n")[:-1]):
        match = SIGNATURE.fullmatch(raw.decode("utf-8", "replace"))
        decoded = None if match is None else _base64(match[2])
        if match is None or decoded is None or len(decoded) <= 4 or number >= SIGNATURES_MAX:
            raise bad(4 + number, f"one of at most {SIGNATURES_MAX} lines: em dash, name, base64 of key id and signature", raw)
        signatures.append(SignatureLine(name=match[1], key_id=decoded[:4], signature=decoded[4:]))
    return Checkpoint(origin=origin, size=int(size), root=hashed, body=body, signatures=tuple(signatures), file=file, line=line)


def _base64(text: str) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None  # other spellings of the same bytes are refused


def check_signature(note: Checkpoint, *, trusted: Sequence[bytes]) -> bytes:
    """Return the first of the `trusted` public keys that signed the note as its ledger's key.

    Raises `BadLine` CHECKPOINT_SIGNATURE (a trusted key's line does not verify), CHECKPOINT_SIGNER (no line of a trusted key).
    """
    for public in trusted:
        wanted = key_id(note.origin, public=public)
        for number, line in enumerate(note.signatures):
            if line.name == note.origin and line.key_id == wanted:
                if not verifies(public, signature=line.signature, signed=note.body):
                    raise BadLine(
                        "CHECKPOINT_SIGNATURE",
                        file=note.file,
                        line=note.line + 4 + number,
                        expected="a signature over the three lines above it",
                        found="one that does not verify: the note was altered, or another key signed it",
                    )
                return public
    ids = ", ".join(f"{line.name} {line.key_id.hex()}" for line in note.signatures)
    raise BadLine(
        "CHECKPOINT_SIGNER",
        file=note.file,
        line=note.line + 4,
        expected="a signature by a key that is trusted here (`sluice ledger key` prints which)",
        found=f"signed by {ids[:200]}",
    )


def verifies(public: bytes, *, signature: bytes, signed: bytes) -> bool:
    """Return whether an Ed25519 signature is good."""
    from cryptography.exceptions import InvalidSignature  # here: a command that checks no signature must start fast
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True
