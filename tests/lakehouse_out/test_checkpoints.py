"""Checkpoints: when the ledger is signed, the bytes of a note, and what verify and a start say of each attack on them."""

import base64
import hashlib
import os
import shutil
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakehouse.checkpoints import key_id, parse_notes, verifies
from lakehouse.layout import Layout
from lakehouse.ledger import LedgerChain
from lakehouse.ledger_format import BadLine
from lakehouse.ledger_key import KEY_NAME, Signer, keys_directory, made_signer, trusted_keys
from lakehouse.merkle import Frontier
from lakehouse.opening import open_journal
from lakehouse.verifier import verify
from orders.errors import ConfigError, RecordCorrupt
from orders.public_keys import public_key_text


def notes_of(layout: Layout):
    return parse_notes(layout.checkpoints.read_bytes(), file="audit.checkpoints")[0]


def ledger_lines(layout: Layout) -> list[bytes]:
    return layout.ledger.read_bytes().splitlines()


def verdict(layout: Layout):
    """The first bad line as verify says it; a start must refuse with the same words and change nothing."""
    report = verify(layout.directory, trusted=trusted_keys(keys_directory()))
    before = {path: path.read_bytes() for path in layout.directory.iterdir() if path.is_file()}
    if report.first_bad is not None:
        with pytest.raises(RecordCorrupt) as refused:
            open_journal(layout, now_ns=1, run_id="again", durable=False)
        assert refused.value.code == report.first_bad.code
        assert {path: path.read_bytes() for path in layout.directory.iterdir() if path.is_file()} == before
    return None if report.first_bad is None else (report.first_bad.file, report.first_bad.line, report.first_bad.code)


def test_key_ids_and_signatures_are_those_of_the_note_format():
    """The example of Go's `golang.org/x/mod/sumdb/note`, the format's first implementation."""
    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    blob = base64.b64decode("x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=")
    text = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    assert key_id("PeterNeumann", public=public) == blob[:4] == bytes.fromhex("c74f20a3")
    assert verifies(public, signature=blob[4:], signed=text)
    assert not verifies(public, signature=blob[4:], signed=text + b"\n")


def test_a_note_has_the_bytes_of_the_format():
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    note = signer.note(origin="sluice-ledger/" + "0" * 32, size=12, root=bytes(32))
    body = f"sluice-ledger/{'0' * 32}\n12\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    blob = base64.b64encode(bytes.fromhex("7f73267e") + key.sign(body.encode())).decode()
    assert note.decode() == f"{body}\n— sluice-ledger/{'0' * 32} {blob}\n"
    assert note == signer.note(origin="sluice-ledger/" + "0" * 32, size=12, root=bytes(32))


def test_start_and_stop_sign_every_line_and_the_ledger_names_each_checkpoint(record):
    notes = notes_of(record)
    tree, roots = Frontier(), {}
    for raw in ledger_lines(record):
        tree.add(raw)
        roots[tree.size] = tree.root()
    assert [(note.size, note.root) for note in notes] == [(size, roots[size]) for size in (1, 7, 8)]
    assert verify(record.directory, trusted=trusted_keys(keys_directory())).signed_lines == 8
    assert {note.origin for note in notes} == {notes[0].origin}


def test_a_thousand_lines_of_the_ledger_are_signed_while_a_run_goes_on(layout, lines, open_sync):
    journal = open_sync(layout)
    for number in range(2_500):
        journal.append(lines.fill(str(number)))
    assert [note.size for note in notes_of(layout)] == [1, 1003, 2005]
    assert verdict(layout) is None
    journal.close()
    assert notes_of(layout)[-1].size == len(ledger_lines(layout))


def test_a_dirty_ledger_is_signed_after_a_while_without_a_further_line(layout, lines):
    signed = threading.Event()
    journal = open_journal(
        layout, now_ns=1, run_id="run-1", durable=True, post=lambda call: call(), on_failure=print, checkpoint_s=0.01
    )
    journal.append(lines.halt())
    while len(notes_of(layout)) < 2:
        signed.wait(0.005)
    assert notes_of(layout)[-1].size == len(ledger_lines(layout))
    journal.close()


def test_two_backtests_of_the_same_leave_the_same_checkpoints(tmp_path, lines, open_sync):
    layouts = [Layout(tmp_path / name) for name in ("one", "two")]
    for layout in layouts:
        journal = open_sync(layout)
        for line in lines.small_run():
            journal.append(line)
        journal.close()
    assert layouts[0].checkpoints.read_bytes() == layouts[1].checkpoints.read_bytes()


def test_killed_before_the_checkpoint_is_fine_and_told(killed):
    report = verify(killed.directory, trusted=trusted_keys(keys_directory()))
    assert (report.ok, report.signed_lines, report.unsigned_lines) == (True, 1, 5)
    assert any(note.startswith("5 lines of audit.jsonl after the last checkpoint") for note in report.notes)


