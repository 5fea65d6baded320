"""demo: the whole system once, end to end, with a live view, a report and nothing left running."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import report
from cli.options import options, say
from cli.stack import From, Game, Recording, Speed, To
from domain.errors import BadInput


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    *,
    recording: Recording = None,
    game: Game = None,
    start: From = None,
    end: To = None,
    speed: Speed = None,
    settle: Annotated[
        float,
        typer.Option("--settle", min=0, help="Seconds to wait for open trades after the session, and for its pay."),
    ] = 90.0,
) -> None:
    """Start everything, play a session, trade it, settle it, print the report, stop everything.

    Without --recording a synthetic session is played. Where the recording knows who won, its markets are resolved at
    the end and the trades close with what they really earned; else they stay SETTLING. The ledger and history stay in
    the state folder.
    """
    import asyncio

    from cli import paper
    from cli.progress import follow
    from cli.resolve import resolve_known
    from cli.session import declare, opened, with_venues
    from workers.local.layout import Layout
    from workers.stack import detached, host

    settings = options.load(paper.session_overrides(recording, game, start, end, speed), profile="demo").settings
    if settings.mode != "paper":
        raise BadInput(f"a demo runs on the paper exchange; mode is {settings.mode}", "mode")
    session = settings.paper.session
    # A recording that cannot be read is told now, not after five processes have started.
    recorded = opened(session)
    settings = with_venues(settings, recorded)
    layout = Layout(settings.state_dir)
    stack = detached.start(settings, host.new_run_id(), say)
    try:
        say(f"run {stack.run_id}; state folder {stack.state_dir}; Temporal UI: run `surefoot ui`")
        declare(stack, recorded.claims)
        paper.play(stack, session)
        asyncio.run(follow(stack, settle))
        resolve_known(stack, session, settle)
        document = report.make(stack)
    finally:
        host.down(layout, say)
    report.show(document)
    say(f"saved as {report.path_of(layout)}; `surefoot report` shows it again")
    raise typer.Exit(report.verdict(document))
