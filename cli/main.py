"""`surefoot`: the entry point. Turns every ending into one of the documented exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli import exits
from cli.commands import OnDemand
from cli.options import err, options, out, say
from domain.errors import SurefootError

app = typer.Typer(
    name="surefoot",
    cls=OnDemand,
    help="Durable two-leg trading on prediction markets: a trade with two legs is never left standing on one.",
    epilog=exits.EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if not asked:
        return
    from importlib.metadata import version

    from workers.versions.build import build_id

    out.print(f"surefoot {version('surefoot')}, trades' code {build_id()}", markup=False)
    raise typer.Exit


@app.callback()
def root(
    state_dir: Annotated[
        Path | None,
        typer.Option(
            "--state-dir", help="Where ledger, history, keys and logs live; .surefoot if nothing names another."
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="A built-in profile (paper, demo) or the path of a .yaml file.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A YAML file whose keys override the profile's.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an internal error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and that of the trades' code.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    options.state_dir, options.profile, options.config, options.debug = state_dir, profile, config, debug


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code. Never raises."""
    return ended(app, "surefoot", arguments)


def ended(app: typer.Typer, name: str, arguments: list[str] | None = None) -> int:
    """Runs one command line of `app` and returns its exit code. Never raises."""
    try:
        code = app(arguments, prog_name=name, standalone_mode=False)
        return code if isinstance(code, int) else exits.OK
    except SurefootError as error:
        err.print(f"error: {error.message}", markup=False, style="red")
        return exits.code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return exits.INTERRUPTED
    except TyperException as error:
        message = error.format_message()
        if message:
            err.print(f"usage error: {message.rstrip('.')}; try `{name} --help`", markup=False, style="red")
        return exits.USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:
        _internal(error)
        return exits.INTERNAL


def _internal(error: Exception) -> None:
    trace = "".join(traceback.format_exception(error))
    where = _keep(trace)
    told = f"the traceback is in {where}" if where else "run it again with --debug to see the traceback"
    err.print(f"internal error: {type(error).__name__}: {error}; {told}", markup=False, style="red")
    if options.debug:
        err.print(trace, markup=False)


def _keep(trace: str) -> Path | None:
    """Appends to logs/cli.log of the state folder, if there is one and it can be written."""
    from workers.local.processes import open_private

    try:
        log = options.layout().log("cli")
        with open_private(log) as file:
            file.write(f"{trace}\n".encode())
    except (OSError, SurefootError):
        return None
    return log


def run() -> None:
    """The console script. Leaves at once after flushing: the Temporal SDK's threads may abort a slower exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # what a command started, it stops, as on Ctrl-C
        signal.signal(number, signal.default_int_handler)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or exits.OK
    os._exit(code)


if __name__ == "__main__":
    run()
