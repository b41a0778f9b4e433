"""The options of `sluice report`, without its work: the command line must stay quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_report(names: Any, *, command: Any, lakehouse: Path, work: Any) -> None:
    """Add the command and its options to the command line."""
    report = command(names, "report", work, "explain what trading cost and how long it took, as one HTML page")
    place = report.add_mutually_exclusive_group()
    place.add_argument("--lakehouse", type=Path, default=lakehouse, metavar="DIR", help="the data directory (%(default)s)")
    place.add_argument("--config", type=Path, metavar="FILE", help="a run config, whose data directory and caveats are taken")
    report.add_argument("--run", metavar="RUN", help="only this run of the log")
    report.add_argument("--from", dest="from_time", metavar="TIME", help="market time from: a UTC day, or ISO time with its zone")
    report.add_argument("--to", dest="to_time", metavar="TIME", help="market time before")
    report.add_argument(
        "--by", action="append", default=[], metavar="KEYS", help="costs by these too, such as venue,symbol; may be given again"
    )
    report.add_argument("--html", type=Path, metavar="FILE", help="where to write the page (below data/reports)")
    report.add_argument("--csv", type=Path, metavar="DIR", help="write every table there as CSV")
    report.add_argument("--parquet", type=Path, metavar="DIR", help="write every table there as Parquet")
    report.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two runs of the log, or two data directories")
    report.add_argument("--fills", type=Path, metavar="FILE", help="fills of another system, as CSV, instead of a log")
    report.add_argument("--quotes", type=Path, metavar="FILE", help="quotes for --fills, as CSV")
    report.add_argument("--no-copy", action="store_true", help="do not keep or use a Parquet copy beside the log")
