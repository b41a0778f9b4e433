"""The table [override] of a run config: who may override a control that asks for it; without the table nobody may."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Annotated

from engine.config_live import LiveSection, PublicKey, same_key_problems
from engine.config_values import Name, Section, whole
from sentinel.override_values import NAMES_MAX, OverrideRules

type Found = Iterator[tuple[tuple[str, ...], str]]


class OverrideSection(Section):
    """`signatures`: how many different persons must sign; `persons`: who may, with their public keys; `revoked_keys`: keys whose
    signatures count no more, beside those of [live].
    """

    signatures: Annotated[int, whole(at_least=1, at_most=NAMES_MAX)] = 1
    persons: dict[Name, PublicKey]
    revoked_keys: list[PublicKey] = []  # noqa: RUF012 - pydantic copies it


def override_problems(override: OverrideSection | None, live: LiveSection | None) -> Found:
    """Yield what keeps [override] from meaning as many people as it asks for."""
    if override is None:
        return
    yield from same_key_problems("override", override.persons)
    for name, key in override.persons.items():
        if live is not None and live.persons.get(name, key) != key:
            yield ("override", "persons", name), "has another key in [live.persons]; one name is one person"
    if len(set(override.persons.values()) - _revoked(override, live)) < override.signatures:
        yield ("override", "signatures"), f"{override.signatures} persons with a key that counts were expected, found fewer"


def override_rules(override: OverrideSection | None, live: LiveSection | None, *, engine: Set[str]) -> OverrideRules | None:
    """Return whose word counts, None where nobody's does; `engine`: keys that are no person's."""
    if override is None:
        return None
    return OverrideRules(
        persons=dict(override.persons), signatures=override.signatures, revoked=_revoked(override, live), engine=frozenset(engine)
    )


def _revoked(override: OverrideSection, live: LiveSection | None) -> frozenset[str]:
    return frozenset(override.revoked_keys) | frozenset(() if live is None else live.revoked_keys)
