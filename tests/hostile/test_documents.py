"""What an operator, the platform and persons write, and what a run leaves: made hostile and given to the real command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.corpus import Desk, cases, desk, outcomes
from tests.hostile.fuzzing import fuzzed
from tests.hostile.kinds import Kind, planned, record, settings, signed


@dataclass(frozen=True)
class Group:
    """Documents that one process answers for, which has imported `modules`."""

    kinds: tuple[str, ...]
    modules: tuple[str, ...]
    make: Callable[[Path], Iterator[Kind]]


GROUPS = {
    "planned": Group(("manifest", "book", "prices"), ("commands.plan",), planned),
    "record": Group(
        ("execution_logs.jsonl", "audit.jsonl", "the log by status", "the log by trace", "checkpoints", "state"),
        ("commands.verify_command", "commands.status", "commands.trace_command"),
        record,
    ),
    "settings": Group(
        ("run config", "symbol map", "limits", "limits as CSV"),
        ("commands.config_check", "commands.limits_files", "lakehouse.limits_import"),
        settings,
    ),
    "signed": Group(
        ("override envelope", "override body", "approval envelope", "approval body", "arming envelope", "arming body"),
        ("commands.override", "tests.hostile.readers"),
        signed,
    ),
}
GROUP_OF = {kind: name for name, group in GROUPS.items() for kind in group.kinds}
Desks = Callable[[str], Desk]


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """The desk of a group, made when it is first asked for."""
    with ExitStack() as opened:

        @cache
        def of(name: str) -> Desk:
            group = GROUPS[name]
            return opened.enter_context(desk(tmp_path_factory.mktemp(name), *group.modules, group=group.make))

        yield of


@pytest.mark.parametrize(("kind", "name"), cases(*GROUP_OF))
def test_a_hostile_document_gets_one_typed_answer_and_the_one_in_the_table(kind: str, name: str, desks: Desks) -> None:
    assert desks(GROUP_OF[kind]).line(kind, name) == outcomes(kind)[name]


@pytest.mark.parametrize("group", GROUPS)
def test_the_table_has_every_hostile_document(group: str, desks: Desks) -> None:
    kinds = {kind.name: kind.names() for kind in desks(group).kinds.values()}
    assert kinds == {kind: list(outcomes(kind)) for kind in GROUPS[group].kinds}


@pytest.mark.parametrize("group", GROUPS)
def test_documents_broken_by_chance_get_a_typed_answer_too(group: str, desks: Desks) -> None:
    assert fuzzed(desks(group)) > 0
