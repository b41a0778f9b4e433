"""The kinds of documents: for each a good one on disk, the command of a user who has it, and what is done to it."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.snapshots import write_book, write_quotes
from lakehouse.state import ActualState, Asset, write_actual_state
from live.arming_file import PAYLOAD_TYPE as ARMING
from live.arming_file import armed_bytes
from live.signing_keys import load_key, make_key
from orders.book import Book
from orders.canonical import canonical_bytes
from orders.values import Quote
from sentinel.dsse import sealed
from sentinel.manifest_approval import PAYLOAD_TYPE as APPROVAL
from sentinel.manifest_approval import ManifestApproval, approval_bytes
from sentinel.override_token import PAYLOAD_TYPE as OVERRIDE
from tests.gate.world import DAY_NS, World, manifest_text
from tests.hostile.documents import BYTES, CSV, HUGE, JSON, NAMES, NUMBERS, TOML, TYPES, Change, leaves, placed
from tests.hostile.places import PLACES, clear
from tests.lakehouse_out.conftest import START_NS, Lines
from tests.live.test_arming import ARMING as ARMED
from tests.overrides.forged import body

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "data/configs/shadow.toml"
LIMITS = ROOT / "data/samples/crypto/limits.json"
WEIGHTS = {"BINANCE:BTCUSDT": "0.3", "BINANCE:ETHUSDT": "0.1"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of document. `path`: where it lies; `words`: the command that reads it; `changes`: what makes it hostile, by name.

    `fit`: exit codes of the good one; `coded`: whether what it refuses has a code in its words, as nearly all has.
    """

    name: str
    path: Path
    good: bytes
    words: tuple[object, ...]
    changes: Mapping[str, Change]
    fit: tuple[int, ...] = (0,)
    coded: bool = True

    def put(self, name: str, huge: Path) -> None:
        """Make the hostile document where the good one was; `huge`: a directory where those of a hundred megabytes are kept."""
        clear(self.path)
        if name in PLACES:
            PLACES[name](self.path, self.good)
            return
        if name not in HUGE:
            self.path.write_bytes(self.changes[name](self.good))
            return
        kept = huge / name
        if not kept.exists():
            with kept.open("wb") as file:
                for _ in range(100 if HUGE[name] != b"\0" else 0):
                    file.write(HUGE[name] * 1_000_000)
                file.truncate(100_000_000)
        os.link(kept, self.path)

    def names(self) -> list[str]:
        """Every hostile document of this kind."""
        return [*self.changes, *HUGE, *PLACES]

    def mend(self) -> None:
        """Put the good one back."""
        clear(self.path)
        self.path.write_bytes(self.good)


VALUES: dict[str, Any] = NUMBERS | NAMES | TYPES


def in_places(document: Any, values: Mapping[str, Any] = VALUES, *, whole: bool = False) -> dict[str, Change]:
    """Each value at some places of a JSON document, in turn, so that every value and every place has its share; or at all."""
    places = list(leaves(document))
    found: dict[str, Change] = {}
    for number, (name, value) in enumerate(values.items()):
        for place in places if whole else (places[number % len(places)],):
            found[f"{name} at {'.'.join(map(str, place))}"] = lambda data, place=place, value=value: placed(
                document, place, value
            )
    return found


def _plain(path: Path, good: bytes, name: str, *words: object, changes: Mapping[str, Change], **more: Any) -> Kind:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(good)
    return Kind(name=name, path=path, good=good, words=words, changes=changes, **more)


