"""`data/README.md` names every line type of the journal with exactly its fields, and the fields of every other file."""

from __future__ import annotations

import json
import re
import typing
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_live import LiveSection, LiveVenueSection
from engine.config_override import OverrideSection
from lakehouse import (
    bundles,
    flatten_request,
    hours_snapshot,
    ledger_format,
    move_files,
    move_request,
    records,
    snapshots,
    state,
    volumes_snapshot,
)
from lakehouse.import_manifest import ImportManifest
from lakehouse.layout import Layout
from orders.assumptions import Assumptions
from orders.values import Listing, MarketLimits
from sentinel.handoff_statement import HANDOFF_FIELDS
from sentinel.override_token import TOKEN_FIELDS
from sentinel.promotion_statement import STATEMENT_FIELDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "data" / "README.md").read_text()
LINES = typing.get_args(records.AnyLine)
COMMON = set(records.Line.__struct_fields__)


def _documented(text: str, heading: str) -> set[str]:
    """Return the names in back quotes in the first column of the tables under `### heading`; empty without the section."""
    match = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##)", text + "\n##", re.MULTILINE | re.DOTALL)
    if match is None:
        return set()
    first_cells = [line.split("|")[1] for line in match.group(1).splitlines() if line.startswith("| `")]
    return {name for cell in first_cells for name in re.findall(r"`([A-Za-z0-9_]+)`", cell)}


def _tag(line: type[records.Line]) -> str:
    tag = line.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def test_what_every_line_carries_is_documented() -> None:
    assert _documented(README, "every line") == COMMON | {"type"}


@pytest.mark.parametrize("line", LINES, ids=_tag)
def test_a_line_type_is_documented_with_exactly_its_fields(line: type[records.Line]) -> None:
    assert _documented(README, f"`{_tag(line)}`") == set(line.__struct_fields__) - COMMON


def test_no_line_type_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^### `([a-z_]+)`$", README, re.MULTILINE)) == {_tag(line) for line in LINES}


def test_a_field_taken_out_of_the_page_would_be_missed() -> None:
    spoilt = README.replace("| `trade_id`", "| trade_id").replace("`trade_id` | order, ours", "trade | order, ours")
    assert _documented(spoilt, "`fill`") != set(records.Fill.__struct_fields__) - COMMON


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("Symbol map: `configs/symbols.toml`", set(Listing.__struct_fields__)),
        ("Market limits (JSON)", set(MarketLimits.__struct_fields__)),
        ("Book snapshot (JSON)", set(snapshots.BOOK_FIELDS)),
        ("Import manifest (JSON)", set(ImportManifest.__struct_fields__)),
        ("Market hours (JSON)", set(hours_snapshot.HOURS_FIELDS | hours_snapshot.SESSION_FIELDS)),
        ("Volumes (JSON)", set((volumes_snapshot.VOLUMES_FIELDS - {"volumes"}) | volumes_snapshot.VOLUME_FIELDS)),
        ("Bundles", set(bundles.BUNDLE_FIELDS)),
        ("Flatten request", set(flatten_request.REQUEST_FIELDS)),
        ("Move request", set(move_request.REQUEST_FIELDS)),
        ("Override", set(OverrideSection.model_fields)),
        ("Override token", set(TOKEN_FIELDS)),
        ("Promotion statement", set(STATEMENT_FIELDS)),
        ("Handoff statement", set(HANDOFF_FIELDS)),
        ("Live", set(LiveSection.model_fields) | set(LiveVenueSection.model_fields)),
    ],
    ids=[
        "symbol map",
        "market limits",
        "book",
        "import manifest",
        "market hours",
        "volumes",
        "bundles",
        "flatten request",
        "move request",
        "override",
        "override token",
        "promotion statement",
        "handoff statement",
        "live",
    ],
)
def test_a_file_of_ours_is_documented_with_exactly_its_fields(heading: str, fields: set[str]) -> None:
    assert _documented(README, heading) == fields


def test_every_key_of_a_run_s_answer_to_a_move_is_documented() -> None:
    (row,) = (line for line in README.splitlines() if line.startswith("| `move_answer.json` |"))
    assert {key for key in move_files.ANSWER_FIELDS if f"`{key}`" not in row} == set()


@pytest.mark.parametrize("kind", list(ledger_format.LedgerType))
def test_every_type_of_the_ledger_is_documented(kind: ledger_format.LedgerType) -> None:
    section = README.partition("## `audit.jsonl`")[2].partition("\n## ")[0]
    assert re.search(rf"^\| [A-Z, _]*\b{kind}\b", section, re.MULTILINE)


@pytest.mark.parametrize(
    "body",
    [
        ledger_format.GenesisBody,
        ledger_format.FillBody,
        ledger_format.FinancingBody,
        ledger_format.TransferBody,
        ledger_format.FlattenBody,
        ledger_format.OverrideBody,
        ledger_format.HaltBody,
        ledger_format.PromotionBody,
        ledger_format.RecoveryBody,
        ledger_format.SegmentBody,
        ledger_format.AnchorBody,
    ],
    ids=lambda body: body.__name__,
)
def test_every_field_of_a_ledger_body_is_documented(body: type[ledger_format.Body]) -> None:
    section = README.partition("## `audit.jsonl`")[2].partition("\n## ")[0]
    assert [name for name in body.__struct_fields__ if f"`{name}`" not in section] == []


def test_our_profile_of_the_actual_state_is_documented_with_exactly_its_keys(tmp_path: Path) -> None:
    asset = state.Asset(symbol="NYSE:XOM", venue="US", quantity=Decimal(2), price=Decimal("80.5"), notional_base=Decimal(161))
    file = tmp_path / "portfolio_actual_state.json"
    held = state.ActualState(
        environment="page", assets=(asset,), equity_base=Decimal(1000), cash={}, fees={}, log_line=1, updated_ns=0
    )
    state.write_actual_state(file, held)
    profile = json.loads(file.read_text())["SLUICE_page"]
    assert _documented(README, "our profile") == profile.keys() | profile["assets"][0].keys()


def test_every_assumption_is_documented() -> None:
    assert [name for name in Assumptions.__struct_fields__ if f"`{name}`" not in README] == []


def test_every_file_of_the_lakehouse_is_documented(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    names = [name for name, value in vars(Layout).items() if isinstance(value, property)]
    files = [getattr(layout, name).name for name in names]
    assert [file for file in files if file not in README] == []
