"""A witness signs what it saw under a key of its own; verify holds the record against what was kept elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.main import run
from lakehouse.checkpoint_check import kept_notes
from lakehouse.layout import Layout
from lakehouse.ledger_key import keys_directory, own_signer
from live.signing_keys import load_key, make_key
from orders.public_keys import public_key_text
from tests.cut_records import cut_record


class Witness:
    """One witness: its key, and the file it keeps."""

    def __init__(self, root: Path, record: Layout, name: str = "wanda") -> None:
        self.keys, self.kept, self.name, self.record = root / "witness", root / "kept", name, record
        self.public = make_key(name, directory=self.keys)

    def looks(self, *words: str) -> int:
        where = [str(self.record.directory), "--by", self.name, "--into", str(self.kept), "--keys", str(self.keys)]
        return run(["witness", *where, *words])


@pytest.fixture
def witness(tmp_path: Path, record: Layout) -> Witness:
    return Witness(tmp_path, record)


def goes_on(record: Layout, open_sync, lines) -> None:
    journal = open_sync(record, "run-2")
    journal.append(lines.halt())
    journal.close()


def verified(record: Layout, *words: str) -> int:
    return run(["verify", str(record.directory), *words])


def test_the_cosignature_is_the_format_s(witness: Witness) -> None:
    assert witness.looks() == 0
    (note,) = kept_notes(witness.kept)
    log, cosigned = note.signatures
    assert (log.name, cosigned.name) == (note.origin, "wanda")
    public = load_key("wanda", directory=witness.keys).public_key()
    assert cosigned.key_id == hashlib.sha256(b"wanda\n\x04" + public.public_bytes_raw()).digest()[:4]
    stamp = int.from_bytes(cosigned.signature[:8])
    public.verify(cosigned.signature[8:], b"cosignature/v1\ntime %d\n%s" % (stamp, note.body))


def test_a_witness_signs_again_only_what_is_new(witness: Witness, record: Layout, open_sync, lines, capsys) -> None:
    assert witness.looks() == 0
    assert capsys.readouterr().out.startswith("witnessed  8 lines")
    before = witness.kept.read_bytes()
    assert witness.looks() == 0
    assert capsys.readouterr().out.startswith("unchanged  8 lines")
    assert witness.kept.read_bytes() == before
    goes_on(record, open_sync, lines)
    assert witness.looks("--json") == 0
    assert json.loads(capsys.readouterr().out)["new"] is True
    assert [note.size for note in kept_notes(witness.kept)] == [8, 12]
    assert witness.kept.read_bytes().startswith(before)


def test_verify_names_the_witness_and_how_far_it_saw(
    witness: Witness, record: Layout, open_sync, lines, save_state, capsys
) -> None:
    witness.looks()
    goes_on(record, open_sync, lines)
    capsys.readouterr()
    assert verified(record, "--kept", str(witness.kept), "--witness", f"wanda={witness.public}") == 0
    out = capsys.readouterr().out
    assert "8  of them, signed by wanda on 20" in out
    assert "this account holds the key that signs: checkpoints protect against others, not against this account" in out
    assert verified(record, "--kept", str(witness.kept), "--witness", f"wanda={witness.public}", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["witnesses"]["wanda"]["lines"], told["signed_lines"], told["signing_key_held_here"]) == (8, 12, True)


def test_a_record_put_back_with_its_checkpoints_verifies_alone_and_not_against_what_was_kept(
    witness: Witness, record: Layout, open_sync, lines, capsys
) -> None:
    goes_on(record, open_sync, lines)
    witness.looks()
    cut_record(record, 10)
    assert verified(record) == 0
    capsys.readouterr()
    assert verified(record, "--kept", str(witness.kept)) == 1
    assert "LEDGER_CUT" in capsys.readouterr().out
    assert witness.looks() == 1
    assert "LEDGER_CUT" in capsys.readouterr().err


def test_another_history_signed_by_the_account_itself_is_found_against_what_was_kept(
    witness: Witness, record: Layout, open_sync, lines, capsys
) -> None:
    goes_on(record, open_sync, lines)
    witness.looks()
    cut_record(record, 10)
    for _ in range(3):
        journal = open_sync(record, "run-3")
        journal.append(lines.halt(reason="it was never so"))
        journal.close()
    assert verified(record) == 0
    capsys.readouterr()
    assert verified(record, "--kept", str(witness.kept)) == 1
    assert "LEDGER_REWRITTEN" in capsys.readouterr().out
    assert witness.looks() == 1


def test_a_plain_copy_of_the_checkpoints_is_kept_too(record: Layout, tmp_path: Path, open_sync, lines, capsys) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(record.checkpoints.read_bytes())
    goes_on(record, open_sync, lines)
    assert verified(record, "--kept", str(copy)) == 0
    copy.write_bytes(copy.read_bytes().replace(b"\n7\n", b"\n6\n"))
    assert verified(record, "--kept", str(copy)) == 1
    assert "CHECKPOINT_SIGNATURE" in "".join(capsys.readouterr())
    assert verified(record, "--kept", str(tmp_path / "nothing")) == 2
    assert verified(record, "--witness", f"wanda={public_key_text(bytes(range(32)))}") == 2
    assert "--kept FILE beside --witness" in capsys.readouterr().err
    assert verified(record, "--witness", "wanda=x") == 2


@pytest.mark.parametrize(("alter", "code"), [
    (lambda b: b[:-8] + (b"AAA" if b[-8:-5] != b"AAA" else b"BBB") + b[-5:], "CHECKPOINT_SIGNATURE"),
    (lambda b: b.replace("— wanda".encode(), "— walda".encode()), "CHECKPOINT_SIGNER"),
    (lambda b: b"".join(b.splitlines(keepends=True)[:-1]), "CHECKPOINT_SIGNER"),
], ids=["forged", "another name", "taken out"])  # fmt: skip
def test_a_witness_s_line_that_is_not_its_own_is_found(witness: Witness, record: Layout, alter, code: str, capsys) -> None:
    witness.looks()
    witness.kept.write_bytes(alter(witness.kept.read_bytes()))
    capsys.readouterr()
    assert verified(record, "--kept", str(witness.kept), "--witness", f"wanda={witness.public}") == 1
    assert code in "".join(capsys.readouterr())
    assert witness.looks() == 1


def test_a_witness_needs_to_know_whose_ledger_it_is(witness: Witness, record: Layout, tmp_path, monkeypatch, capsys) -> None:
    signer = own_signer(keys_directory())
    assert signer is not None
    monkeypatch.setenv("SLUICE_KEYS", str(tmp_path / "another account"))
    assert witness.looks() == 2
    assert "LEDGER_KEY_UNKNOWN" in capsys.readouterr().err
    assert witness.looks("--key", public_key_text(signer.public)) == 0
    assert "this account signs the ledger too" not in capsys.readouterr().out
    other = public_key_text(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert witness.looks("--key", other) == 1
    assert "CHECKPOINT_SIGNER" in capsys.readouterr().err
    assert verified(record) == 0
    assert "the signatures of audit.checkpoints were not looked at" in capsys.readouterr().out
    assert verified(record, "--key", public_key_text(signer.public)) == 0
    assert "protect against others" not in capsys.readouterr().out
    assert verified(record, "--key", other) == 1
    assert verified(record, "--key", "ed25519:x") == 2
