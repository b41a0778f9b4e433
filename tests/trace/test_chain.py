"""`sluice trace`: from wherever one begins, the same chain; forwards everything that was caused, backwards what it came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands.main import run
from orders.ids import client_order_id
from tests.gate.world import BTC, ETH, SOL, SOURCE_RUN
from tests.trace.made import Made, links, steps, traced

GOLDEN = Path(__file__).parents[1] / "golden" / "trace" / "one_order.txt"


def test_each_of_the_starting_points_gives_the_same_chain(one: Made, capsys: pytest.CaptureFixture[str]) -> None:
    (fill,) = one.of("fill")
    place = ("--config", one.config)
    chain = traced(capsys, SOURCE_RUN, *place)
    hashed = steps(chain, "fill")[0]["id"]
    whole = [fill["trade_id"], hashed, fill["client_order_id"], fill["manifest_sha256"]]
    others = [traced(capsys, what, *place) for what in (*whole, *(what[:12] for what in whole), f"run:{SOURCE_RUN}")]
    assert [other["chain"] for other in others] == [chain["chain"]] * 9
    assert [other["asked"]["kind"] for other in others[:4]] == ["fill", "fill", "order", "manifest"]
    assert links(chain, "differs", "not here") == []
    assert links(chain, "holds") == [
        ("run", "ledger head"), ("manifest", "bytes"), ("manifest", "names the run"), ("plan", "plan_sha256"), ("order", "id"),
        ("order", "names"), ("fill", "fill_hash"), ("fill", "ledger line"), ("fill", "names"),
    ]  # fmt: skip


def test_a_chain_reads_as_written_down(one: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Hashes are of paths and stamps, so the golden numbers them as they come."""
    assert run(["trace", one.of("fill")[0]["client_order_id"], "--config", str(one.config)]) == 0
    said = capsys.readouterr().out.replace(str(one.directory), "DIR")
    seen: dict[str, str] = {}
    said = re.sub(r"\b[0-9a-f]{64}\b", lambda found: seen.setdefault(found[0], f"<hash {len(seen) + 1}>"), said)
    assert said == GOLDEN.read_text()


def test_forwards_from_a_source_run_come_all_its_manifests_cycles_lines_orders_and_fills(two: Made, capsys) -> None:
    document = traced(capsys, SOURCE_RUN, "--config", two.config)
    assert [step["id"] for step in steps(document, "run")] == [SOURCE_RUN]
    assert [step["id"] for step in steps(document, "manifest")] == [line["manifest_sha256"] for line in two.of("manifest")]
    assert len(two.of("manifest")) == 2
    cycles = [line["cycle"] for line in two.of("cycle")]
    assert [step["cycle"] for step in steps(document, "cycle")] == cycles
    assert len(cycles) >= 2
    assert sorted(step["id"] for step in steps(document, "order")) == sorted(line["client_order_id"] for line in two.of("intent"))
    assert [step["trade_id"] for step in steps(document, "fill")] == [
        line["trade_id"] for line in sorted(two.of("fill"), key=lambda line: (line["cycle"], line["line"], line["seq"]))
    ]
    assert document["links"]["differs"] == 0


def test_forwards_from_a_manifest_come_only_what_it_caused(two: Made, capsys) -> None:
    second = two.of("manifest")[1]["manifest_sha256"]
    document = traced(capsys, second[:10], "--lakehouse", two.directory)
    assert [step["id"] for step in steps(document, "manifest")] == [second]
    mine = {line["client_order_id"] for line in two.of("intent") if line["manifest_sha256"] == second}
    assert {step["id"] for step in steps(document, "order")} == mine
    assert len(mine) >= 1


def test_a_parent_comes_with_its_children_and_a_child_with_its_parent_alone(two: Made, capsys) -> None:
    parent = next(line["client_order_id"] for line in two.of("intent") if line["symbol"] == ETH.symbol and not line["child"])
    document = traced(capsys, parent, "--lakehouse", two.directory)
    children = [line["client_order_id"] for line in two.of("intent") if line["parent_client_order_id"] == parent]
    (own, *below) = steps(document, "order")
    assert (own["id"], [step["id"] for step in below], [step["child"] for step in below]) == (parent, children, [1, 2, 3, 4])
    assert len(steps(document, "fill")) == 4
    child = traced(capsys, children[2], "--lakehouse", two.directory)
    assert [step["id"] for step in steps(child, "order")] == [parent, children[2]]
    assert len(steps(child, "fill")) == 1
    assert [step["symbol"] for step in steps(child, "line")] == [ETH.symbol]


