"""The options of `sluice ledger` and `sluice witness`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from lakehouse.private_file import KEYS
from orders.errors import InputError
from orders.public_keys import public_key_bytes

NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")  # a person's, as in `live.signing_keys`

type Work = Callable[[argparse.Namespace], int]
type Command = Callable[[Any, str, Work, str], Any]


def _key(given: argparse.Namespace) -> int:
    from commands import ledger_command

    return ledger_command.run_key(as_json=given.json)


def _prove(given: argparse.Namespace) -> int:
    from commands import ledger_command

    return ledger_command.run_prove(given.lakehouse, line=given.line, keys=given.key, output=given.output, as_json=given.json)


def _rotate(given: argparse.Namespace) -> int:
    from commands import ledger_command

    return ledger_command.run_rotate(given.lakehouse, as_json=given.json)


def _witness(given: argparse.Namespace) -> int:
    from commands import ledger_command

    return ledger_command.run_witness(
        given.directory or given.lakehouse,
        by=given.by,
        into=given.into,
        keys=given.key,
        directory=given.keys.expanduser(),
        as_json=given.json,
    )


def _line(text: str) -> int:
    """The number of a line, from 1."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**15:
        raise argparse.ArgumentTypeError(f"a line number from 1 on was expected, was {text!r}")
    return int(text)


def witness_key(text: str) -> tuple[str, bytes]:
    """A witness's name and public key, NAME=ed25519:…"""
    name, _, key = text.partition("=")
    try:
        if not NAME.fullmatch(name):
            raise ValueError
        return name, public_key_bytes(key)
    except (ValueError, InputError) as error:
        raise argparse.ArgumentTypeError(f"NAME=ed25519:… was expected, was {text[:80]!r}") from error


def add_key_option(command: Any) -> None:
    """Add `--key`, whose checkpoints count."""
    command.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="who may have signed it, ed25519:…; may be given again (own)"
    )


def add_ledger(names: Any, *, command: Command, group: Callable[[Any, str, str], Any], lakehouse: Path) -> None:
    """Add the group `ledger` and the command `witness`."""
    ledger = group(names, "ledger", "prove to others what the ledger says")
    command(ledger, "key", _key, "print the public key that signs this account's ledgers")
    prove = command(ledger, "prove", _prove, "prove one line to somebody who has neither the ledger nor Sluice")
    prove.add_argument("line", type=_line, metavar="LINE", help="its number in the ledger, from 1, over all segments")
    prove.add_argument("--output", type=Path, metavar="FILE", help="write the proof there; not over a file that is there")
    rotate = command(ledger, "rotate", _rotate, "close log and ledger into segments and go on in new files; beside no run")
    witness = command(names, "witness", _witness, "sign, with another's key, what the ledger is now, into a file kept elsewhere")
    witness.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="the data directory; the same as --lakehouse")
    witness.add_argument("--by", required=True, metavar="NAME", help="whose key signs (`sluice keys new NAME`)")
    witness.add_argument(
        "--into", required=True, type=Path, metavar="FILE", help="what this witness signed so far, and will have"
    )
    witness.add_argument("--keys", type=Path, default=KEYS, metavar="DIR", help="where the witness's key lies (%(default)s)")
    for one in (prove, witness):
        add_key_option(one)
    for one in (prove, rotate, witness):
        one.add_argument("--lakehouse", type=Path, default=lakehouse, metavar="DIR", help="the data directory (%(default)s)")
