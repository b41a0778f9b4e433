"""data/README.md says every key of a gates file, and of every metric what it is and where it is measured."""

import re
from pathlib import Path

from analysis import gate_metrics, gate_metrics_beside
from engine.gates_file import GateSection, GatesSection
from orders.metrics import LEDGER, METRICS

TEXT = Path("data/README.md").read_text().split("### Gates: `gates/*.toml`\n")[1].split("\n### ")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TEXT.splitlines() if line.startswith("| `")]


def test_every_key_is_documented() -> None:
    named = {name for row in ROWS for name in re.findall(r"`([a-z_.]+)`", row[0])}
    keys = set(GateSection.model_fields) | {"ramp.steps", "ramp.dwell_s", "sources"}
    assert keys <= named
    assert set(GatesSection.model_fields) == {"schema_version", "ramp", "sources", "gates"}
    assert named - keys == set(METRICS) - {"dwell"}


def test_every_metric_is_documented_with_its_sources() -> None:
    for row in ROWS:
        for name in re.findall(r"`([a-z_.]+)`", row[0]):
            if name in METRICS:
                assert tuple(row[1].split(", ")) == METRICS[name].sources


def test_every_metric_is_measured_and_nothing_else() -> None:
    measured = {*gate_metrics.MEASURES, *gate_metrics_beside.MEASURES}
    assert measured == {name for name, metric in METRICS.items() if metric.sources != (LEDGER,)}
