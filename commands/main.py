"""The entry point `sluice`: names, options and help of every command. Each imports its work only when it is called.

`argparse`, because a command must start fast: the library that was tried first imports a validation library on every call,
which alone took a quarter of what `verify` may take.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NoReturn

from commands import calibrate as calibrate_command
from commands import halt_options
from commands.backtest_parser import add_backtest
from commands.bundle_parser import add_bundle, add_bundle_option
from commands.data_options import add_data_commands
from commands.demo_parser import add_demo
from commands.keys_parser import add_keys
from commands.ledger_parser import add_key_option, add_ledger, witness_key
from commands.limits_parser import add_limits
from commands.live_parser import add_live
from commands.output import Exit, exit_code, print_error
from commands.override_parser import add_override
from commands.plain_output import plain_output
from commands.promote_parser import add_promote, spelled_out
from commands.promote_status_parser import add_status
from commands.rehearse_parser import add_rehearse
from commands.report_parser import add_report
from commands.rollback_parser import add_rollback
from commands.sentinel_parser import add_sentinel
from commands.twin import add_twin
from orders.errors import ConfigError, SluiceError

DEFAULT_CONFIG: Final = Path("data/configs/shadow.toml")
DEFAULT_BACKTEST: Final = Path("data/configs/backtest.toml")
DEFAULT_LAKEHOUSE: Final = Path("data/lakehouse")
GROUPS: Final = ("bundle", "config", "data", "demo", "keys", "ledger", "limits", "override", "promote", "sentinel")
EXIT_CODES: Final = "Exit codes: 0 done, 1 failed, 2 usage or config, 3 refused by a control, 130 interrupted."

type Work = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Says a usage error as every other error is said."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(
            "USAGE", expected=f"`{self.prog}` as it is documented", found=message, action=f"`{self.prog} --help` shows how."
        )


def _plan(given: argparse.Namespace) -> int:
    from commands import plan

    return plan.run(given.config, manifest=given.manifest, now=given.now, as_json=given.json)


def _shadow(given: argparse.Namespace) -> int:
    from commands import shadow

    return shadow.run(
        given.config, as_json=given.json, data=given.data, for_s=given.for_s, bundle=given.bundle, lakehouse=given.lakehouse
    )


def _report(given: argparse.Namespace) -> int:
    from commands import report

    return report.run(report.asked_of(given))


def _replay(given: argparse.Namespace) -> int:
    from commands import replay

    return replay.run(
        given.lakehouse,
        run_id=given.run,
        config=given.config,
        output=given.output,
        orders_max_fraction=given.orders_max_fraction,
        price_max_bps=given.price_max_bps,
        bundle=given.bundle,
        as_json=given.json,
    )


def _rehearse(given: argparse.Namespace) -> int:
    from commands import rehearse

    return rehearse.run(given)


def _verify(given: argparse.Namespace) -> int:
    from commands import verify_command

    return verify_command.run(
        given.directory or given.lakehouse,
        as_json=given.json,
        keys=given.key,
        kept=given.kept,
        witnesses=given.witness,
        processes=given.processes,
        record_only=given.record_only,
    )


def _trace(given: argparse.Namespace) -> int:
    from commands import trace_command

    return trace_command.run(given.what, lakehouse=given.lakehouse, config=given.config, as_json=given.json)


def _status(given: argparse.Namespace) -> int:
    from commands import status

    return status.run(given.lakehouse, as_json=given.json)


def _flatten(given: argparse.Namespace) -> int:
    from commands import flatten

    return flatten.run(
        given.config,
        by=given.by,
        reason=given.reason,
        symbols=given.symbol,
        venue=given.venue,
        yes=given.yes,
        queue=given.queue,
        as_json=given.json,
    )


def _resume(given: argparse.Namespace) -> int:
    from commands import halt

    return halt.run_resume(given.lakehouse, by=given.by, reason=given.reason, as_json=given.json)


def _enable(given: argparse.Namespace) -> int:
    from commands import enable

    return enable.run(given.lakehouse, symbol=given.symbol, by=given.by, reason=given.reason, as_json=given.json)


def _check(given: argparse.Namespace) -> int:
    from commands import config_check

    return config_check.run(given.file, as_json=given.json)


def _doctor(given: argparse.Namespace) -> int:
    from commands import doctor

    return doctor.run(given.config, as_json=given.json)


def _seconds(text: str) -> int:
    """A whole number of seconds from 1 to a year."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 31_536_000:
        raise argparse.ArgumentTypeError(f"a whole number of seconds from 1 to 31536000 was expected, was {text!r}")
    return int(text)


