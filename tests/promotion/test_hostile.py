"""Hostile requests, statements and evidence: one typed refusal each, whatever bytes they are, in the time a person waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.layout import Layout
from lakehouse.promotion_files import SIZE_MAX, keep_promotion_file
from live.promoted import evidence_problem
from live.promotion_signing import Request, read_request
from orders.canonical import canonical_bytes
from orders.errors import InputError
from sentinel.dsse import sealed
from sentinel.promotion_statement import PAYLOAD_TYPE, statement_bytes
from tests.hostile.documents import BYTES, JSON, Change
from tests.hostile.kinds import JSON_TEXT, in_places
from tests.hostile.places import PLACES, clear
from tests.promotion.made import EVIDENCE, GATES, START_NS, A
from tests.promotion.test_statement import KEYS, RULES, STATEMENT, signed

REQUEST = statement_bytes(STATEMENT) + b"\n"
DOCUMENT = json.loads(REQUEST)
SEEN = {
    "bundle_sha256": A, "gates_sha256": GATES, "move": "canary", "evaluated_ns": str(START_NS),
    "results": [{"gate": {"name": "drill", "dry_run": False}, "verdict": "PASS"}],
}  # fmt: skip
GOOD_EVIDENCE = canonical_bytes(SEEN)
# By name: the document, and what may be made of it without a refusal: the words a person wrote.
REQUESTS: dict[str, tuple[bytes, dict[str, Change]]] = {
    "request": (REQUEST, BYTES | JSON | in_places(DOCUMENT, whole=True)),
    "envelope": (signed("ann", "bob"), BYTES | JSON_TEXT | in_places(json.loads(signed("ann", "bob")), whole=True)),
}


def read(path: Path) -> Request | str:
    """The request in a file, or the code by which it is refused; nothing else comes out."""
    try:
        return read_request(path, rules=RULES)
    except InputError as error:
        return error.code


def cases() -> list[tuple[str, str]]:
    return [(kind, name) for kind, (_, changes) in REQUESTS.items() for name in changes]


@pytest.mark.parametrize(("kind", "name"), cases(), ids=lambda text: str(text)[:60])
def test_a_hostile_request_is_refused_by_a_code_or_is_what_it_says(tmp_path: Path, kind: str, name: str) -> None:
    good, changes = REQUESTS[kind]
    path = tmp_path / "request.json"
    data = changes[name](good)
    path.write_bytes(data)
    found = read(path)
    said = statement_bytes(found.statement) if isinstance(found, Request) else found
    assert isinstance(said, str) or said in (data.removesuffix(b"\n"), statement_bytes(STATEMENT))


@pytest.mark.parametrize("name", in_places(DOCUMENT, whole=True), ids=lambda text: str(text)[:60])
def test_a_statement_that_persons_signed_by_mistake_is_refused_by_a_code_or_is_what_it_says(tmp_path: Path, name: str) -> None:
    payload = in_places(DOCUMENT, whole=True)[name](REQUEST)
    path = tmp_path / "request.json"
    path.write_bytes(sealed(payload, payload_type=PAYLOAD_TYPE, signer="ann", key=KEYS["ann"]))
    found = read(path)
    said = statement_bytes(found.statement) if isinstance(found, Request) else found
    assert said in ("PROMOTION_MALFORMED", "TOO_LARGE", payload)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_no_request(tmp_path: Path, place: str) -> None:
    path = tmp_path / "request.json"
    clear(path)
    PLACES[place](path, signed("ann"))
    found = read(path)
    assert isinstance(found, str) or found.signers == ("ann",)  # a link that is followed, or root who may read all


OF_EVIDENCE = BYTES | JSON_TEXT | in_places(SEEN, whole=True)


@pytest.mark.parametrize("change", OF_EVIDENCE.values(), ids=OF_EVIDENCE)
def test_hostile_evidence_lets_nothing_pass_or_is_the_same_word_for_word(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    data = change(GOOD_EVIDENCE)
    if len(data) > SIZE_MAX:
        data = data[:SIZE_MAX]
    layout = Layout(tmp_path)
    sha256 = keep_promotion_file(layout, data)
    found = evidence_problem(layout, sha256, bundle_sha256=A, gates_sha256=GATES, move="canary", before_ns=START_NS)
    assert found or json.loads(data)["results"][0]["verdict"] == "PASS"


def test_the_evidence_they_are_made_from_passes(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    sha256 = keep_promotion_file(layout, GOOD_EVIDENCE)
    assert evidence_problem(layout, sha256, bundle_sha256=A, gates_sha256=GATES, move="canary", before_ns=START_NS) == ""
    assert "PROMOTION_FILE_MISSING" in evidence_problem(
        layout, EVIDENCE, bundle_sha256=A, gates_sha256=GATES, move="canary", before_ns=START_NS
    )