def test_a_fill_of_a_child_comes_alone_with_the_orders_above_it(two: Made, capsys) -> None:
    fill = two.of("fill")[1]
    document = traced(capsys, fill["trade_id"], "--lakehouse", two.directory)
    assert [step["trade_id"] for step in steps(document, "fill")] == [fill["trade_id"]]
    assert steps(document, "order")[-1]["id"] == fill["client_order_id"]


def test_a_resized_line_shows_the_control_and_both_quantities(two: Made, capsys) -> None:
    own = next(line for line in two.of("intent") if line["symbol"] == SOL.symbol and not line["child"])
    document = traced(capsys, own["client_order_id"], "--lakehouse", two.directory)
    (line,) = steps(document, "line")
    assert [row["outcome"] for row in line["verdicts"]["not_allowed"]] == ["RESIZE"]
    assert line["verdicts"]["not_allowed"][0]["observed"] == f"{line['quantity']} -> {own['quantity']} ({SOL.symbol})"
    assert document["links"]["differs"] == 0


def test_an_order_that_a_control_denied_is_found_by_the_id_it_would_have_had(two: Made, capsys) -> None:
    plan = two.of("plan")[0]
    row = next(row for row in plan["plan"]["lines"] if row["symbol"] == BTC.symbol)
    order = client_order_id(
        environment="made-day", manifest_sha256=plan["manifest_sha256"], cycle=plan["cycle"], line=row["line"]
    )
    document = traced(capsys, order[:9], "--lakehouse", two.directory)
    assert document["asked"] == {"kind": "order", "id": order}
    (line,) = steps(document, "line")
    assert (line["symbol"], line["client_order_id"], line["end"]) == (BTC.symbol, order, "denied in the plan: MAX_ORDER_VALUE")
    assert steps(document, "order", "fill") == []
    assert [row["control"] for row in line["verdicts"]["not_allowed"]] == ["MAX_ORDER_VALUE"]


def test_a_run_whose_manifest_was_refused_caused_nothing_and_says_so(nothing: Made, capsys) -> None:
    document = traced(capsys, SOURCE_RUN, "--lakehouse", nothing.directory)
    (own,) = document["chain"]
    assert own["words"] == "nothing came of it in this log"
    (manifest,) = own["below"]
    assert [row["code"] for row in manifest["judged"]] == ["MANIFEST_STALE"]
    assert manifest["below"] == []


@pytest.mark.parametrize("what", ["0" * 64, "ab", "nobody", "order:", "fill:nobody", "shadow-1", ""])
def test_what_the_log_does_not_have_is_a_usage_error(two: Made, capsys, what: str) -> None:
    assert traced(capsys, what, "--lakehouse", two.directory, code=2)["error"]["code"] == "TRACE_UNKNOWN"


def test_a_beginning_of_several_is_answered_with_names_that_can_be_asked_for(two: Made, capsys, tmp_path: Path) -> None:
    """Ids are hashes; the log is copied with one of them renamed, which its order's link then says."""
    first, other = sorted({line["client_order_id"] for line in two.of("intent") if line["child"]})[:2]
    renamed = first[:8] + other[8:]
    log = two.copy(tmp_path / "copy") / "execution_logs.jsonl"
    log.write_text(log.read_text().replace(other, renamed))
    said = traced(capsys, first[:8], "--lakehouse", log.parent, code=2)["error"]
    assert (said["code"], ", ".join(sorted((f"order:{first}", f"order:{renamed}"))) in said["message"]) == (
        "TRACE_AMBIGUOUS",
        True,
    )
    assert links(traced(capsys, f"order:{first}", "--lakehouse", log.parent), "differs") == []
    assert ("order", "id") in links(traced(capsys, f"order:{renamed}", "--lakehouse", log.parent, code=1), "differs")


def test_it_changes_no_file(two: Made, capsys) -> None:
    before = {path: path.read_bytes() for path in two.directory.rglob("*") if path.is_file()}
    traced(capsys, SOURCE_RUN, "--config", two.config)
    assert {path: path.read_bytes() for path in two.directory.rglob("*") if path.is_file()} == before
