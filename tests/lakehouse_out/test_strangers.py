"""What a stranger can check: ledger and proofs with the two scripts in `docs/`, where there is `cryptography` and no Sluice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

from commands.main import run
from lakehouse.checkpoints import note_bytes, parse_notes
from lakehouse.layout import Layout
from lakehouse.ledger_key import keys_directory, own_signer
from orders.public_keys import public_key_text

ROOT = Path(__file__).parents[2]
NEEDS = ("cryptography", "cffi", "pycparser")  # cryptography, and what it needs itself


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with `cryptography` and nothing else: a copy of what is installed here, so no network is needed."""
    home = tmp_path_factory.mktemp("stranger")
    venv.create(home, with_pip=False, symlinks=True)
    packages = next(home.glob("lib/python*/site-packages"))
    for name in NEEDS:
        for file in distribution(name).files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    return home / "bin" / "python"


@pytest.fixture
def key(record: Layout) -> str:
    """The public key that signed `record`."""
    signer = own_signer(keys_directory())
    assert signer is not None
    return public_key_text(signer.public)


def asked(python: Path, script: str, *words: str | Path) -> tuple[int, str]:
    """Run a script of `docs/` from elsewhere; return its exit code and what it said."""
    copied = python.parent / script
    shutil.copy(ROOT / "docs" / script, copied)
    done = subprocess.run([python, "-I", copied, *words], cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def proof_of(record: Layout, line: int, path: Path) -> Path:
    assert run(["ledger", "prove", str(line), "--lakehouse", str(record.directory), "--output", str(path)]) == 0
    return path


def test_the_stranger_has_cryptography_and_not_sluice(stranger: Path) -> None:
    has = [
        subprocess.run([stranger, "-I", "-c", f"import {name}"], check=False, capture_output=True).returncode == 0
        for name in ("cryptography", "lakehouse", "msgspec", "pymerkle")
    ]
    assert has == [True, False, False, False]


def test_the_scripts_are_short_and_import_cryptography_alone() -> None:
    for script in ("verify_ledger.py", "verify_proof.py"):
        lines = (ROOT / "docs" / script).read_text().splitlines()
        imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
        assert imported - set(sys.stdlib_module_names) == {"cryptography"}
        assert len(lines) <= 55


def test_a_stranger_verifies_a_good_ledger(stranger: Path, record: Layout, key: str) -> None:
    code, said = asked(stranger, "verify_ledger.py", record.directory, key)
    assert (code, said) == (0, f"good  8 lines, 8 of them under checkpoints signed by {key}, 0 after the last\n")


@pytest.mark.parametrize(("name", "alter", "says"), [
    ("ledger", lambda b: b.replace(b'"reason":"a test', b'"reason":"A test', 1), "line 5 does not continue the chain"),
    ("ledger", lambda b: b"".join(b.splitlines(keepends=True)[:-1]), "8 lines were signed, there are 7"),
    ("ledger", lambda b: b"".join(b.splitlines(keepends=True)[1:]), "line 1 does not continue the chain"),
    ("checkpoints", lambda b: b"".join(b.splitlines(keepends=True)[:5]), "over 7 lines, which line 8 names, is gone"),
    ("checkpoints", lambda b: b.replace(b"\n7\n", b"\n8\n", 1), "is gone"),
    ("checkpoints", lambda b: b[:-8] + (b"AAA" if b[-8:-5] != b"AAA" else b"BBB") + b[-5:], "over 8 lines is not signed by"),
    ("checkpoints", lambda b: b"", "BAD  no ledger with checkpoints that can be read"),
    ("ledger", lambda b: b"", "BAD  no ledger with checkpoints that can be read"),
], ids=["altered", "cut", "beheaded", "rolled back", "another size", "a forged signature", "unsigned", "emptied"])  # fmt: skip
def test_a_stranger_finds(stranger: Path, record: Layout, key: str, name: str, alter, says: str) -> None:
    path = getattr(record, name)
    path.write_bytes(alter(path.read_bytes()))
    code, said = asked(stranger, "verify_ledger.py", record.directory, key)
    assert code == 1
    assert says in said


def test_a_stranger_with_another_key_believes_nothing(stranger: Path, record: Layout, tmp_path: Path) -> None:
    other = public_key_text(bytes(range(32)))
    code, said = asked(stranger, "verify_ledger.py", record.directory, other)
    assert (code, "is not signed by" in said) == (1, True)
    code, said = asked(stranger, "verify_proof.py", proof_of(record, 3, tmp_path / "p"), other)
    assert (code, "is not signed by" in said) == (1, True)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "ed25519:not base64!", "ssh-ed25519 AAAA"])
