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

from domain.errors import SurefootError
from workers.cli import (
    alerts,
    capital,
    claims,
    demo,
    dlq,
    doctor,
    exchange,
    exits,
    halts,
    match,
    offline,
    operate,
    reconcile,
    recordings,
    report,
    revive,
    settings,
    simulate,
    stack,
    strategies,
    trades,
    ui,
    versions,
    why,
)
from workers.cli.options import err, options, say
from workers.stack.processes import open_private

app = typer.Typer(
    name="surefoot",
    help="Durable two-leg trading on prediction markets: a trade with two legs is never left standing on one.",
    epilog=exits.EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
) -> None:
    options.state_dir, options.profile, options.config, options.debug = state_dir, profile, config, debug


for module in (
    stack, demo, exchange, offline, recordings, trades, operate, revive, reconcile, halts, match, claims, capital,
    report, doctor, settings, simulate, versions, strategies, why, dlq, alerts, ui,
):  # fmt: skip
    module.register(app)

_PANELS = {
    "Run": ("up", "down", "status", "doctor", "config", "strategies", "demo", "versions"),
    "Look": ("why", "trades", "trade", "report", "capital", "alerts", "alert", "ui"),
    "Trades, by a person": ("unwind", "hold", "retry", "accept", "adopt", "flat", "revive"),
    "Halts and agreement with the venues": ("halt", "resume", "halts", "reconcile", "acknowledge", "transfer"),
    "Dead letters": ("dlq",),
    "Claims on two venues": ("match", "claims"),
    "Paper exchange": ("paper", "play", "resolve"),
    "Recordings and proof": ("synth", "replay", "import", "export", "simulate"),
}
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names}
_ORDER = list(_PANEL_OF)
app.registered_commands.sort(key=lambda command: _ORDER.index(str(command.name)))
for command in app.registered_commands:
    command.rich_help_panel = _PANEL_OF[str(command.name)]
for group in app.registered_groups:
    group.rich_help_panel = _PANEL_OF[str(group.name)]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code. Never raises."""
    try:
        code = app(arguments, prog_name="surefoot", standalone_mode=False)
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
            err.print(f"usage error: {message} Try `surefoot --help`.", markup=False, style="red")
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
