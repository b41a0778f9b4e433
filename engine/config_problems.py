"""What is wrong with a run config, told so that a person can mend it: line, key, what was expected and what was found."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from orders.errors import ConfigError, fit
from orders.values import Record

SUGGESTION_CUTOFF: Final = 0.6
PROBLEMS_MAX: Final = 100  # that are told: a file with more is no config that a person wrote
KEY_MAX: Final = 200  # characters of a key and of a message that are shown
MESSAGE_MAX: Final = 600


class Problem(Record, frozen=True, kw_only=True):
    """One thing to mend: its line (from 1), the dotted key as TOML writes it, and what was expected and found."""

    line: int
    key: str
    message: str


class ConfigInvalid(ConfigError):
    """A run config, or another file of ours in TOML, with its problems, ordered by line: all, or the first `PROBLEMS_MAX` and how
    many more there are.
    """

    def __init__(
        self,
        path: Path,
        problems: tuple[Problem, ...],
        *,
        code: str = "CONFIG_INVALID",
        what: str = "a run config",
        action: str = "Mend the file; `sluice config check {path}` lists them all.",
    ) -> None:
        assert problems
        count = len(problems)
        problems = tuple(
            Problem(line=one.line, key=fit(one.key, length_max=KEY_MAX), message=fit(one.message, length_max=MESSAGE_MAX))
            for one in problems[:PROBLEMS_MAX]
        )
        if count > PROBLEMS_MAX:
            more = Problem(
                line=problems[-1].line, key="(file)", message=f"has {count - PROBLEMS_MAX} more problems below this line"
            )
            problems = (*problems, more)
        first = problems[0]
        super().__init__(
            code,
            expected=f"{what} without problems",
            found=f"{count} in {path}, the first on line {first.line}: {first.key} {first.message}",
            action=action.format(path=path),
        )
        self.path = path
        self.problems = problems


def shape_problems(error: ValidationError, *, root: type[BaseModel]) -> list[tuple[tuple[str, ...], str]]:
    """Return each field's problem. A missing key that an unknown neighbour was meant to be is not reported twice."""
    details = error.errors(include_url=False)
    absent = {_key(item["loc"]) for item in details if item["type"] == "missing"}
    meant: set[tuple[str, ...]] = set()
    found: list[tuple[tuple[str, ...], str]] = []
    for item in details:
        if item["type"] != "extra_forbidden":
            continue
        key = _key(item["loc"])
        few = len(found) < PROBLEMS_MAX and len(key[-1]) <= KEY_MAX  # comparing is slow, and more are not told
        close = difflib.get_close_matches(key[-1], _known_keys(root, key[:-1]) if few else [], n=1, cutoff=SUGGESTION_CUTOFF)
        if close:
            meant.add((*key[:-1], close[0]))
        found.append((key, "unknown key" + (f"; did you mean {close[0]}?" if close else "")))
    for key in sorted(absent - meant):
        found.append((key, "is missing; every limit is explicit, there is no default"))
    for item in details:
        if item["type"] not in ("missing", "extra_forbidden"):
            cause = item.get("ctx", {}).get("error")
            found.append((_key(item["loc"]), str(cause) if cause is not None else _plain_message(item)))
    return found


def _plain_message(item: Any) -> str:
    """Reword what pydantic says by itself: shapes of tables, lists and dates."""
    words = {
        "model_type": "a table was expected",
        "dict_type": "a table was expected",
        "list_type": "a list was expected",
        "date_type": "a date such as 2022-03-31 was expected",
    }
    value = str(item["input"])
    return f"{words.get(item['type'], item['msg'])}, was {value if len(value) <= 60 else value[:57] + '...'}"


def _key(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the TOML key of a pydantic location; an element of a list is found at its list."""
    return tuple(part for part in location if isinstance(part, str) and part != "[key]")


def _known_keys(root: type[BaseModel], table: tuple[str, ...]) -> list[str]:
    """Return the keys that the model at a table knows; empty where any name may stand."""
    model: Any = root
    for part in table:
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = fields.get(part)
        else:
            arguments = get_args(model)
            model = arguments[1] if len(arguments) == 2 else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def valid_sections(document: dict[str, Any], *, root: type[BaseModel]) -> dict[str, Any]:
    """Return those sections, by TOML name, that are valid by themselves."""
    sections: dict[str, Any] = {}
    for name, field in root.model_fields.items():
        key = field.alias or name
        if key not in document and field.is_required():
            continue
        if field.annotation is None or field.metadata:
            continue  # a single value, not a table; no check needs it
        adapter: TypeAdapter[Any] = TypeAdapter(field.annotation)
        try:
            sections[key] = adapter.validate_python(document.get(key, {}))
        except ValidationError:
            continue
    return sections