def settings(root: Path, *, whole: bool = False) -> Iterator[Kind]:
    """Run configs, symbol maps, limits: what an operator writes and looks at."""
    limits = json.loads(LIMITS.read_bytes())
    config = root / "run.toml"
    yield _plain(
        config, CONFIG.read_bytes(), "run config", "config", "check", config, changes=BYTES | TOML | _in_toml(CONFIG.read_text())
    )
    symbols = root / "symbols.toml"
    text = (ROOT / "data/configs/symbols.toml").read_bytes()
    yield _plain(
        symbols, text, "symbol map", "limits", "show", LIMITS, "--map", symbols,
        changes=BYTES | TOML | _in_toml(text.decode()),
    )  # fmt: skip
    path = root / "limits.json"
    changes = BYTES | JSON | in_places(limits, whole=whole)
    yield _plain(path, LIMITS.read_bytes(), "limits", "limits", "show", path, changes=changes)
    table = root / "limits.csv"
    head = "symbol,venue,step_size,tick_size,min_quantity,min_notional,max_quantity,multiplier\n"
    row = "BINANCE:BTCUSDT,BINANCE,0.00001,0.01,0.00001,5,,1\n"
    yield _plain(
        table, (head + row).encode(), "limits as CSV", "limits", "import", table, "--as-of", "2026-01-06T00:00:00Z", "--replace",
        "--output", root / "made.json", changes=BYTES | CSV | _in_csv(head, row),
    )  # fmt: skip


def _in_toml(text: str) -> dict[str, Change]:
    """The values of quoted settings replaced, one after the other."""
    spots = [number for number, line in enumerate(text.split("\n")) if ' = "' in line and not line.startswith("#")]
    found: dict[str, Change] = {}
    for number, (name, value) in enumerate((NUMBERS | NAMES).items()):
        spot = spots[(number * 7) % len(spots)]
        key = text.split("\n")[spot].split(" = ")[0].strip()

        def change(data: bytes, spot: int = spot, value: str = value) -> bytes:
            lines = data.decode().split("\n")
            quoted = json.dumps(value, ensure_ascii=True)
            lines[spot] = lines[spot].split(" = ")[0] + " = " + quoted
            return "\n".join(lines).encode()

        found[f"{name} as {key}"] = change
    return found


def _in_csv(head: str, row: str) -> dict[str, Change]:
    names = head.strip().split(",")
    found: dict[str, Change] = {}
    for number, (name, value) in enumerate((NUMBERS | NAMES).items()):
        at = number % len(names)
        fields = row.strip().split(",")
        fields[at] = '"' + value + '"'
        line = ",".join(fields).encode("utf-8", "surrogatepass")
        found[f"{name} as {names[at]}"] = lambda data, line=line: data.split(b"\n", 1)[0] + b"\n" + line + b"\n"
    return found


def record(root: Path, *, whole: bool = False) -> Iterator[Kind]:
    """Log, ledger, checkpoints and state of a run that ended well, through `sluice verify`; the log through other readers too."""
    layout = Layout(root / "lakehouse")
    lines = Lines()
    journal = open_journal(layout, now_ns=START_NS, run_id="run-1", durable=False)
    for line in [*lines.small_run(), lines.stop()]:
        journal.fold.apply(line, seq=journal.append(line))
    fold = journal.fold
    write_actual_state(
        layout.state,
        ActualState(
            environment="paper", equity_base=Decimal("100000"), cash=fold.keeper.cash, fees=fold.keeper.fees, financing={},
            log_line=fold.log_line, updated_ns=START_NS + 5,
            assets=tuple(
                Asset(symbol=s, venue=fold.venues[s], quantity=q, price=fold.marks[s][0], notional_base=q * fold.marks[s][0])
                for s, q in fold.keeper.positions.items()
            ),
        ),
    )  # fmt: skip
    journal.close()
    verify = ("verify", layout.directory)
    for path, of_lines in ((layout.log, _lined(layout.log, 4)), (layout.ledger, _lined(layout.ledger, 2))):
        yield Kind(
            name=path.name,
            path=path,
            good=path.read_bytes(),
            words=verify,
            changes=BYTES | of_lines | _shuffled(path.read_bytes()),
        )
    yield Kind(
        name="the log by status", path=layout.log, good=layout.log.read_bytes(),
        words=("status", "--lakehouse", layout.directory), changes=BYTES | _lined(layout.log, 4), fit=(0, 1),
    )  # fmt: skip
    yield Kind(
        name="the log by trace", path=layout.log, good=layout.log.read_bytes(),
        words=("trace", "a" * 32, "--lakehouse", layout.directory), changes=BYTES | _lined(layout.log, 4), fit=(1,), coded=False,
    )  # fmt: skip
    notes = layout.checkpoints.read_bytes()
    yield Kind(name="checkpoints", path=layout.checkpoints, good=notes, words=verify, changes=BYTES | _noted(notes))
    state = layout.state.read_bytes()
    yield Kind(
        name="state",
        path=layout.state,
        good=state,
        words=verify,
        changes=BYTES | JSON | in_places(json.loads(state), whole=whole),
    )