def test_a_torn_checkpoint_is_a_note_after_a_kill_and_the_next_start_cuts_it(killed, open_sync):
    whole = killed.checkpoints.read_bytes()
    for cut in range(1, len(whole)):
        killed.checkpoints.write_bytes(whole + (b"\n" + whole)[:cut])
        assert verify(killed.directory).ok, cut
    open_sync(killed, "run-2").close()
    assert killed.checkpoints.read_bytes().startswith(whole + b"\nsluice-ledger/")
    assert verdict(killed) is None


def test_a_torn_checkpoint_after_a_run_that_ended_well_is_bad(record):
    record.checkpoints.write_bytes(record.checkpoints.read_bytes() + b"\nsluice")
    assert verify(record.directory).first_bad.code == "TORN_TAIL"


def cut(path: Path, count: int) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:count]))


def restamped(layout: Layout, old: bytes, new: bytes) -> None:
    """Write the ledger anew with something changed, its chain whole again, its CHECKPOINT records with the new roots."""
    lines, tree, prev = [], Frontier(), b"0" * 64
    for raw in ledger_lines(layout):
        fresh = raw.replace(old, new)
        at = fresh.index(b'"prev":"') + 8
        fresh = fresh[:at] + prev + fresh[at + 64 :]
        if b'"type":"CHECKPOINT"' in fresh:
            at = fresh.index(b'"root":"') + 8
            fresh = fresh[:at] + tree.root().hex().encode() + fresh[at + 64 :]
        tree.add(fresh)
        prev = hexed(fresh)
        lines.append(fresh + b"\n")
    layout.ledger.write_bytes(b"".join(lines))


def hexed(raw: bytes) -> bytes:
    return hashlib.sha256(raw).hexdigest().encode()


def both_rewritten(layout: Layout) -> None:
    """A fill at another price, in the log and in all hashes of the ledger: nothing but a signature shows it."""
    log = layout.log.read_bytes()
    old = log.splitlines()[3]
    new = old.replace(b'"price":"100"', b'"price":"101"').replace(b'"notional_quote":"100"', b'"notional_quote":"101"')
    assert new != old
    layout.log.write_bytes(log.replace(old, new))
    before, after = hashlib.sha256(log).hexdigest(), hashlib.sha256(layout.log.read_bytes()).hexdigest()
    restamped(layout, hexed(old), hexed(new))
    restamped(layout, before.encode(), after.encode())


def other_signer(layout: Layout) -> None:
    signer = Signer(Ed25519PrivateKey.generate())
    notes = [signer.note(origin=note.origin, size=note.size, root=note.root) for note in notes_of(layout)]
    layout.checkpoints.write_bytes(b"\n".join(notes))


def flipped(layout: Layout, number: int) -> None:
    data = layout.checkpoints.read_bytes().splitlines(keepends=True)
    line = data[number - 1]
    data[number - 1] = line[:-5] + (b"A" if line[-5:-4] != b"A" else b"B") + line[-4:]
    layout.checkpoints.write_bytes(b"".join(data))


@pytest.mark.parametrize(("attack", "found"), [
    (lambda r: cut(r.ledger, 7), ("audit.jsonl", 8, "LEDGER_CUT")),
    (lambda r: cut(r.ledger, 3), ("audit.jsonl", 4, "LEDGER_CUT")),
    (both_rewritten, ("audit.jsonl", 3, "LEDGER_REWRITTEN")),
    (lambda r: restamped(r, b'"run_id":"run-1"', b'"run_id":"run-9"'), ("audit.jsonl", 1, "CHECKPOINT_ORIGIN")),
    (lambda r: cut(r.checkpoints, 5), ("audit.checkpoints", 7, "CHECKPOINT_ROLLED_BACK")),
    (lambda r: r.checkpoints.unlink(), ("audit.checkpoints", 1, "CHECKPOINT_ROLLED_BACK")),
    (lambda r: r.checkpoints.write_bytes(b""), ("audit.checkpoints", 1, "CHECKPOINT_ROLLED_BACK")),
    (other_signer, ("audit.checkpoints", 5, "CHECKPOINT_SIGNER")),
    (lambda r: flipped(r, 17), ("audit.checkpoints", 17, "CHECKPOINT_SIGNATURE")),
    (lambda r: flipped(r, 15), ("audit.checkpoints", 17, "CHECKPOINT_SIGNATURE")),
    (lambda r: r.checkpoints.write_bytes(r.checkpoints.read_bytes().replace("—".encode(), b"-", 1)),
     ("audit.checkpoints", 5, "CHECKPOINT_MALFORMED")),
    (lambda r: r.checkpoints.write_bytes(r.checkpoints.read_bytes() * 2), ("audit.checkpoints", 18, "CHECKPOINT_MALFORMED")),
    (lambda r: r.checkpoints.write_bytes(r.checkpoints.read_bytes() + b"\n" + r.checkpoints.read_bytes()),
     ("audit.checkpoints", 20, "CHECKPOINT_ORDER")),
], ids=[
    "the last line cut", "cut far below", "log and ledger rewritten together", "another genesis, restamped", "rolled back",
    "taken away", "emptied", "signed with another key", "a signature altered", "a root altered", "no em dash", "glued",
    "repeated",
])  # fmt: skip
def test_an_attack_is_found_named_and_refuses_the_start(record, attack, found):
    attack(record)
    assert verdict(record) == found


