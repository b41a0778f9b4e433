"""Two bundles compared: which parts are the same, and of those that are not, which keys changed from what to what. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from lakehouse.bundles import Part
from orders.values import Record

type State = Literal["same", "changed", "added", "removed"]

ABSENT: Final = "(not there)"
SHOWN_MAX: Final = 120  # characters of a value


class Change(Record, frozen=True, kw_only=True):
    """One key of a part, by its path with dots, and both values as text; `ABSENT` where a side has none."""

    key: str
    old: str
    new: str


class PartDiff(Record, frozen=True, kw_only=True):
    """What became of one part. A sha256 is None on the side that has no such part."""

    name: str
    state: State
    old_sha256: str | None
    new_sha256: str | None
    changes: tuple[Change, ...] = ()


def compared(old: Mapping[str, Part], new: Mapping[str, Part]) -> tuple[PartDiff, ...]:
    """Return every part of either side, by name. Equal hashes are equal parts; only of others is the content looked at."""
    return tuple(_of(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys()))


def _of(name: str, old: Part | None, new: Part | None) -> PartDiff:
    if old is not None and new is not None and old.sha256 == new.sha256:
        return PartDiff(name=name, state="same", old_sha256=old.sha256, new_sha256=new.sha256)
    state: State = "added" if old is None else "removed" if new is None else "changed"
    changes: tuple[Change, ...] = ()
    if old is not None and new is not None:
        changes = tuple(_changes("", old.document(), new.document()))
    return PartDiff(
        name=name,
        state=state,
        old_sha256=None if old is None else old.sha256,
        new_sha256=None if new is None else new.sha256,
        changes=changes,
    )


def _changes(path: str, old: Any, new: Any) -> Iterator[Change]:
    """Yield what differs, objects by key and everything else whole. An object stands against an object at most."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            one, other = old.get(key, _NONE), new.get(key, _NONE)
            if one is _NONE or other is _NONE or one != other:
                yield from _changes(f"{path}.{key}" if path else key, one, other)
    elif isinstance(old, list) and isinstance(new, list) and all(isinstance(one, str) for one in (*old, *new)):
        yield from _changed_members(path, old, new)
    else:
        yield Change(key=path, old=_text(old), new=_text(new))


def _changed_members(path: str, old: list[str], new: list[str]) -> Iterator[Change]:
    """A list of names: those that came and went; another order alone is shown whole."""
    gone, came = [one for one in old if one not in new], [one for one in new if one not in old]
    if not gone and not came:
        yield Change(key=path, old=_text(old), new=_text(new))
    for name in gone:
        yield Change(key=path, old=_text(name), new=ABSENT)
    for name in came:
        yield Change(key=path, old=ABSENT, new=_text(name))


_NONE: Final = object()


def _text(value: Any) -> str:
    if value is _NONE:
        return ABSENT
    if isinstance(value, dict):
        text = f"({len(value)} keys)"
    elif isinstance(value, list):
        text = f"({len(value)} entries)" if any(isinstance(one, dict) for one in value) else ", ".join(map(_text, value))
    else:
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."
