"""Whose signatures are under a statement, and whose word they are: different persons of the config, by keys of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from orders.errors import InputError
from orders.values import Record
from sentinel.dsse import in_our_spelling, opened, signers_of


class PersonRules(Record, frozen=True, kw_only=True):
    """Whose word counts. `persons`: public keys by name; `revoked`, `engine`: keys that count for nobody."""

    persons: Mapping[str, str]
    revoked: Set[str] = frozenset()
    engine: Set[str] = frozenset()


def signed_by_persons(
    data: bytes,
    *,
    payload_type: str,
    rules: PersonRules,
    writer: str,
    malformed: Callable[[str, str], InputError],
    wrong: Callable[[str, str], InputError],
) -> tuple[bytes, tuple[str, ...]]:
    """Return what was signed, and by whom: each a person of the rules, once, with a key that nobody else has.

    `writer`: the command that writes such envelopes. Raises what `sentinel.dsse.opened` raises; `malformed(expected, found)` of
    another spelling; `wrong(expected, found)` of a stranger, the engine, one name or one key twice.
    """
    payload, signers = opened(data, payload_type=payload_type, trusted=rules.persons, revoked=rules.revoked)
    if not in_our_spelling(data):
        raise malformed(f"an envelope as `{writer}` writes it", "another spelling of it")
    if sorted(signers_of(data)) != sorted(signers):
        raise wrong("one signature each by persons of the config", ", ".join(signers_of(data))[:200])
    keys = [rules.persons[name] for name in signers]
    if not rules.engine.isdisjoint(keys):
        raise wrong("a person's key", "the engine's own")
    if len(set(keys)) != len(keys):
        raise wrong("different keys of different people", "one key under two names")
    return payload, signers