def test_a_checkpoint_record_that_lies_is_named(layout, lines, open_sync):
    journal = open_sync(layout)
    journal.append(lines.halt())
    journal.close()
    raw = ledger_lines(layout)[1]
    layout.ledger.write_bytes(layout.ledger.read_bytes().replace(raw, raw.replace(b'"size":1', b'"size":2')))
    assert verdict(layout) == ("audit.jsonl", 2, "CHECKPOINT_RECORD")


def test_checkpoints_of_another_ledger_are_found(record, tmp_path, lines, open_sync):
    other = Layout(tmp_path / "other")
    journal = open_journal(other, now_ns=7, run_id="other", durable=False)
    journal.append(lines.halt())
    journal.close()
    shutil.copy(other.checkpoints, record.checkpoints)
    assert verdict(record) == ("audit.jsonl", 1, "CHECKPOINT_ORIGIN")


def test_a_ledger_from_before_there_were_checkpoints_is_read_told_and_signed_by_the_next_start(record, open_sync):
    old = [raw for raw in ledger_lines(record) if b'"type":"CHECKPOINT"' not in raw]
    chain, lines = LedgerChain(frontier=Frontier()), []
    for raw in old:  # number and chain them as they were
        body = raw.replace(raw[raw.index(b'"prev"') : raw.index(b',"ts"')], b'"prev":"%s","seq":%d' % (
            chain.head.encode(), len(lines) + 1))  # fmt: skip
        chain.head = hexed(body).decode()
        lines.append(body + b"\n")
    record.ledger.write_bytes(b"".join(lines))
    record.checkpoints.unlink()
    report = verify(record.directory)
    assert report.ok
    assert any("was never signed" in note for note in report.notes)
    open_sync(record, "run-2").close()
    assert verify(record.directory).signed_lines == len(lines) + 1
    assert verdict(record) is None


def test_the_first_run_makes_a_key_that_its_owner_alone_can_read(tmp_path, layout):
    keys = tmp_path / "home" / "keys"
    open_journal(layout, now_ns=1, run_id="r", durable=False, keys=keys).close()
    assert (keys / KEY_NAME).stat().st_mode & 0o777 == 0o400
    assert keys.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in keys.iterdir()] == [KEY_NAME]
    made = trusted_keys(keys)
    open_journal(layout, now_ns=1, run_id="r", durable=False, keys=keys).close()
    assert trusted_keys(keys) == made


def test_a_key_that_others_can_read_refuses_the_start(tmp_path, layout):
    keys = tmp_path / "keys"
    open_journal(layout, now_ns=1, run_id="r", durable=False, keys=keys).close()
    (keys / KEY_NAME).chmod(0o444)
    with pytest.raises(ConfigError, match="KEY_REFUSED"):
        open_journal(layout, now_ns=1, run_id="r", durable=False, keys=keys)


def test_a_lost_key_refuses_the_start_until_its_public_half_is_trusted(tmp_path, record):
    keys = tmp_path / "keys"
    with pytest.raises(ConfigError, match="LEDGER_KEY_MISSING"):
        open_journal(record, now_ns=1, run_id="r", durable=False, keys=keys)
    assert not keys.exists()
    keys.mkdir()
    trusted = keys / "ledger.trusted"
    trusted.write_text(f"# the old machine's\n{public_key_text(trusted_keys(keys_directory())[0])}\n")
    trusted.chmod(0o644)
    open_journal(record, now_ns=1, run_id="r", durable=False, keys=keys).close()
    assert verify(record.directory, trusted=trusted_keys(keys)).ok
    trusted.chmod(0o666)
    with pytest.raises(ConfigError, match="TRUSTED_REFUSED"):
        trusted_keys(keys)


def test_two_processes_that_make_the_key_at_once_end_with_one(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(made_signer(tmp_path / "keys").public)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert os.listdir(tmp_path / "keys") == [KEY_NAME]


def test_what_is_signed_is_bounded():
    with pytest.raises(BadLine, match="a number of lines"):
        parse_notes(
            b"sluice-ledger/" + b"0" * 32 + b"\n01\n" + base64.b64encode(bytes(32)) + b"\n\n\xe2\x80\x94 a AAAAAAAA\n", file=""
        )
