"""`sluice report`: what trading cost and how long it took, from the log, as one HTML page and as tables."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from analysis.log_store import LogStore, open_log
from analysis.quotes import load_quotes
from analysis.report_document import Caveat, Report, build_report, empty_report
from analysis.report_page import page
from analysis.report_terminal import summary_lines
from commands.output import Exit, print_json
from commands.report_files import read_replays, write_csv, write_file, write_parquet
from lakehouse.layout import NAME_PATTERN, Layout
from orders.errors import ConfigError, InputError

REPORTS: Final = Path("data/reports")
NS_PER_S: Final = 1_000_000_000
NS_DIGITS_MIN: Final = 17  # from 1973 on: 20220501 is meant as a day, 1651363200 as seconds, and neither is taken for 1970
NS_DIGITS_MAX: Final = 21
LAST_S: Final = 253_402_300_800  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command; `compare` names two runs of the log, or two data directories."""

    lakehouse: Path
    config: Path | None
    run: str | None
    from_ns: int | None
    to_ns: int | None
    by: tuple[tuple[str, ...], ...]
    html: Path | None
    as_json: bool
    csv: Path | None
    parquet: Path | None
    compare: tuple[str, str] | None
    fills: Path | None
    quotes: Path | None
    copy: bool


def run(asked: Asked) -> int:
    """Make the report and write what was asked for: the page unless `--json` alone was; return the exit code."""
    if asked.quotes is not None and asked.fills is None:
        raise ConfigError(
            "USAGE",
            expected="--quotes beside --fills",
            found="--quotes alone",
            action="Quotes of a run are recorded beside its log and found there.",
        )
    if asked.fills is not None and (asked.run is not None or asked.compare is not None or asked.config is not None):
        raise ConfigError(
            "USAGE",
            expected="--fills without --run, --config and --compare",
            found="both",
            action="Fills of another system have no runs.",
        )
    if asked.compare is not None and (asked.run is not None or not all(asked.compare)):
        raise ConfigError(
            "USAGE",
            expected="--compare with two names, without --run",
            found=f"--run {asked.run}" if asked.run is not None else "an empty name",
            action="--compare names both of its runs itself.",
        )
    if asked.from_ns is not None and asked.to_ns is not None and asked.from_ns >= asked.to_ns:
        raise ConfigError(
            "TIME",
            expected="--from before --to",
            found=f"{_iso(asked.from_ns)} and {_iso(asked.to_ns)}",
            action="Swap them; --to itself is left out of the time between.",
        )
    with ExitStack() as stack:
        report = _compared(asked, stack) if asked.compare is not None else _reported(asked, stack)
    html = asked.html
    if html is None and not asked.as_json:
        html = REPORTS / f"{_name(report)}.html"
    if html is not None:
        write_file(html, page(report).encode())
    tables = list(report.tables.values())
    written = ([] if html is None else [html]) + (write_csv(asked.csv, tables) if asked.csv is not None else [])
    written += write_parquet(asked.parquet, tables) if asked.parquet is not None else []
    if asked.as_json:
        print_json({"report": report, "files": [str(path) for path in written]})
    else:
        for line in summary_lines(report):
            print(line)
        for path in [html, asked.csv, asked.parquet]:
            if path is not None:
                print(f"look at        {path}")
    return Exit.DONE


def _reported(asked: Asked, stack: ExitStack) -> Report:
    by = asked.by
    filters = _filters(asked)
    if asked.fills is not None:
        from analysis.foreign_store import open_foreign

        foreign = stack.enter_context(open_foreign(asked.fills, asked.quotes, from_ns=asked.from_ns, to_ns=asked.to_ns))
        quotes = asked.quotes is not None and load_quotes(foreign) > 0
        title = f"Fills of {asked.fills.name}"
        return build_report(foreign, title=title, source=str(asked.fills), by=by, filters=filters, quotes=quotes)
    lakehouse, caveats = _place(asked)
    log = Layout(lakehouse).log
    try:
        store = stack.enter_context(_open(log, asked, run=asked.run))
    except InputError as error:
        if error.code != "EMPTY":
            raise
        return empty_report(title="An empty log", source=str(log), filters=filters)
    _known(store, asked.run)
    return build_report(
        store,
        title=_title(store),
        source=str(log),
        by=by,
        filters=filters,
        caveats=caveats,
        quotes=_recorded(store, Layout(lakehouse)),
        trades=Layout(lakehouse).trades,
        replays=read_replays(Layout(lakehouse).reports, [run_id for (run_id,) in store.rows("SELECT DISTINCT run_id FROM runs")]),
    )


