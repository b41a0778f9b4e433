"""Check a ledger without Sluice: python verify_ledger.py DIRECTORY KEY   (`sluice ledger key` prints KEY, ed25519:...)

Needs `cryptography` and nothing else. Checks the hash chain over all segments, the signature and the Merkle root of every
checkpoint, and that none which the ledger names is gone. Lines are numbered over all segments. data/README.md has the formats.
"""

import base64
import functools
import hashlib
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


try:
    directory, key = pathlib.Path(sys.argv[1]), base64.b64decode(sys.argv[2].removeprefix("ed25519:"), validate=True)
    public = Ed25519PublicKey.from_public_bytes(key)
    files = [*sorted(directory.glob("audit." + "[0-9]" * 6 + ".jsonl")), *directory.glob("audit.jsonl")]  # closed segments first
    lines = b"".join(file.read_bytes() for file in files).split(b"\n")[:-1]
    origin = b"sluice-ledger/" + sha(lines[0]).hex()[:32].encode()
    parts = (directory / "audit.checkpoints").read_bytes().split(b"\n\n")  # body, signatures, body, signatures
    notes = {int(body.split(b"\n")[1]): (body + b"\n", signed) for body, signed in zip(parts[::2], parts[1::2], strict=True)}
except (OSError, ValueError, IndexError) as error:
    sys.exit(f"BAD  no ledger with checkpoints that can be read, or no key: {error}")
prev, peaks, last = "0" * 64, [], 0
for number, raw in enumerate(lines, 1):
    if f'"prev":"{prev}","seq":{number},'.encode() not in raw:
        sys.exit(f"BAD  line {number} does not continue the chain")
    if raw.endswith((b'"type":"CHECKPOINT","v":1}', b'"type":"SEGMENT","v":1}')) and number - 1 not in notes:
        sys.exit(f"BAD  the checkpoint over {number - 1} lines, which line {number} names, is gone")
    prev, node, full = sha(raw).hex(), sha(b"\x00", raw), number - 1
    while full & 1:  # RFC 6962: two complete trees of one size become one
        node, full = sha(b"\x01", peaks.pop(), node), full >> 1
    peaks.append(node)
    if number in notes:
        body, signed = notes[number]
        root = functools.reduce(lambda right, left: sha(b"\x01", left, right), reversed(peaks))
        if body != b"%s\n%d\n%s\n" % (origin, number, base64.b64encode(root)):
            sys.exit(f"BAD  lines {last + 1} to {number} are not what was signed")
        mine = [base64.b64decode(line.split()[-1]) for line in signed.split(b"\n") if line.split()[1:2] == [origin]]
        mine = [blob[4:] for blob in mine if blob[:4] == sha(origin, b"\n\x01", key)[:4]]
        try:
            public.verify(mine[0], body)
        except (InvalidSignature, IndexError):
            sys.exit(f"BAD  the checkpoint over {number} lines is not signed by {sys.argv[2]}")
        last = number
if max(notes) > len(lines):
    sys.exit(f"BAD  {max(notes)} lines were signed, there are {len(lines)}")
print(f"good  {len(lines)} lines, {last} of them under checkpoints signed by {sys.argv[2]}, {len(lines) - last} after the last")
