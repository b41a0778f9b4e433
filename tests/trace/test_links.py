"""Each link of a chain is held against the bytes: what was altered is named with its line, what is gone is not called wrong."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from analysis.trace_links import Sources, State, approval_links, fill_links, run_ledger_link
from commands.main import run
from lakehouse.log_index import FillPlace, LedgerPlace
from lakehouse.records import ManifestLine
from orders.canonical import sha256_hex
from orders.errors import NotYet
from sentinel.dsse import public_text
from sentinel.manifest_approval import ManifestApproval, approval_bytes
from tests.gate.world import RUNS, SOURCE_RUN
from tests.trace.made import Made, links, steps, traced

LOG = "execution_logs.jsonl"


def _alter(path: Path, line: int, change: Callable[[bytes], bytes]) -> None:
    lines = path.read_bytes().split(b"\n")
    changed = change(lines[line - 1])
    assert changed != lines[line - 1]
    lines[line - 1] = changed
    path.write_bytes(b"\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"price":"200.02"', b'"price":"200.03"'), (b'"type":"fill"', b'"type":"fyll"'), (b'{"', b'["'), (b'"BUY"', b'"BUX"')],
    ids=["a price", "its type", "no object any more", "a side that is none"],
)
def test_a_fill_whose_line_was_altered_by_a_byte_differs_and_its_line_is_named(one: Made, capsys, tmp_path, old, new) -> None:
    """It is found by its trade id all the same: the ledger has that."""
    (fill,) = one.of("fill")
    copy = one.copy(tmp_path / "copy")
    _alter(copy / LOG, fill["seq"], lambda raw: raw.replace(old, new, 1))
    document = traced(capsys, fill["trade_id"], "--lakehouse", copy, code=1)
    assert ("fill", "fill_hash") in links(document, "differs")
    (link,) = [link for link in steps(document, "fill")[0]["links"] if link["what"] == "fill_hash"]
    assert f"log line {fill['seq']}" in link["detail"]


@pytest.mark.parametrize(
    ("kind", "old", "new", "link"),
    [
        ("plan", b'"held_quantity":"0"', b'"held_quantity":"1"', ("plan", "plan_sha256")),
        ("intent", b'"side":"BUY"', b'"side":"SELL"', ("order", "names")),
        ("intent", b'"quantity":"49.99', b'"quantity":"59.99', ("order", "names")),
        ("intent", SOURCE_RUN.encode(), b"another-run", ("order", "names")),
        ("manifest", b'"run_ledger_head":"f', b'"run_ledger_head":"0', ("run", "ledger head")),
        ("manifest", SOURCE_RUN.encode(), b"20250106-crypto-eW", ("manifest", "names the run")),
    ],
    ids=["a plan", "an order's side", "an order's quantity", "an order's run", "the run's ledger head", "the manifest's run"],
)  # fmt: skip
def test_a_line_that_says_something_else_than_where_it_comes_from_differs(
    one: Made, capsys, tmp_path, kind, old, new, link
) -> None:
    copy = one.copy(tmp_path / "copy")
    (line,) = one.of(kind)
    _alter(copy / LOG, line["seq"], lambda raw: raw.replace(old, new, 1))
    config = tmp_path / "trace.toml"
    config.write_text(one.config.read_text().replace(str(one.directory), str(copy)))
    document = traced(capsys, one.of("fill")[0]["manifest_sha256"], "--config", config, code=1)
    assert link in links(document, "differs")


def test_a_ledger_record_that_the_next_one_does_not_follow_differs(one: Made, capsys, tmp_path) -> None:
    copy = one.copy(tmp_path / "copy")
    (fill,) = one.of("fill")
    number = steps(traced(capsys, fill["trade_id"], "--lakehouse", copy), "fill")[0]["ledger_line"]
    _alter(copy / "audit.jsonl", number, lambda raw: raw.replace(b'"ts":"1', b'"ts":"2'))
    document = traced(capsys, fill["trade_id"], "--lakehouse", copy, code=1)
    assert links(document, "differs") == [("fill", "ledger line")]


def test_bytes_that_are_gone_are_not_here_and_altered_ones_differ(one: Made, capsys, tmp_path) -> None:
    copy = one.copy(tmp_path / "copy")
    (line,) = one.of("manifest")
    kept = copy / "inputs" / line["manifest_sha256"]
    kept.write_bytes(kept.read_bytes() + b" ")
    assert links(traced(capsys, SOURCE_RUN, "--lakehouse", copy, code=1), "differs") == [("manifest", "bytes")]
    kept.unlink()
    document = traced(capsys, SOURCE_RUN, "--lakehouse", copy)
    assert links(document, "not here") == [("run", "ledger head"), ("manifest", "bytes")]
    assert links(document, "differs") == []


def test_a_ledger_that_is_gone_leaves_its_links_open_and_one_with_a_hole_differs(one: Made, capsys, tmp_path) -> None:
    copy = one.copy(tmp_path / "copy")
    lines = (copy / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (fill,) = one.of("fill")
    (copy / "audit.jsonl").write_bytes(b"".join(line for line in lines if b'"FILL"' not in line))
    assert links(traced(capsys, fill["trade_id"], "--lakehouse", copy, code=1), "differs") == [("fill", "fill_hash")]
    (copy / "audit.jsonl").unlink()
    assert ("fill", "fill_hash") in links(traced(capsys, fill["trade_id"], "--lakehouse", copy), "not here")


def test_a_log_whose_last_line_is_being_written_is_traced_without_it(one: Made, capsys, tmp_path) -> None:
    copy = one.copy(tmp_path / "copy")
    log, (fill,) = copy / LOG, one.of("fill")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[: fill["seq"]]) + lines[fill["seq"]][:-9])
    (copy / "audit.jsonl").write_bytes((copy / "audit.jsonl").read_bytes().splitlines(keepends=True)[0])
    document = traced(capsys, fill["client_order_id"], "--lakehouse", copy)
    assert ("fill", "fill_hash") in links(document, "not here")
    assert document["record"] == []


def test_the_log_is_read_to_where_it_was_and_a_missing_one_is_no_traceback(capsys, tmp_path: Path) -> None:
    assert traced(capsys, "anything", "--lakehouse", tmp_path, code=1)["error"]["code"] == "VANISHED"
    (tmp_path / LOG).write_bytes(b"\x00\xff\n" * 50 + b"[" * 100_000 + b"\n")
    assert traced(capsys, "anything", "--lakehouse", tmp_path, code=2)["error"]["code"] == "TRACE_UNKNOWN"


def test_an_order_that_nothing_intended_is_shown_without_a_run(one: Made, capsys, tmp_path) -> None:
    copy = one.copy(tmp_path / "copy")
    (verdict,) = one.of("verdict")
    rogue = verdict | {"client_order_id": "f" * 32, "outcome": "DENY", "code": "NO_APPROVAL", "seq": len(one.ran.lines) + 1}
    with (copy / LOG).open("ab") as log:
        log.write(json.dumps(rogue, separators=(",", ":")).encode() + b"\n")
    document = traced(capsys, "ffff", "--lakehouse", copy)
    assert [(step["kind"], step["id"], step["words"]) for step in steps(document, "run", "order")] == [
        ("run", "", "no source run is named"),
        ("order", "f" * 32, "denied at the gate: NO_APPROVAL"),
    ]
    assert links(document, "not here") == [("order", "intent")]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_was_done_to_log_or_ledger_is_answered_without_a_traceback(two: Made, capsys, tmp_path, seed: int) -> None:
    """`SluiceError` or a chain, never INTERNAL: 40 mutations each of bytes, lines, and values of another kind."""
    copy, rng = two.copy(tmp_path / "copy"), random.Random(seed)
    starts = [SOURCE_RUN, *(two.of("fill")[3][name] for name in ("trade_id", "client_order_id", "manifest_sha256"))]
    for _ in range(40):
        name = rng.choice((LOG, "audit.jsonl"))
        good = (copy / name).read_bytes()
        (copy / name).write_bytes(_mutated(good, rng))
        code = run(["trace", rng.choice(starts), "--lakehouse", str(copy), "--json"])
        said = capsys.readouterr()
        assert code in (0, 1, 2), said
        assert "INTERNAL" not in said.err
        assert json.loads(said.out)
        (copy / name).write_bytes(good)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    place, other = rng.randrange(len(lines) - 1), rng.randrange(len(lines) - 1)
    match rng.randrange(6):
        case 0:
            at = rng.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[: rng.randrange(len(data))]
        case 2:
            del lines[place]
        case 3:
            lines.insert(place, lines[other])
        case 4:
            lines[place], lines[other] = lines[other], lines[place]
        case _:
            record = json.loads(lines[place])
            odd = (None, -1, 2**70, "", [], {}, [[]], True, {"lines": 3}, {"lines": [{"line": "x"}]}, {"lines": [{"line": 1}]})
            record[rng.choice(list(record))] = rng.choice(odd)
            lines[place] = json.dumps(record).encode()
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda data: data, State.HOLDS),
        (lambda data: data + b'{"type": "action"}\n', State.HOLDS),
        (lambda data: data.replace(b"success", b"failure", 1), State.DIFFERS),
        (lambda data: b"".join(data.splitlines(keepends=True)[1:]), State.DIFFERS),
        (lambda data: b"".join(data.splitlines(keepends=True)[:-1]), State.DIFFERS),
        (lambda data: NotYet("VANISHED", expected="a file", found="none", action=""), State.NOT_HERE),
    ],
    ids=["as it was", "it went on since", "a record altered", "the first record gone", "the head gone", "archived"],
)
def test_a_source_runs_ledger_holds_while_it_has_the_head_and_is_sound_up_to_it(change, state: State) -> None:
    data = (RUNS / SOURCE_RUN / "audit.jsonl").read_bytes()
    head = json.loads(data.splitlines()[-1])["hash"]
    assert run_ledger_link(change(data), head=head, faults=()).state is state


def test_a_run_that_is_a_link_to_elsewhere_is_not_taken_for_the_run(one: Made, capsys, tmp_path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    shutil.copytree(RUNS / SOURCE_RUN, tmp_path / "elsewhere")
    (runs / SOURCE_RUN).symlink_to(tmp_path / "elsewhere")
    config = tmp_path / "trace.toml"
    config.write_text(one.config.read_text().replace(str(RUNS), str(runs)))
    assert links(traced(capsys, SOURCE_RUN, "--config", config, code=1), "differs") == [("run", "ledger head")]


KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in enumerate(("alice", "bob"), 1)}
PERSONS = {name: public_text(key.public_key()) for name, key in KEYS.items()}
MANIFEST = ManifestApproval(manifest_sha256="a" * 64, source_run="run-1", generated_ns=5, environment="made-day", by="alice")
GOOD = approval_bytes(MANIFEST, key=KEYS["alice"])


def _judged(data: bytes | NotYet, *, stated: bytes = GOOD, by: str = "alice", run: str = "run-1", **known: object) -> list[State]:
    line = ManifestLine(
        ts_ns=1, market_ns=1, run_id="x", manifest_sha256="a" * 64, decision="ACCEPTED", code="", message="", source_run=run,
        grade="VERIFIED", run_ledger_head=None, generated_ns=5, written_ns=1, read_ns=1, regime=None, targets={},
        decision_prices={}, approved_by=by, approval_sha256=sha256_hex(stated),
    )  # fmt: skip
    unread = NotYet("VANISHED", expected="", found="", action="")
    sources = Sources(
        manifest=lambda _: unread, approval=lambda _: unread, run_ledger=lambda _: unread, bundle=lambda _: unread, **known
    )  # type: ignore[arg-type]
    return [link.state for link in approval_links(data, line=line, sources=sources)]


def test_an_approval_holds_by_its_bytes_and_its_signature() -> None:
    known = {"persons": PERSONS, "environment": "made-day"}
    assert _judged(GOOD, **known) == [State.HOLDS, State.HOLDS]
    assert _judged(GOOD) == [State.HOLDS, State.NOT_HERE]  # no config says whose key counts
    assert _judged(NotYet("VANISHED", expected="a file", found="none", action=""), **known) == [State.NOT_HERE]
    assert _judged(GOOD + b" ", **known) == [State.DIFFERS]
    assert _judged(GOOD, **known | {"persons": {"bob": PERSONS["bob"]}}) == [State.HOLDS, State.NOT_HERE]
    assert _judged(GOOD, **known | {"persons": {"alice": PERSONS["bob"]}}) == [State.HOLDS, State.DIFFERS]
    assert _judged(GOOD, by="bob", **known) == [State.HOLDS, State.DIFFERS]
    assert _judged(GOOD, run="run-2", **known) == [State.HOLDS, State.DIFFERS]
    assert _judged(GOOD, **known | {"environment": "another"}) == [State.HOLDS, State.DIFFERS]
    assert _judged(GOOD, revoked=frozenset(PERSONS.values()), **known) == [
        State.HOLDS,
        State.HOLDS,
    ]  # it counted then; words say so


@pytest.mark.parametrize("name", ["trade_id", "client_order_id", "manifest_sha256", "source_run", "run_ledger_head"])
def test_a_record_that_names_something_else_than_its_line_differs(name: str) -> None:
    place = FillPlace(
        line=4, fill_hash="b" * 64, trade_id="1", client_order_id="c", manifest_sha256="a", source_run="r", run_ledger_head="e"
    )
    other = replace(place, **{name: "another"})
    record = LedgerPlace(line=2, sha256="d" * 64, seq=2, fill=other, next_prev="d" * 64)
    assert [link.state for link in fill_links(place, record, in_log=True, recorded_line=4)] == [State.DIFFERS, State.HOLDS]