def test_a_stranger_with_no_key_is_told_so(stranger: Path, record: Layout, tmp_path: Path, text: str) -> None:
    code, said = asked(stranger, "verify_ledger.py", record.directory, text)
    assert (code, said.startswith("BAD  ")) == (1, True)
    code, said = asked(stranger, "verify_proof.py", proof_of(record, 3, tmp_path / "p"), text)
    assert (code, said.startswith("BAD  ")) == (1, True)


def test_a_stranger_verifies_a_rotated_ledger_and_finds_a_segment_that_is_gone(stranger: Path, record: Layout, key: str) -> None:
    for _ in range(2):
        assert run(["ledger", "rotate", "--lakehouse", str(record.directory)]) == 0
    code, said = asked(stranger, "verify_ledger.py", record.directory, key)
    assert (code, said.startswith("good  ")) == (0, True), said
    first = min(record.directory.glob("audit.0*.jsonl"))
    first.unlink()
    code, said = asked(stranger, "verify_ledger.py", record.directory, key)
    assert (code, "does not continue the chain" in said) == (1, True), said


def test_a_stranger_misses_the_checkpoint_that_a_segment_names(stranger: Path, record: Layout, key: str) -> None:
    assert run(["ledger", "rotate", "--lakehouse", str(record.directory)]) == 0
    closed = json.loads(record.ledger.read_bytes().splitlines()[0])["body"]["ledger_lines"]
    notes, _ = parse_notes(record.checkpoints.read_bytes(), file="")
    assert closed in {note.size for note in notes}
    record.checkpoints.write_bytes(b"\n".join(note_bytes(note) for note in notes if note.size != closed))
    code, said = asked(stranger, "verify_ledger.py", record.directory, key)
    assert (code, f"the checkpoint over {closed} lines, which line {closed + 1} names, is gone" in said) == (1, True), said


def test_a_proof_of_every_line_is_good_alone(stranger: Path, record: Layout, key: str, tmp_path: Path) -> None:
    for number, raw in enumerate(record.ledger.read_bytes().splitlines(), 1):
        code, said = asked(stranger, "verify_proof.py", proof_of(record, number, tmp_path / f"{number}"), key)
        assert (code, said.splitlines()[0].startswith(f"good  line {number} of 8 of sluice-ledger/")) == (0, True)
        assert said.splitlines()[1].encode() == raw


@pytest.mark.parametrize(("old", "new", "says"), [
    (b"index 2", b"index 3", "does not lead to the root"),
    (b"index 2", b"index 8", "no proof"),
    (b"index 2", b"index x", "no proof"),
    (b"extra eyJib2R5Ijp7ImNsaWVudF9", b"extra eyJib2R5Ijp7ImNsaWVudF8", "does not lead to the root"),
    (b"\n8\n", b"\n7\n", "BAD"),
    (b"@v1", b"@v2", "no proof"),
    (b"\n\n\xe2", b"\n\xe2", "no proof"),
], ids=["another place", "a place outside", "no number", "another line", "another size", "another version", "glued"])  # fmt: skip
def test_an_altered_proof_is_bad(stranger: Path, record: Layout, key: str, tmp_path: Path, old: bytes, new: bytes, says: str):
    path = proof_of(record, 3, tmp_path / "p")
    altered = path.read_bytes().replace(old, new, 1)
    assert altered != path.read_bytes()
    path.write_bytes(altered)
    code, said = asked(stranger, "verify_proof.py", path, key)
    assert (code, says in said) == (1, True), said


def test_prove_says_what_it_proved_and_where_the_line_is_not_signed(record: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--lakehouse", str(record.directory)]
    assert run(["ledger", "prove", "3", *where, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["line"], told["size"], len(told["hashes"])) == (3, 8, 3)
    assert run(["ledger", "prove", "3", *where]) == 0
    assert capsys.readouterr().out == told["proof"]
    assert run(["ledger", "prove", "9", *where]) == 1
    assert "LINE_UNSIGNED" in capsys.readouterr().err
    assert run(["ledger", "prove", "0", *where]) == 2
    assert run(["ledger", "prove", "3", *where, "--output", str(record.ledger)]) == 2
    assert "OUTPUT_IN_USE" in capsys.readouterr().err
    record.ledger.write_bytes(record.ledger.read_bytes().replace(b'"reason":"a test', b'"reason":"A test', 1))
    assert run(["ledger", "prove", "3", *where]) == 1
    assert "LEDGER_REWRITTEN" in capsys.readouterr().err
    record.ledger.unlink()
    assert run(["ledger", "prove", "3", *where]) == 1
    assert "LEDGER_CUT" in capsys.readouterr().err