def _lined(path: Path, number: int) -> dict[str, Change]:
    """Values in places of one line of a file of JSON lines."""
    line = json.loads(path.read_bytes().split(b"\n")[number - 1])
    changes = JSON | in_places(line)

    def on(change: Change) -> Change:
        def changed(data: bytes) -> bytes:
            lines = data.split(b"\n")
            lines[number - 1] = change(lines[number - 1])
            return b"\n".join(lines)

        return changed

    return {f"{name}, line {number}": on(change) for name, change in changes.items() if name != "a comment"}


def _shuffled(good: bytes) -> dict[str, Change]:
    lines = good.splitlines(keepends=True)
    return {
        "its first line gone": lambda data: b"".join(lines[1:]),
        "a line in the middle gone": lambda data: b"".join(lines[:3] + lines[4:]),
        "a line twice": lambda data: b"".join(lines[:4] + lines[3:]),
        "two lines changed over": lambda data: b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        "its last line gone": lambda data: b"".join(lines[:-1]),
        "an empty line": lambda data: b"".join([*lines[:3], b"\n", *lines[3:]]),
        "a line of twenty megabytes": lambda data: b"".join([*lines[:3], b'{"' + b"a" * 20_000_000 + b'":1}\n', *lines[3:]]),
        "a torn last line": lambda data: data + b'{"type":"fi',
    }


def _noted(good: bytes) -> dict[str, Change]:
    origin, size, root, *rest = good.split(b"\n")
    tail = b"\n".join(rest)

    def note(*parts: bytes) -> Change:
        return lambda data: b"\n".join([*parts, tail])

    return {
        "another origin": note(b"sluice-ledger/" + b"0" * 32, size, root),
        "an origin that is a path": note(b"sluice-ledger/../../etc/passwd", size, root),
        "a size of a million digits": note(origin, b"9" * 1_000_000, root),
        "a size of zero": note(origin, b"0", root),
        "a negative size": note(origin, b"-1", root),
        "a size in digits of another script": note(origin, "١".encode(), root),
        "a size in words": note(origin, b"many", root),
        "a root of no base64": note(origin, size, b"%%%%"),
        "a root that is too short": note(origin, size, base64.b64encode(b"short")),
        "another root": note(origin, size, base64.b64encode(bytes(32))),
        "a signature of a megabyte": lambda data: data.rstrip(b"\n") + b"A" * 1_000_000 + b"\n",
        "ten thousand signatures": lambda data: data + data.rstrip(b"\n").rsplit(b"\n", 1)[1].join([b"", b"\n"]) * 10_000,
        "ten thousand empty lines": lambda data: data + b"\n" * 10_000,
        "a control sequence as a name": lambda data: data.replace("— sluice".encode(), "— \x1b[2Jsluice".encode()),
        "no signature": note(origin, size, root + b"\n"),
        "a million lines of a letter": lambda data: b"a\n" * 1_000_000,
    }


