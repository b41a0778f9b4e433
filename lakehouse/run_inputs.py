"""What a run worked on, kept so that it can be replayed: the bytes of its files and manifests by their sha256, and a list.

The list is `inputs/<run id>.jsonl`, one JSON object a line, told apart by `type`; bytes lie in `inputs/<sha256>`, each once. What
is listed was written, whole and durable, before it was used. The log names the sha256 of the list: of its beginning in
`run_start`, of all of it in `run_stop`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, assert_never

import msgspec

from lakehouse.layout import Layout, replace_file, safe_name, storage_error, sync_directory, write_all
from lakehouse.manifest import AuditedManifest, ManifestHeld, ManifestOutcome, ManifestRefused
from lakehouse.plain_file import open_plain
from orders.canonical import sha256_hex
from orders.errors import InputError

INPUTS_VERSION: Final = 1
SHA256: Final = re.compile(r"[0-9a-f]{64}")
OUTCOMES: Final[Mapping[str, type[ManifestOutcome]]] = {
    "ACCEPTED": AuditedManifest,
    "HOLD": ManifestHeld,
    "REFUSED": ManifestRefused,
}


class InputsOf(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="inputs"):
    """The first line: whose list this is."""

    v: int = INPUTS_VERSION
    run_id: str


class InputFile(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="file"):
    """A file the run read. `kind`: config, symbols, market_limits, hours, volumes, funding; `name`: its venue or symbol."""

    kind: str
    name: str
    path: str
    sha256: str
    bytes: int


class Published(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="manifest"):
    """What was read at the manifest's place and handed to the strategy at `ts_ns`, real time, and how it was judged."""

    ts_ns: int
    manifest_sha256: str | None
    judged_sha256: str


class MarketFile(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="quotes"):
    """A batch of the recorded top of book, a file of `top_of_book/`."""

    name: str
    sha256: str
    rows: int


type InputLine = InputsOf | InputFile | Published | MarketFile

_lines = msgspec.json.Decoder(InputsOf | InputFile | Published | MarketFile)


class InputsWriter:
    """Writes the list of one run and the bytes it names. One thread. Raises `StorageError`, after which nothing is written.

    Made a second time for a run id: `InputError` RUN_ID_USED.
    """

    def __init__(self, layout: Layout, *, run_id: str) -> None:
        self._layout = layout
        self._known: set[str] = set()
        self._hash = hashlib.sha256()  # of the list so far
        path = layout.inputs / f"{safe_name(run_id)}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            layout.inputs.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, flags, 0o644)
            sync_directory(layout.inputs)
        except FileExistsError as error:
            raise InputError(
                "RUN_ID_USED", expected=f"no list of inputs at {path}", found="one", action="Start again under another run id."
            ) from error
        except OSError as error:
            raise storage_error(error, path) from error
        self._append(InputsOf(run_id=run_id))

    @property
    def sha256(self) -> str:
        """Hex sha256 of the list as it is now."""
        return self._hash.hexdigest()

    def put(self, data: bytes) -> str:
        """Keep bytes and return their sha256; what is there already is not written again."""
        sha256 = sha256_hex(data)
        if sha256 in self._known:
            return sha256
        path = self._layout.inputs / sha256
        try:
            if not path.exists() or path.stat().st_size != len(data):
                replace_file(path, data)
        except OSError as error:
            raise storage_error(error, path) from error
        self._known.add(sha256)
        return sha256

    def file(self, data: bytes, *, kind: str, name: str, path: str) -> None:
        """Keep the bytes of a file the run reads and list them."""
        self._append(InputFile(kind=kind, name=name, path=path, sha256=self.put(data), bytes=len(data)))

    def published(self, outcome: ManifestOutcome, *, ts_ns: int) -> None:
        """Keep a judgement that is about to be handed to the strategy. The manifest's bytes were put when they were read."""
        judged = self.put(judged_bytes(outcome))
        self._append(Published(ts_ns=ts_ns, manifest_sha256=outcome.manifest_sha256, judged_sha256=judged))

    def market(self, *, name: str, sha256: str, rows: int) -> None:
        """List a batch of the recorded market that has been written."""
        self._append(MarketFile(name=name, sha256=sha256, rows=rows))

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, line: InputLine) -> None:
        raw = msgspec.json.encode(line) + b"\n"
        try:
            write_all(self._descriptor, raw)
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise storage_error(error, self._layout.inputs) from error
        self._hash.update(raw)


def judged_bytes(outcome: ManifestOutcome) -> bytes:
    """Return the JSON of a judgement: `decision` and `outcome`, every field of it."""
    decision = next(name for name, kind in OUTCOMES.items() if isinstance(outcome, kind))
    return msgspec.json.encode({"decision": decision, "outcome": outcome}, order="deterministic")


def judged_of(data: bytes) -> ManifestOutcome:
    """Return the judgement in `data`. Raises `InputError` INPUT_MALFORMED."""
    try:
        document: dict[str, Any] = msgspec.json.decode(data)
        return msgspec.convert(document["outcome"], OUTCOMES[document["decision"]], strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError, RecursionError) as error:
        raise _malformed("a judgement", str(error)) from error


