"""`sluice ledger key | prove LINE | rotate` and `sluice witness`: the ledger, for whoever does not trust this machine."""

from __future__ import annotations

import base64
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from commands.append_line import command_journal
from commands.output import Exit, print_json
from lakehouse.checkpoint_check import kept_notes
from lakehouse.checkpoints import note_bytes, parse_notes
from lakehouse.layout import Layout, replace_file, storage_error, write_all
from lakehouse.ledger_key import KEY_NAME, keys_directory, made_signer, own_signer, trusted_by
from lakehouse.ledger_proof import prove_line
from lakehouse.lock import DataDirectoryLock
from lakehouse.segments import closed_segments, has_file
from lakehouse.witness import cosigned
from live.signing_keys import load_key
from orders.errors import ConfigError, NotYet
from orders.public_keys import public_key_text


def run_key(*, as_json: bool) -> int:
    """Print the public half of the key that signs checkpoints; made if there is none yet."""
    directory = keys_directory()
    public = public_key_text(made_signer(directory).public)
    if as_json:
        print_json({"public": public, "file": str(directory / KEY_NAME)})
    else:
        print(public)
    return Exit.DONE


def run_prove(lakehouse: Path, *, line: int, keys: Sequence[str], output: Path | None, as_json: bool) -> int:
    """Print the proof of a line, or write it to `output`."""
    proof = prove_line(Layout(lakehouse), line=line, trusted=trusted_by(keys))
    text = proof.text()
    if output is not None:
        _write_new(output, text)
    if as_json:
        print_json(
            {
                "line": proof.line,
                "size": proof.checkpoint.size,
                "origin": proof.checkpoint.origin,
                "root": base64.b64encode(proof.checkpoint.root).decode(),
                "hashes": [base64.b64encode(one).decode() for one in proof.hashes],
                "proof": text.decode(),
                "output": None if output is None else str(output),
            }
        )
    elif output is not None:
        print(f"proved   line {line} of {proof.checkpoint.size}, in {output}\n         python docs/verify_proof.py {output} KEY")
    else:
        sys.stdout.write(text.decode())
    return Exit.DONE


def run_rotate(lakehouse: Path, *, as_json: bool) -> int:
    """Close log and ledger into segments, whatever their length; one that holds nothing but its own first line is left.

    Raises `NotYet` VANISHED (nothing recorded), `LockHeld` beside a run, and what `open_journal` raises.
    """
    layout = Layout(lakehouse)
    if not has_file(layout.log) and not has_file(layout.ledger):
        raise NotYet(
            "VANISHED",
            expected=f"a log and a ledger in {lakehouse}",
            found="neither",
            action="Name the directory of a run with --lakehouse.",
        )
    now_ns = time.time_ns()
    run_id = f"rotate-{now_ns}"
    with DataDirectoryLock(layout, run_id=run_id):
        before = len(closed_segments(layout.log))
        with command_journal(layout, now_ns=now_ns, run_id=run_id, rotate_above=0):  # opening it is all
            logs, ledgers = closed_segments(layout.log)[before:], closed_segments(layout.ledger)[before:]
    if as_json:
        print_json({"closed": [{"log": log.name, "ledger": ledger.name} for log, ledger in zip(logs, ledgers, strict=True)]})
    elif logs:
        print("\n".join(f"closed   {log}   {ledger}" for log, ledger in zip(logs, ledgers, strict=True)))
    else:
        print(f"nothing  {layout.log} has no line that is not closed yet")
    return Exit.DONE


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
    except FileExistsError as error:
        raise ConfigError(
            "OUTPUT_IN_USE", expected=f"no file at {path}", found="one", action="Name another file; none is written over."
        ) from error
    except OSError as error:
        raise storage_error(error, path) from error


def run_witness(lakehouse: Path, *, by: str, into: Path, keys: Sequence[str], directory: Path, as_json: bool) -> int:
    """Check the ledger and that it continues what `into` has, and append the newest checkpoint to it, signed by the witness too.

    Raises `ConfigError` LEDGER_KEY_UNKNOWN where nobody said whose checkpoints count, and what `load_key` raises; `BadLine`.
    """
    key = load_key(by, directory=directory)
    trusted = trusted_by(keys)
    if not trusted:
        raise ConfigError(
            "LEDGER_KEY_UNKNOWN",
            expected="the public key that signs this ledger",
            found="none, and this account has none of its own",
            action="Name it with --key; `sluice ledger key` prints it in the account that runs Sluice.",
        )
    seen = kept_notes(into) if into.exists() else ()
    public = key.public_key().public_bytes_raw()
    note = cosigned(Layout(lakehouse), name=by, public=public, sign=key.sign, seen=seen, trusted=trusted, now_s=int(time.time()))
    if note is not None:
        try:
            replace_file(into, b"\n".join([*map(note_bytes, seen), note]))
        except OSError as error:
            raise storage_error(error, into) from error
    size = seen[-1].size if note is None else parse_notes(note, file=str(into))[0][0].size
    own = own_signer(keys_directory())
    same = own is not None and own.public in trusted
    if as_json:
        shown = {"by": by, "public": public_key_text(public), "lines": size, "new": note is not None, "file": str(into)}
        print_json(shown | {"signing_key_held_here": same})
        return Exit.DONE
    what = "witnessed" if note is not None else "unchanged"
    print(f"{what:<11}{size:,} lines of {Layout(lakehouse).ledger}, by {by} {public_key_text(public)}, in {into}")
    if same:
        print("           this account signs the ledger too: keep the file where it cannot write")
    return Exit.DONE
