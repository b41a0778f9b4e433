"""The entry point `sluice`: names, options and help of every command. Each imports its work only when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from commands.output import Exit, exit_code, print_error
from orders.errors import SluiceError

DEFAULT_CONFIG = Path("data/configs/shadow.toml")
DEFAULT_BACKTEST = Path("data/configs/backtest.toml")
DEFAULT_LAKEHOUSE = Path("data/lakehouse")

app = typer.Typer(
    help="Sluice: audited manifests in, guarded orders, a record a stranger can verify.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage or config, 3 refused by a control, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Look at run configs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of words.")]
Lakehouse = Annotated[Path, typer.Option("--lakehouse", help="The data directory.")]
By = Annotated[str, typer.Option("--by", help="Who says so; goes into the log.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the log.")]


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Sluice: audited manifests in, guarded orders, a record a stranger can verify."""


@app.command()
def plan(
    config: Annotated[Path, typer.Option("--config", help="The run config.")] = DEFAULT_CONFIG,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="A manifest instead of the config's.")] = None,
    now: Annotated[
        str | None, typer.Option("--now", help="The clock: ISO time with zone, or ns. Default: the newest price's stamp.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show what would be traded now, and why not the rest. Sends nothing."""
    from commands import plan as command

    return command.run(config, manifest=manifest, now=now, as_json=as_json)


@app.command()
def shadow(
    config: Annotated[Path, typer.Argument(help="The run config.")] = DEFAULT_CONFIG,
    as_json: Json = False,
) -> int:
    """Run the live loop with simulated fills."""
    from commands import shadow as command

    return command.run(config, as_json=as_json)


@app.command()
def backtest(
    config: Annotated[Path, typer.Argument(help="The run config.")] = DEFAULT_BACKTEST,
    output: Annotated[Path | None, typer.Option("--output", help="Where to write the record.")] = None,
    as_json: Json = False,
) -> int:
    """Run the same strategy and guard over history."""
    from commands import backtest as command

    return command.run(config, as_json=as_json, output=output)


@app.command()
def verify(
    lakehouse: Annotated[Path, typer.Argument(help="The data directory.")] = DEFAULT_LAKEHOUSE,
    as_json: Json = False,
) -> int:
    """Prove that log, ledger and state agree, or name the first line that does not."""
    from commands import verify_command as command

    return command.run(lakehouse, as_json=as_json)


@app.command()
def status(lakehouse: Lakehouse = DEFAULT_LAKEHOUSE, as_json: Json = False) -> int:
    """Say what runs, what is open or unknown, whether it is halted, and how old each fact is."""
    from commands import status as command

    return command.run(lakehouse, as_json=as_json)


@app.command()
def halt(reason: Reason, by: By = "operator", lakehouse: Lakehouse = DEFAULT_LAKEHOUSE, as_json: Json = False) -> int:
    """Stop sending orders, now and after every restart, until `resume`."""
    from commands import halt as command

    return command.run_halt(lakehouse, by=by, reason=reason, as_json=as_json)


@app.command()
def resume(by: By, reason: Reason, lakehouse: Lakehouse = DEFAULT_LAKEHOUSE, as_json: Json = False) -> int:
    """Allow orders again after a halt, on a named person's word."""
    from commands import halt as command

    return command.run_resume(lakehouse, by=by, reason=reason, as_json=as_json)


@config_app.command("check")
def check(file: Annotated[Path, typer.Argument(help="The run config.")], as_json: Json = False) -> int:
    """Report everything that is wrong with a run config at once."""
    from commands import config_check as command

    return command.run(file, as_json=as_json)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no traceback is shown without `--debug`, which may stand anywhere."""
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    if rest in ([], ["config"]):
        rest.append("--help")
    as_json = "--json" in rest
    try:
        code = app(rest, prog_name="sluice", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except SluiceError as error:
        if debug:
            traceback.print_exc()
        print_error(error, as_json=as_json)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        print("stopped  by Ctrl-C", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away; nothing more to say
        return Exit.FAILED
    except Exception as error:
        return _other(error, debug=debug)


def _other(error: Exception, *, debug: bool) -> int:
    """Answer a usage error of the command line, or a mistake of ours, which asks for `--debug`."""
    message = getattr(error, "format_message", None)  # what all of Typer's errors have; it exports no common base
    if message is not None:
        print(f"error    USAGE  {message()} `sluice --help` lists what there is.", file=sys.stderr)
        return Exit.USAGE
    if debug:
        traceback.print_exception(error)
    print(
        f"error    INTERNAL  a mistake in Sluice: {type(error).__name__}: {error}. Run it again with --debug and report it.",
        file=sys.stderr,
    )
    return Exit.FAILED


def main() -> None:
    """Run the process's command line and exit."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
