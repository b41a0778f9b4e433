"""A gates file is read as a run config is: every value explicit, every problem told with its line and key."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.config_problems import ConfigInvalid
from engine.gates_file import DEFAULT_GATES, load_gates
from orders.canonical import sha256_hex
from orders.errors import ConfigError
from orders.gates import MOVES
from orders.metrics import LEDGER, METRICS

GATE = """
[gates.rejects]
metric = "reject_rate"
source = "shadow"
at_most = "0.02"
min_days = "30"
min_orders = 200
min_notional_base = "100000"
moves = ["canary"]
dry_run = false
while_running = false
"""
HEAD = """schema_version = 1
[ramp]
steps = ["0.01", "0.25", "1"]
dwell_s = [60, 120]
[sources]
shadow = "some/where"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gates.toml"
    path.write_text(text)
    return path


def test_a_file_says_what_it_says(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + GATE)
    file = load_gates(path)
    (gate,) = file.gates
    assert (gate.name, gate.metric, gate.source, gate.at_most, gate.at_least) == (
        "rejects", "reject_rate", "shadow", Decimal("0.02"), None,
    )  # fmt: skip
    assert (gate.min_days, gate.min_orders, gate.min_notional_base, gate.moves) == (30, 200, 100_000, ("canary",))
    assert (file.steps, file.dwell_s) == ((Decimal("0.01"), Decimal("0.25"), Decimal(1)), (60, 120))
    assert file.sources == {"shadow": Path("some/where")}
    assert file.sha256 == sha256_hex(path.read_bytes())
    assert (file.before("canary"), file.before("live"), file.before("while_running")) == ((gate,), (), ())


@pytest.mark.parametrize("name", ["default", "rehearsal"])
def test_a_shipped_file_is_without_problems_and_stands_before_every_move(name: str) -> None:
    file = load_gates(Path(f"data/gates/{name}.toml"))
    assert all(file.before(move) for move in (*MOVES, "while_running"))
    assert not any(gate.dry_run for gate in file.gates)
    sources = {gate.source for gate in file.gates} - {"canary"}
    assert sources == set(file.sources)


def test_the_default_uses_every_metric_and_asks_for_real_evidence() -> None:
    gates = load_gates(DEFAULT_GATES).gates
    assert {gate.metric for gate in gates} == {name for name, metric in METRICS.items() if metric.sources != (LEDGER,)}
    assert all(gate.source in METRICS[gate.metric].sources for gate in gates)
    samples = [gate for gate in gates if METRICS[gate.metric].interval and gate.source == "shadow"]
    assert all(gate.min_days >= 30 and gate.min_orders >= 200 and gate.min_notional_base > 0 for gate in samples)
    (burn_in,) = [gate for gate in gates if gate.metric == "burn_in"]
    assert burn_in.at_least is not None
    assert burn_in.at_least >= 30


BAD = {
    "an unknown key": ('min_days = "30"', 'min_day = "30"', "gates.rejects.min_day", "did you mean min_days"),
    "a value that is left out": ("min_orders = 200\n", "", "gates.rejects.min_orders", "is missing"),
    "a float": ('"0.02"', "0.02", "gates.rejects.at_most", "a TOML float is not exact"),
    "an unknown metric": ('"reject_rate"', '"rejects"', "gates.rejects.metric", 'was "rejects"'),
    "a metric no file may name": ('"reject_rate"', '"dwell"', "gates.rejects.metric", 'was "dwell"'),
    "an unknown source": ('source = "shadow"', 'source = "paper"', "gates.rejects.source", 'was "paper"'),
    "an unknown move": ('["canary"]', '["canry"]', "gates.rejects.moves", 'was "canry"'),
    "no move at all": ('["canary"]', "[]", "gates.rejects.moves", "was empty"),
    "no bound": ('at_most = "0.02"\n', "", "gates.rejects", "without a bound"),
    "bounds that cross": ('at_most = "0.02"', 'at_most = "0.02"\nat_least = "0.03"', "gates.rejects.at_least", "at_most or less"),
    "a bound that holds nobody": ('"0.02"', '"1"', "gates.rejects.at_most", "never fails"),
    "a number of orders below 0": ("= 200", "= -1", "gates.rejects.min_orders", "whole number"),
    "steps that do not end in 1": ('"0.25", "1"', '"0.25", "0.5"', "ramp.steps", "the last 1"),
    "steps that fall": ('"0.01", "0.25"', '"0.25", "0.01"', "ramp.steps", "each above the one before"),
    "a dwell too few": ("[60, 120]", "[60]", "ramp.dwell_s", "2, was expected, were 1"),
    "a source by another name": ('shadow = "some', 'papre = "some', "sources.papre", 'was "papre"'),
}


@pytest.mark.parametrize(("old", "new", "key", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_line_and_key(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    text = HEAD + GATE
    assert text.count(old) == 1
    with pytest.raises(ConfigInvalid) as refused:
        load_gates(written(tmp_path, text.replace(old, new)))
    problem = next(one for one in refused.value.problems if one.key == key)
    assert words in problem.message
    assert problem.line > 1
    assert refused.value.code == "GATES_INVALID"


@pytest.mark.parametrize("data", [b"\xff", b"a = ", b"schema_version = 1", b"x" * 300_000], ids=["bytes", "cut", "empty", "long"])
def test_what_is_no_gates_file_is_one_typed_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "gates.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        load_gates(path)


def test_no_file_names_the_example(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_gates(tmp_path / "none.toml")
    assert (refused.value.code, str(DEFAULT_GATES) in refused.value.action) == ("GATES_UNREADABLE", True)
