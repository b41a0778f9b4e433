"""Log, ledger, checkpoints and state: the record of a run, made hostile and given to the real command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.corpus import Desk, cases, desk, outcomes
from tests.hostile.fuzzing import fuzzed
from tests.hostile.kinds import record

KINDS = ("execution_logs.jsonl", "audit.jsonl", "the log by status", "the log by trace", "checkpoints", "state")


@pytest.fixture(scope="module", name="made")
def made_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(
        tmp_path_factory.mktemp("record"), "commands.verify_command", "commands.status", "commands.trace_command", group=record
    ) as made:
        yield made


@pytest.mark.parametrize(("kind", "name"), cases(*KINDS))
def test_a_hostile_document_gets_one_typed_answer_and_the_one_in_the_table(kind: str, name: str, made: Desk) -> None:
    assert made.line(kind, name) == outcomes(kind)[name]


def test_the_table_has_every_hostile_document(made: Desk) -> None:
    assert {kind.name: kind.names() for kind in made.kinds.values()} == {kind: list(outcomes(kind)) for kind in KINDS}


def test_documents_broken_by_chance_get_a_typed_answer_too(made: Desk) -> None:
    assert fuzzed(made) > 0
