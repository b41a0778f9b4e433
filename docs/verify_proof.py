"""Check that one line was in a ledger, without the ledger and without Sluice: python verify_proof.py PROOF KEY

PROOF is what `sluice ledger prove LINE` wrote (C2SP tlog-proof), KEY what `sluice ledger key` prints, ed25519:... Needs
`cryptography` and nothing else. Prints the line.
"""

import base64
import hashlib
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def root_from(node: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """RFC 6962, section 2.1.1: the larger tree is the left half up to the largest power of two below its size."""
    if size == 1:
        return node
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return sha(b"\x01", root_from(node, index, left, proof[:-1]), proof[-1])
    return sha(b"\x01", proof[-1], root_from(node, index - left, size - left, proof[:-1]))


try:
    key = base64.b64decode(sys.argv[2].removeprefix("ed25519:"), validate=True)
    public = Ed25519PublicKey.from_public_bytes(key)
    head, body, signed = pathlib.Path(sys.argv[1]).read_bytes().split(b"\n\n")
    magic, extra, index, *hashes = head.split(b"\n")
    origin, size, root = body.split(b"\n")
    line = base64.b64decode(extra.removeprefix(b"extra "), validate=True)
    place, lines = int(index.removeprefix(b"index ")), int(size)
    if magic != b"c2sp.org/tlog-proof@v1" or not 0 <= place < lines:
        sys.exit("BAD  no proof of this kind")
    reached = root_from(sha(b"\x00", line), place, lines, [base64.b64decode(text, validate=True) for text in hashes])
except (OSError, ValueError, IndexError) as error:
    sys.exit(f"BAD  no proof that can be read, or no key: {error}")
if base64.b64encode(reached) != root:
    sys.exit("BAD  the line does not lead to the root that was signed")
blobs = [base64.b64decode(text.split()[-1]) for text in signed.split(b"\n") if text.split()[1:2] == [origin]]
mine = [blob[4:] for blob in blobs if blob[:4] == sha(origin, b"\n\x01", key)[:4]]
try:
    public.verify(mine[0], body + b"\n")
except (InvalidSignature, IndexError):
    sys.exit(f"BAD  the checkpoint is not signed by {sys.argv[2]}")
print(f"good  line {place + 1} of {lines} of {origin.decode()}, signed by {sys.argv[2]}")
sys.stdout.flush()
sys.stdout.buffer.write(line + b"\n")