def _compared(asked: Asked, stack: ExitStack) -> Report:
    from analysis.report_compare import compare_reports

    assert asked.compare is not None
    lakehouse, caveats = _place(asked)
    sides = []
    for name in asked.compare:
        directory = Path(name)
        inside = directory.is_dir()
        layout = Layout(directory if inside else lakehouse)
        log = layout.log
        store = stack.enter_context(_open(log, asked, run=None if inside else name))
        if not inside:
            _known(store, name)
        sides.append(
            (
                name,
                store,
                build_report(
                    store,
                    title=_title(store),
                    source=str(log),
                    by=asked.by,
                    quotes=_recorded(store, layout),
                    trades=layout.trades,
                ),
            )
        )
    return compare_reports(sides[0], sides[1], filters=_filters(asked), caveats=caveats)


def _open(log: Path, asked: Asked, *, run: str | None) -> LogStore:
    return open_log(log, run=run, from_ns=asked.from_ns, to_ns=asked.to_ns, copy=asked.copy)


def _recorded(store: LogStore, layout: Layout) -> bool:
    """Load the market the run recorded beside its log, where it did."""
    if not any(layout.top_of_book.glob("*.parquet")):
        return False
    return load_quotes(store, layout.top_of_book) > 0


def _place(asked: Asked) -> tuple[Path, tuple[Caveat, ...]]:
    """Return the data directory, and what its config says against its data."""
    if asked.config is None:
        return asked.lakehouse, ()
    from engine.run_config import load_config

    config = load_config(asked.config)
    stated = config.caveats() or ()
    said = [f"{caveat.words} — {caveat.meaning}." for caveat in stated]
    return config.lakehouse.directory, tuple(Caveat(part="all", words=words) for words in said)


def _known(store: LogStore, run: str | None) -> None:
    """Raise `ConfigError` RUN_UNKNOWN when the log has no line of `run`."""
    if run is None or store.rows("SELECT 1 FROM runs LIMIT 1"):
        return
    raise ConfigError(
        "RUN_UNKNOWN",
        expected="a run of the log, within --from and --to",
        found=repr(run),
        action="`sluice report` without --run names them at its end.",
    )


def _title(store: LogStore) -> str:
    found = store.rows("SELECT kind, environment FROM runs ORDER BY seq LIMIT 1")
    return f"{found[0][0].capitalize()} {found[0][1]}" if found else "Trading"


def _name(report: Report) -> str:
    """The file's name: the last market day and the environment, so that the same log is the same file."""
    day = "empty" if report.last_ns is None else f"{datetime.fromtimestamp(report.last_ns // NS_PER_S, UTC):%Y-%m-%d}"
    environment = report.runs[0].environment if report.runs else "fills"
    safe = environment if NAME_PATTERN.fullmatch(environment) else "report"
    return f"{day}-{safe}{'-compared' if 'compared' in report.tables else ''}"


def _filters(asked: Asked) -> dict[str, str]:
    found = {"run": asked.run, "from": asked.from_ns, "to": asked.to_ns}
    return {name: value if isinstance(value, str) else _iso(value) for name, value in found.items() if value is not None}


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS_PER_S, UTC).isoformat()


def asked_of(given: argparse.Namespace) -> Asked:
    """Return the parsed command line as values. Raises `ConfigError`."""
    return Asked(
        lakehouse=given.lakehouse,
        config=given.config,
        run=given.run,
        from_ns=instant(given.from_time, "--from"),
        to_ns=instant(given.to_time, "--to"),
        by=tuple(_keys(text) for text in given.by),
        html=given.html,
        as_json=given.json,
        csv=given.csv,
        parquet=given.parquet,
        compare=None if given.compare is None else (given.compare[0], given.compare[1]),
        fills=given.fills,
        quotes=given.quotes,
        copy=not given.no_copy,
    )


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not keys:
        raise ConfigError("BY_UNKNOWN", expected="a key", found=repr(text), action="Such as --by venue,symbol.")
    return keys


def instant(text: str | None, option: str) -> int | None:
    """Return market nanoseconds of a day, an ISO time with its zone, or nanoseconds. Raises `ConfigError` TIME."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and NS_DIGITS_MIN <= len(text) <= NS_DIGITS_MAX and int(text) // NS_PER_S < LAST_S:
        return int(text)
    try:
        if len(text) == 10 and not text.isdigit():
            return _ns(datetime.combine(date.fromisoformat(text), time(), UTC))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return _ns(moment)
    except ValueError:
        pass
    raise ConfigError(
        "TIME",
        expected=f"{option} as a UTC day, an ISO time with its zone, or nanoseconds",
        found=repr(text),
        action="Such as 2022-05-01 or 2022-05-01T14:30:00+00:00.",
    )


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000