def planned(root: Path, *, whole: bool = False) -> Iterator[Kind]:
    """Manifest, prices and book, through `sluice plan`."""
    world = World(root).write()
    snapshots = world.lakehouse / "snapshots"
    snapshots.mkdir()
    manifest = manifest_text(WEIGHTS).encode()
    world.manifest.write_bytes(manifest)
    shutil.copy(root / "limits.json", snapshots / "market_limits.json")
    prices = {"BINANCE:BTCUSDT": "100000", "BINANCE:ETHUSDT": "4000", "BINANCE:SOLUSDT": "200"}
    write_quotes(
        snapshots / "quotes.csv",
        [Quote(symbol=name, bid=Decimal(text), ask=Decimal(text) + 1, ts_ns=DAY_NS) for name, text in prices.items()],
    )
    book = Book(cash={"BINANCE": {"USDT": Decimal(100_000)}}, positions={"BINANCE:SOLUSDT": Decimal(4)})
    write_book(snapshots / "book.json", book, as_of_ns=DAY_NS, cycle=3)
    plan = ("plan", "--config", world.config_path, "--now", DAY_NS)
    for name, path in (("manifest", world.manifest), ("book", snapshots / "book.json")):
        good = path.read_bytes()
        yield Kind(
            name=name,
            path=path,
            good=good,
            words=plan,
            changes=BYTES | JSON | in_places(json.loads(good), whole=whole),
            fit=(0, 3),
        )
    quotes = (snapshots / "quotes.csv").read_bytes()
    head, row, *_ = quotes.decode().splitlines(keepends=True)
    yield Kind(
        name="prices",
        path=snapshots / "quotes.csv",
        good=quotes,
        words=plan,
        changes=BYTES | CSV | _in_csv(head, row),
        fit=(0, 3),
    )


def signed(root: Path, *, whole: bool = False) -> Iterator[Kind]:
    """Overrides, approvals and armings: envelopes that strangers alter, and bodies that a trusted person signed by mistake."""
    keys = root / "keys"
    public = make_key("ann", directory=keys)
    key = load_key("ann", directory=keys)
    world = World(root, schedules=f'[override]\nsignatures = 1\n[override.persons]\nann = "{public}"\n').write()
    approval = ManifestApproval(
        manifest_sha256="b" * 64, source_run="20250106-crypto-ew", generated_ns=DAY_NS, environment="made-day", by="ann"
    )
    armed = json.loads(base64.b64decode(json.loads(armed_bytes(ARMED, key=key))["payload"])) | {"by": "ann"}
    approved = json.loads(base64.b64decode(json.loads(approval_bytes(approval, key=key))["payload"]))
    show = ("override", "show", "--config", world.config_path)
    kinds = (
        ("override", OVERRIDE, body(), show),
        ("approval", APPROVAL, approved, ("reader:approval", public)),
        ("arming", ARMING, armed, ("reader:arming", public)),
    )
    for name, kind, document, words in kinds:
        path = root / f"{name}.json"
        good = sealed(canonical_bytes(document), payload_type=kind, signer="ann", key=key)
        envelope = in_places(json.loads(good), TYPES | NAMES, whole=whole)
        fit = (3,) if name == "override" else (0,)  # it has expired
        yield _plain(path, good, f"{name} envelope", *words, path, changes=BYTES | JSON_TEXT | envelope, fit=fit)

        def seal(data: bytes, kind: str = kind) -> bytes:
            return sealed(data, payload_type=kind, signer="ann", key=key)

        common = JSON if name == "override" else JSON_TEXT
        changes = {
            f"{title}, signed": _then(change, seal, canonical_bytes(document))
            for title, change in (common | in_places(document, whole=whole)).items()
        }
        yield Kind(name=f"{name} body", path=path, good=good, words=(*words, path), changes=changes, fit=fit)


def _then(change: Change, seal: Change, payload: bytes) -> Change:
    return lambda data: seal(change(payload))


JSON_TEXT = {name: change for name, change in JSON.items() if "number" not in name and "point" not in name}