def read_list(layout: Layout, *, run_id: str, sha256: str | None, begins: str | None = None) -> tuple[InputLine, ...]:
    """Return the list of a run. `sha256`: what the log says of all of it; None: the run was cut off, a torn last line is left.
    `begins`: what it says of the list's beginning; None: that is not asked.

    Raises `InputError` INPUTS_MISSING, INPUTS_ALTERED, INPUT_MALFORMED.
    """
    path = layout.inputs / f"{safe_name(run_id)}.jsonl"
    data = _read(layout, path.name, code="INPUTS_MISSING", what=f"the list of what run {run_id} worked on, {path}")
    if sha256 is not None and sha256_hex(data) != sha256:
        raise _altered(path.name, sha256=sha256, found=sha256_hex(data))
    try:
        found = tuple(_lines.decode(raw) for raw in data.split(b"\n")[:-1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"a list of inputs at {path}", str(error)) from error
    head = found[0] if found else None
    if not isinstance(head, InputsOf) or head.v != INPUTS_VERSION or head.run_id != run_id:
        raise _malformed(f"a list of inputs of version {INPUTS_VERSION} of run {run_id} at {path}", repr(head))
    if begins is not None and not _begins(data, begins):
        raise _altered(path.name, sha256=f"{begins} of its beginning", found="another beginning")
    return found


def read_kept(layout: Layout, *, run_id: str, begins: str, whole: str | None) -> tuple[InputLine, ...]:
    """Return a run's list when it and all bytes it names are what the log says; see `read_list`.

    Raises `InputError` INPUTS_MISSING, INPUTS_ALTERED, INPUT_MISSING, INPUT_ALTERED, INPUT_MALFORMED.
    """
    kept = read_list(layout, run_id=run_id, sha256=whole, begins=begins)
    for sha256 in hashes_of(kept):
        read_input(layout, sha256)
    return kept


def check_list(layout: Layout, *, run_id: str, begins: str, whole: str | None) -> tuple[InputLine, ...]:
    """Do what `read_kept` does, for the recorded quotes that are still there too. Raises also `InputError` MARKET_ALTERED."""
    kept = read_kept(layout, run_id=run_id, begins=begins, whole=whole)
    for name in altered_quotes(layout, kept):
        raise InputError(
            "MARKET_ALTERED",
            expected=f"top_of_book/{name} as it was recorded",
            found="another content",
            action="Change nothing and keep a copy; a person must look.",
        )
    return kept


def hashes_of(kept: Iterable[InputLine]) -> Iterator[str]:
    """Yield the sha256 of all bytes that a list names, each once."""
    seen: dict[str, None] = {}
    for one in kept:
        match one:
            case InputFile():
                seen[one.sha256] = None
            case Published():
                seen |= dict.fromkeys(filter(None, (one.manifest_sha256, one.judged_sha256)))
            case InputsOf() | MarketFile():
                pass
            case never:
                assert_never(never)
    yield from seen


def altered_quotes(layout: Layout, kept: Iterable[InputLine]) -> Iterator[str]:
    """Yield the name of each batch of quotes that is there and is not what was recorded."""
    for one in kept:
        if isinstance(one, MarketFile):
            path = layout.top_of_book / safe_name(one.name)
            if path.exists() and sha256_hex(path.read_bytes()) != one.sha256:
                yield one.name


def missing_quotes(layout: Layout, kept: Iterable[InputLine]) -> list[str]:
    """Return the names of batches of quotes that are not there any more."""
    return [one.name for one in kept if isinstance(one, MarketFile) and not (layout.top_of_book / safe_name(one.name)).exists()]


def _begins(data: bytes, sha256: str) -> bool:
    """Whether some first lines of the list have this sha256."""
    so_far = hashlib.sha256()
    for line in data.splitlines(keepends=True):
        so_far.update(line)
        if so_far.hexdigest() == sha256:
            return True
    return False


def read_input(layout: Layout, sha256: str) -> bytes:
    """Return kept bytes, which are what they were. Raises `InputError` INPUT_MISSING, INPUT_ALTERED."""
    if not SHA256.fullmatch(sha256):
        raise _malformed("a sha256 of 64 hex digits", repr(sha256[:80]))
    data = _read(layout, sha256, code="INPUT_MISSING", what=f"the bytes of sha256 {sha256} in {layout.inputs}")
    if sha256_hex(data) != sha256:
        raise _altered(sha256, sha256=sha256, found=sha256_hex(data))
    return data


def _read(layout: Layout, name: str, *, code: str, what: str) -> bytes:
    try:
        with open_plain(layout.inputs / name) as file:
            return file.read()
    except FileNotFoundError as error:
        action = "A run that did not keep its inputs cannot be replayed; runs of this version keep them."
        raise InputError(code, expected=what, found="no such file", action=action) from error
    except OSError as error:
        raise storage_error(error, layout.inputs / name) from error


def _altered(name: str, *, sha256: str, found: str) -> InputError:
    return InputError(
        "INPUTS_ALTERED" if name.endswith(".jsonl") else "INPUT_ALTERED",
        expected=f"inputs/{name} with sha256 {sha256}",
        found=found,
        action="Change nothing and keep a copy; a person must look.",
    )


def _malformed(expected: str, found: str) -> InputError:
    return InputError(
        "INPUT_MALFORMED", expected=expected, found=found[:200], action="Change nothing and keep a copy; a person must look."
    )