def _not_negative(text: str) -> Decimal:
    """A finite number of 0 or more."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise argparse.ArgumentTypeError(f"a number of 0 or more was expected, was {text!r}")
    return value


def parser() -> Parser:
    """Return the whole command line."""
    top = Parser(
        prog="sluice",
        description="Sluice: audited manifests in, guarded orders, a record a stranger can verify.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error; may stand anywhere")
    names = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    plan = _command(names, "plan", _plan, "show what would be traded now, and why not the rest; sends nothing")
    plan.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="the run config (%(default)s)")
    plan.add_argument("--manifest", type=Path, metavar="FILE", help="a manifest instead of the config's")
    plan.add_argument(
        "--now", metavar="TIME", help="the clock: ISO time with zone, or ns; default: the newest stamp of the prices"
    )

    shadow = _command(names, "shadow", _shadow, "run the live loop with simulated fills")
    _config(shadow, DEFAULT_CONFIG)
    shadow.add_argument(
        "--data",
        metavar="SOURCE",
        help="live prices instead of the config's: ccxt:binance, or ccxt:binance@http://127.0.0.1:18080 for a rehearsal",
    )
    shadow.add_argument(
        "--for", dest="for_s", type=_seconds, metavar="SECONDS", help="end after so many seconds; of live prices only"
    )
    shadow.add_argument(
        "--lakehouse", type=Path, metavar="DIR", help="another data directory than the config's, for record and snapshots"
    )
    add_live(names, command=_command, seconds=_seconds)
    add_twin(names, command=_command, seconds=_seconds, bundle=add_bundle_option)
    add_backtest(names, command=_command, default=DEFAULT_BACKTEST)
    add_bundle_option(shadow)
    calibrate = _command(names, "calibrate", calibrate_command.run, "fit assumptions from own fills, into a new file")
    calibrate_command.add(calibrate, default=DEFAULT_CONFIG)

    replay = _command(names, "replay", _replay, "play a recorded shadow run through the backtest, and say what differs and why")
    replay.add_argument("run", nargs="?", metavar="RUN", help="the run's id (the last one)")
    replay.add_argument("--config", type=Path, metavar="FILE", help="another config than the run's own: what would it change?")
    replay.add_argument("--output", type=Path, metavar="DIR", help="keep the replay's own record there, a new directory")
    replay.add_argument(
        "--orders-max-fraction", type=_not_negative, metavar="FRACTION", help="share of orders that may differ (the config's)"
    )
    replay.add_argument(
        "--price-max-bps", type=_not_negative, metavar="BPS", help="how far an order's price may be off (the config's)"
    )

    add_bundle_option(replay)
    verify = _command(names, "verify", _verify, "prove that log, ledger and state agree, or name the first line that does not")
    verify.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="the data directory; the same as --lakehouse")
    add_key_option(verify)
    verify.add_argument("--kept", type=Path, metavar="FILE", help="checkpoints kept elsewhere, which it must continue")
    verify.add_argument(
        "--witness", action="append", default=[], type=witness_key, metavar="NAME=KEY", help="who must have signed some of FILE"
    )
    verify.add_argument(
        "--processes", type=int, choices=(1, 2), help="how many do it; the answer is the same (2 where the record is long)"
    )
    verify.add_argument(
        "--record-only", action="store_true", help="hashes, chain and signatures alone: positions and state are not rebuilt"
    )
    trace = _command(names, "trace", _trace, "walk from a source run to its fills and back, every hash held against the bytes")
    trace.add_argument(
        "what",
        metavar="FILL|ORDER|MANIFEST|RUN",
        help="a trade id, hash or client order id, the beginning of one, or a source run",
    )
    place = trace.add_mutually_exclusive_group()
    place.add_argument(
        "--lakehouse", type=Path, default=DEFAULT_LAKEHOUSE, metavar="DIR", help="the data directory (%(default)s)"
    )
    place.add_argument(
        "--config", type=Path, metavar="FILE", help="a run config: its data directory, its source runs, its persons' keys"
    )
    status = _command(names, "status", _status, "say what runs, what is open or halted, and how old each fact is")
    halt = _command(names, "halt", halt_options.run, "stop sending orders, now and after every restart, until `resume`")
    halt_options.add_halt_options(halt, seconds=_seconds)
    resume = _command(names, "resume", _resume, "allow orders again after a halt, on a named person's word")
    resume.add_argument("--by", required=True, metavar="NAME", help="who says so; goes into the log")
    enable = _command(names, "enable", _enable, "trade a symbol again that was disabled for repeated execution")
    enable.add_argument("symbol", metavar="SYMBOL", help="the platform symbol, such as NASDAQ:AAPL")
    enable.add_argument("--by", required=True, metavar="NAME", help="who says so; goes into the log")
    for command in (resume, enable):
        command.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into the log")
    for command in (replay, verify, status, resume, enable):
        command.add_argument(
            "--lakehouse", type=Path, default=DEFAULT_LAKEHOUSE, metavar="DIR", help="the data directory (%(default)s)"
        )

    data = names.add_parser(
        "data", help="bring prices into a catalog", description="Bring prices into a catalog.", allow_abbrev=False
    )
    add_data_commands(data.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser), _command)
    flatten = _command(names, "flatten", _flatten, "bring positions to zero, on a named person's word: shows the plan, then asks")
    _config(flatten, DEFAULT_CONFIG)
    flatten.add_argument("--by", required=True, metavar="NAME", help="who says so; goes into log and ledger")
    flatten.add_argument("--reason", required=True, metavar="TEXT", help="why; goes into log and ledger")
    flatten.add_argument("--symbol", action="append", default=[], metavar="SYMBOL", help="only this one; may be given again")
    flatten.add_argument("--venue", metavar="VENUE", help="only what is held at this venue")
    flatten.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    flatten.add_argument("--queue", action="store_true", help="nothing runs: let the next start carry it out, within a day")

    add_rehearse(names, command=_command, work=_rehearse)
    add_report(names, command=_command, lakehouse=DEFAULT_LAKEHOUSE, work=_report)
    doctor = _command(names, "doctor", _doctor, "check Python, packages, clock, disk, keys, config and the age of data")
    _config(doctor, DEFAULT_CONFIG)
    add_limits(names, command=_command, group=_group)
    add_sentinel(names, command=_command, group=_group, lakehouse=DEFAULT_LAKEHOUSE, config=DEFAULT_CONFIG)
    add_keys(names, command=_command, group=_group)
    add_override(names, command=_command, group=_group)
    add_ledger(names, command=_command, group=_group, lakehouse=DEFAULT_LAKEHOUSE)
    add_rollback(names, command=_command)
    add_demo(names, command=_command, group=_group)
    add_bundle(names, command=_command, group=_group, lakehouse=DEFAULT_LAKEHOUSE)
    promote = add_promote(names, command=_command, group=_group, lakehouse=DEFAULT_LAKEHOUSE)
    add_status(promote, command=_command, lakehouse=DEFAULT_LAKEHOUSE)
    config_names = _group(names, "config", "look at run configs")
    check = _command(config_names, "check", _check, "report everything that is wrong with a run config at once")
    check.add_argument("file", type=Path, metavar="FILE", help="the run config")
    return top


def _command(names: argparse._SubParsersAction[Parser], name: str, work: Work, words: str) -> Parser:
    command = names.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    command.add_argument("--json", action="store_true", help="print one JSON document instead of words")
    command.set_defaults(work=work)
    return command


def _group(names: Any, name: str, words: str) -> Any:
    group = names.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.", allow_abbrev=False)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)


def _config(command: Parser, default: Path) -> None:
    command.add_argument("config", nargs="?", type=Path, default=default, metavar="CONFIG", help="the run config (%(default)s)")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no traceback is shown without `--debug`, which may stand anywhere."""
    if sys.stdout is None:  # closed by who started us
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  as long as the process
    with plain_output():
        return _run_plainly(arguments)


def _run_plainly(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    if not rest or (len(rest) == 1 and rest[0] in GROUPS):
        rest.append("--help")
    try:
        code = _run(spelled_out(rest))
        sys.stdout.flush()
        return code
    except SluiceError as error:
        if debug:
            traceback.print_exc()
        print_error(error, as_json="--json" in rest)
        return exit_code(error)
    except KeyboardInterrupt:
        print("stopped  by Ctrl-C", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away; nothing more to say
        return Exit.FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            print(f"error    OUTPUT  an output that can be written to was expected, found {error.strerror}.", file=sys.stderr)
            return Exit.FAILED
        words = f"a mistake in Sluice: {type(error).__name__}: {error}. Run it again with --debug and report it."
        print(f"error    INTERNAL  {words}", file=sys.stderr)
        return Exit.FAILED


def _run(arguments: Sequence[str]) -> int:
    try:
        given = parser().parse_args(arguments)
    except SystemExit as stop:  # how argparse ends after --help
        return int(stop.code or 0)
    work: Work = given.work
    return work(given)


def main() -> None:
    """Run the process's command line and exit."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
