"""docs/mutation.md: figures by module, and every mutant that survives with the judgement a person wrote beside it.

The page is the one place of the judgements: a run reads them there, and `--write` keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.operators import Mutant

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "mutation.md"
FIGURES: Final = "| module | mutants | die | survive | of 100 |"
SURVIVORS: Final = "| where | mutant | operator | why it lives |"
OPEN: Final = "**not judged**"
ROW: Final = re.compile(
    r"\| `sentinel/(?P<module>\w+)\.py:\d+` \| (?P<ticks>`+) ?(?P<name>.+?) ?(?P=ticks) \| [^|]+ \| (?P<why>.*) \|"
)


@dataclass(frozen=True)
class Tried:
    mutant: Mutant
    dead: bool


def judgements(text: str) -> dict[str, str]:
    """Return name of a mutant -> why it lives, of the page's table; "" where nobody has judged it."""
    rows = [row for line in text.splitlines() if (row := ROW.fullmatch(line)) is not None]
    return {f"{row['module']}.{row['name'].replace('\\|', '|')}": "" if row["why"] == OPEN else row["why"] for row in rows}


def page(tried: Sequence[Tried], *, judged: Mapping[str, str]) -> str:
    """Return the page for a run over the whole room: the text above the figures as it stands, then figures and survivors."""
    head = PAGE.read_text().partition(FIGURES)[0] if PAGE.exists() else ""
    lines = [FIGURES, "|---|---|---|---|---|"]
    modules = sorted({one.mutant.module for one in tried})
    for module in modules:
        lines.append(_figures(f"`{module}`", [one for one in tried if one.mutant.module == module]))
    lines += [_figures("**all**", tried), "", "## What survives", "", SURVIVORS, "|---|---|---|---|"]
    for one in tried:
        if not one.dead:
            lines.append(_row(one.mutant, judged.get(one.mutant.name, "") or OPEN))
    return head + "\n".join(lines) + "\n"


def _figures(name: str, tried: Sequence[Tried]) -> str:
    dead = sum(one.dead for one in tried)
    return f"| {name} | {len(tried)} | {dead} | {len(tried) - dead} | {100 * dead / len(tried):.1f} |"


def _row(mutant: Mutant, why: str) -> str:
    name = mutant.name.removeprefix(f"{mutant.module}.").replace("|", "\\|")
    code = f"`` {name} ``" if "`" in name else f"`{name}`"
    return f"| `sentinel/{mutant.module}.py:{mutant.line}` | {code} | {mutant.operator} | {why} |"
