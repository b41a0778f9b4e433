"""A long ledger, and what can be done to it by whoever lacks the key: each mutation, with where it must be found."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakehouse.checkpoints import UNSIGNED_LINES_MAX, Checkpoint, note_bytes, parse_notes
from lakehouse.layout import Layout, segment_path
from lakehouse.ledger_key import Signer
from lakehouse.merkle import Frontier
from lakehouse.opening import open_journal
from lakehouse.records import AnyLine
from lakehouse.segments import closed_segments
from tests.cut_records import whole

LEDGER, CHECKPOINTS = "audit.jsonl", "audit.checkpoints"


@dataclass(frozen=True)
class Mutated:
    """Log, ledger and checkpoints after it; found in `file`, at one of `lines` (None: any), or in a range that holds `within`.

    Lines count over all segments: a `segment` line or record begins one.
    """

    log: bytes
    ledger: list[bytes]
    checkpoints: bytes
    file: str
    lines: frozenset[int] | None
    within: int | None = None


@dataclass(frozen=True)
class Long:
    """A good record, in parts: lines of log and ledger without newlines, notes. `other`: the same until its middle, then not."""

    log: list[bytes]
    ledger: list[bytes]
    notes: list[Checkpoint]
    checkpoints: bytes
    other: list[bytes]

    def changed(self, ledger: list[bytes], *at: int, **given: Any) -> Mutated:
        whole = {"log": b"\n".join(self.log) + b"\n", "checkpoints": self.checkpoints, "file": LEDGER} | given
        return Mutated(ledger=ledger, lines=frozenset(at), **whole)


def write_long(layout: Layout, lines: Any, *, records: int, turn: int | None = None, rotate: bool = False) -> Any:
    """Write a record whose ledger has about `records` lines, a fill among ten halts; from record `turn` on, another story.

    Opened and closed in three places, as runs would; with `rotate` in three segments. Returns the fold at its end.
    """
    above = 0 if rotate else None
    done = 0
    for part in range(3):
        journal = open_journal(layout, now_ns=1 + part, run_id=f"run-{part}", durable=False, rotate_above=above)
        start = lines.start(run_id=f"run-{part}", **({"starting_cash": None} if part else {}))
        journal.fold.apply(start, seq=journal.append(start))
        while done < records * (part + 1) // 3 - 12:
            done += 1
            story = "as it was" if turn is None or done < turn else "as it never was"
            line: AnyLine = lines.halt(action="halt" if done % 2 else "resume", reason=f"{story} {done}")
            if done % 10 == 0:
                line = lines.fill(str(done), key=f"{done:032x}")
            journal.fold.apply(line, seq=journal.append(line))
        stop = lines.stop(run_id=f"run-{part}")
        journal.fold.apply(stop, seq=journal.append(stop))
        fold = journal.fold
        journal.close()
    return fold


def read_long(layout: Layout, other: Layout) -> Long:
    data = layout.checkpoints.read_bytes()
    return Long(
        log=whole(layout.log).splitlines(),
        ledger=whole(layout.ledger).splitlines(),
        notes=parse_notes(data, file=CHECKPOINTS)[0],
        checkpoints=data,
        other=whole(other.ledger).splitlines(),
    )


def flip(long: Long, dice: random.Random) -> Mutated:
    """One bit of one byte, newlines included."""
    data = bytearray(b"\n".join(long.ledger) + b"\n")
    at = dice.randrange(len(data))
    line = data.count(b"\n", 0, at) + 1
    data[at] ^= 1 << dice.randrange(8)
    whole = bytes(data)
    lines = whole[:-1].split(b"\n") if whole.endswith(b"\n") else [*whole.split(b"\n")[:-1], b"TORN" + whole.split(b"\n")[-1]]
    return long.changed(lines, line, line + 1)


def edit(long: Long, dice: random.Random) -> Mutated:
    """Another value in a record, canonical as before."""
    place = dice.randrange(len(long.ledger))
    record = json.loads(long.ledger[place])
    part = record["body"] if dice.random() < 0.8 else record
    name = dice.choice([key for key in part if type(part[key]) in (str, int)])
    value = part[name]
    part[name] = value + dice.choice((-1, 1)) if type(value) is int else value[:-1] + ("0" if value[-1:] != "0" else "1")
    return long.changed([*long.ledger[:place], dumped(record), *long.ledger[place + 1 :]], place + 1, place + 2)


def delete(long: Long, dice: random.Random) -> Mutated:
    place = dice.randrange(len(long.ledger))
    return long.changed(long.ledger[:place] + long.ledger[place + 1 :], place + 1)


def insert(long: Long, dice: random.Random) -> Mutated:
    """A record made up to follow the one before it."""
    place = dice.randrange(1, len(long.ledger))
    record = json.loads(dice.choice(long.ledger)) | {"seq": place + 1, "prev": sha(long.ledger[place - 1])}
    return long.changed([*long.ledger[:place], dumped(record), *long.ledger[place:]], place + 1, place + 2)


def swap(long: Long, dice: random.Random) -> Mutated:
    first, second = sorted(dice.sample(range(len(long.ledger)), 2))
    lines = list(long.ledger)
    lines[first], lines[second] = lines[second], lines[first]
    return long.changed(lines, first + 1)


def duplicate(long: Long, dice: random.Random) -> Mutated:
    place = dice.randrange(len(long.ledger))
    return long.changed(long.ledger[: place + 1] + long.ledger[place:], place + 2)


def truncate(long: Long, dice: random.Random) -> Mutated:
    """Fewer lines than the newest checkpoint; half the time with the log cut to what they name."""
    kept = dice.randrange(1, len(long.ledger))
    if dice.random() < 0.5:
        return long.changed(long.ledger[:kept], kept + 1)
    named = max(json.loads(raw)["body"].get("log_line", 0) for raw in long.ledger[:kept])
    log = b"".join(raw + b"\n" for raw in long.log[:named])
    return long.changed(long.ledger[:kept], kept + 1, log=log)


def splice(long: Long, dice: random.Random) -> Mutated:
    """The rest of another ledger that began the same, its chain joined on."""
    apart = next(place for place, (ours, theirs) in enumerate(zip(long.ledger, long.other, strict=False)) if ours != theirs)
    place = dice.randrange(apart, min(len(long.ledger), len(long.other)) - 1)
    return long.changed(restamped(long.ledger[:place] + long.other[place:], place), *range(place + 1, place + 12))


def restamp(long: Long, dice: random.Random) -> Mutated:
    """A record altered and the whole chain after it, with its CHECKPOINT records, made anew; the log is left."""
    place = dice.randrange(len(long.ledger))
    record = json.loads(long.ledger[place])
    key = next(key for key in ("reason", "fill_hash", "log_sha256", "root", "ledger_root", "run_id") if key in record["body"])
    record["body"][key] = record["body"][key][:-1] + ("0" if record["body"][key][-1] != "0" else "1")
    if record["type"] == "CHECKPOINT":  # restamping would write the right root back
        record["body"] |= {"size": place + 7}
    return long.changed(restamped([*long.ledger[:place], dumped(record), *long.ledger[place + 1 :]], place), place + 1)


def rewrite(long: Long, dice: random.Random) -> Mutated:
    """A halt that says something else, in the log too: its hash, later anchors, chain and roots are all right again."""
    halts = [place for place, raw in enumerate(long.log) if b'"reason":"as it was' in raw]
    place = dice.choice(halts)
    fresh = long.log[place].replace(b"as it was", b"as it is!")
    log = [*long.log[:place], fresh, *long.log[place + 1 :]]
    lines, at = list(long.ledger), 0
    for number, raw in enumerate(long.ledger):
        record = json.loads(raw)
        if record["body"].get("line_hash") == sha(long.log[place]):
            record["body"] |= {"line_hash": sha(fresh), "reason": record["body"]["reason"].replace("as it was", "as it is!")}
            lines[number], at = dumped(record), number
    lines = restamped(lines, at, log=log)
    changed = b"\n".join(log) + b"\n"
    return Mutated(changed, lines, long.checkpoints, LEDGER, None, within=at + 1)


def roll_back(long: Long, dice: random.Random) -> Mutated:
    """Notes taken off the end: more than the very last, which a kill may leave unwritten."""
    kept = long.notes[: dice.randrange(len(long.notes) - 1)]
    notes = b"\n".join(map(note_bytes, kept))
    return long.changed(long.ledger, notes.count(b"\n") + (2 if kept else 1), checkpoints=notes, file=CHECKPOINTS)


def forget(long: Long, dice: random.Random) -> Mutated:
    """Notes taken off the end with every line that names them, and the chain made anew: too much of it is unsigned then."""
    kept = [note for note in long.notes if note.size < len(long.ledger) - UNSIGNED_LINES_MAX - len(long.notes)]
    kept = kept[: dice.randrange(len(kept)) + 1]
    size = kept[-1].size
    rest = [raw for raw in long.ledger[size:] if b'"type":"CHECKPOINT"' not in raw]
    notes = b"\n".join(map(note_bytes, kept))
    log = list(long.log)
    lines = restamped(long.ledger[:size] + rest, size, log=log)
    said = b"\n".join(log) + b"\n"
    return long.changed(lines, notes.count(b"\n") + 2, checkpoints=notes, file=CHECKPOINTS, log=said)


def wrong_key(long: Long, dice: random.Random) -> Mutated:
    """Notes, from one on, signed by somebody else, for what the ledger really is."""
    signer = Signer(Ed25519PrivateKey.from_private_bytes(dice.randbytes(32)))
    first = dice.randrange(len(long.notes))
    notes = list(map(note_bytes, long.notes[:first]))
    notes += [signer.note(origin=one.origin, size=one.size, root=one.root) for one in long.notes[first:]]
    return long.changed(long.ledger, long.notes[first].line + 4, checkpoints=b"\n".join(notes), file=CHECKPOINTS)


def flip_note(long: Long, dice: random.Random) -> Mutated:
    data = bytearray(long.checkpoints)
    at = dice.randrange(len(data))
    data[at] ^= 1 << dice.randrange(8)
    note = [one for one in long.notes if one.line <= data.count(b"\n", 0, at) + 1][-1]
    return long.changed(long.ledger, *range(note.line, note.line + 8), checkpoints=bytes(data), file=CHECKPOINTS)


MUTATORS: tuple[Callable[[Long, random.Random], Mutated], ...] = (
    flip, edit, delete, insert, swap, duplicate, truncate, splice, restamp, rewrite, roll_back, forget, wrong_key, flip_note,
)  # fmt: skip


def restamped(lines: list[bytes], place: int, *, log: list[bytes] | None = None) -> list[bytes]:
    """Number, chain and root again all lines from `place` on; with them, where given, what the log says of the ledger."""
    tree = Frontier()
    done = lines[:place]
    for raw in done:
        tree.add(raw)
    for number, raw in enumerate(lines[place:], place + 1):
        record = json.loads(raw) | {"seq": number, "prev": sha(done[-1]) if done else "0" * 64}
        body = record["body"]
        if record["type"] == "CHECKPOINT" and (number != place + 1 or body["size"] == place):
            body |= {"root": tree.root().hex(), "size": tree.size}
        if record["type"] == "SEGMENT" and number != place + 1:
            body |= {"ledger_root": tree.root().hex(), "ledger_lines": tree.size}
        if log is not None and record["type"] == "SEGMENT":
            at = body["log_line"] - 1
            before = hashlib.sha256(b"".join(one + b"\n" for one in log[:at])).hexdigest()
            names = {"log_sha256": before, "ledger_root": body["ledger_root"], "ledger_lines": body["ledger_lines"]}
            log[at] = json.dumps(json.loads(log[at]) | names, separators=(",", ":")).encode()
            body["line_hash"] = sha(log[at])
        if log is not None and record["type"] == "LOG_ANCHOR":
            body["log_sha256"] = hashlib.sha256(b"".join(one + b"\n" for one in log[: body["log_line"]])).hexdigest()
        done.append(dumped(record))
        tree.add(done[-1])
    return done


def dumped(record: Any) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def put(mutated: Mutated, directory: Path) -> Layout:
    layout = Layout(directory)
    put_file(layout.ledger, mutated.ledger, begins=b'"type":"SEGMENT","v":1}')
    layout.checkpoints.write_bytes(mutated.checkpoints)
    if whole(layout.log) != mutated.log:
        put_file(layout.log, mutated.log[:-1].split(b"\n"), begins=b'{"type":"segment"')
    return layout


def put_file(file: Path, lines: list[bytes], *, begins: bytes) -> None:
    """Write lines into as many segments as say that they are one; the last line without a newline where it is TORN."""
    parts: list[list[bytes]] = [[]]
    for raw in lines:
        if parts[-1] and (raw.startswith(begins) or raw.endswith(begins)):
            parts.append([])
        parts[-1].append(raw)
    for path in closed_segments(file):
        path.unlink()
    for number, part in enumerate(parts, 1):
        data = b"".join(raw + b"\n" for raw in part)
        if part and part[-1].startswith(b"TORN"):
            data = data[: -len(part[-1]) - 1] + part[-1].removeprefix(b"TORN")
        (file if number == len(parts) else segment_path(file, number)).write_bytes(data)
