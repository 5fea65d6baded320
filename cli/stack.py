"""up, down, play."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import options, say
from cli.person import Author, person_of
from domain.errors import BadInput, SurefootError, Unavailable
from domain.halt import Halt, Rule, Scope
from workers.halt_flag import HaltFlag

if TYPE_CHECKING:
    import asyncio

    from config.settings import Settings
    from workers.local.layout import Layout, Stack


_SETTLE_S = 90.0  # as long as a demo waits for open trades, and then for its markets to pay

Recording = Annotated[
    str | None, typer.Option("--recording", help="What the paper exchange plays: a folder, a file, or synth:SEED.")
]
Game = Annotated[str | None, typer.Option("--game", help="The game in a folder of recordings, such as TOR-CHA.")]
From = Annotated[str | None, typer.Option("--from", help="Begin of the window: HH:MM[:SS] UTC or an ISO time.")]
To = Annotated[str | None, typer.Option("--to", help="End of the window, as --from.")]
Speed = Annotated[float | None, typer.Option("--speed", min=0.01, help="Pace of the session; 1 is real time.")]


def register(app: typer.Typer) -> None:
    from cli import resolve as resolution

    app.command("up")(up)
    app.command("down")(down)
    app.command("play")(play)
    resolution.register(app)


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return once all is up; `surefoot down` stops it.")] = False,
    recording: Recording = None,
    game: Game = None,
    start: From = None,
    end: To = None,
    speed: Speed = None,
    halted: Annotated[
        bool, typer.Option("--halted", help="With a halt of everything in force before anything can open.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it starts halted; goes on record.")] = "",
    author: Author = "",
) -> None:
    """Start Postgres, Temporal, the paper exchange, worker and ingest, and keep them running.

    In the foreground until Ctrl-C. Ports are free ones, kept for the next start. A restart continues where it stopped.
    """
    import asyncio

    from cli import paper
    from workers.alerting.delivery import require_command
    from workers.local.layout import Layout
    from workers.local.locks import AlreadyUp
    from workers.stack import detached, host

    settings = options.load(paper.session_overrides(recording, game, start, end, speed)).settings
    require_command(settings)
    if halted:
        _halt_first(Layout(settings.state_dir), reason, author)
    elif reason or author:
        raise BadInput("--reason and --author say why and by whom it starts halted; add --halted", "not_halted")
    run_id, goes_on = host.run_to_begin(Layout(settings.state_dir))
    if goes_on:
        say(f"run {run_id} was cut off; it goes on where it stopped")
    try:
        if detach:
            stack = detached.start(settings, run_id, say)
            _announce(stack)
            _play_configured(stack)
            say("stop it with `surefoot down`")
        else:
            asyncio.run(_foreground(settings, run_id))
            say("all stopped")
            _tell_rudeness(Layout(settings.state_dir))
    except AlreadyUp as error:
        say(error.message)
        did = "halted it, and changed nothing else" if halted else "changed nothing"
        say(f"this command {did}; it runs with the settings of its own start")


def _halt_first(layout: Layout, reason: str, author: str) -> None:
    """A halt that needs no ledger: it stands before there is one."""
    from workers.local.books import now

    person = person_of(author, reason or "started with --halted")
    layout.prepare()
    flag = HaltFlag(layout.root)
    try:
        standing = flag.add(Halt("", Scope.ALL, "", Rule.OPERATOR, person.author, person.reason, now()))
    except OSError as error:
        raise Unavailable(f"{flag.path}: {error.strerror}; so nothing is started", "no_halt") from None
    say(f"{standing}; lift it with `surefoot resume {standing.id} --reason …`")


async def _foreground(settings: Settings, run_id: str) -> None:
    import asyncio

    from workers.local.layout import Layout, load_stack
    from workers.stack import host

    os.umask(0o077)  # all that this process makes is the state folder's
    layout = Layout(settings.state_dir)
    tasks: list[asyncio.Task[None]] = []

    async def after_ready() -> None:
        stack = load_stack(layout.root)
        _announce(stack)
        try:
            await asyncio.to_thread(_play_configured, stack)
        except SurefootError as error:
            say(f"the session was not played: {error.message}")
        say("stop with Ctrl-C")

    async with host.stop_on_signals() as stop:
        await host.run(
            settings,
            run_id,
            say=say,
            stop=stop,
            ready=lambda: tasks.append(asyncio.get_running_loop().create_task(after_ready())),
        )
    await asyncio.gather(*tasks, return_exceptions=True)


def _play_configured(stack: Stack) -> None:
    from cli import paper
    from cli.session import declare, opened, require_venues

    session = stack.settings.paper.session
    if stack.live or session.recording is None:
        return
    recorded = opened(session)
    require_venues(stack, recorded)
    declare(stack, recorded.claims)
    paper.play(stack, session)
    say(f"the paper exchange plays {session.recording} at speed {session.speed:g}")


def _announce(stack: Stack) -> None:
    say(f"run {stack.run_id}, mode {stack.settings.mode}, state folder {stack.state_dir}")
    if stack.temporal_ui_url:
        say("Temporal UI: run `surefoot ui`")


def down() -> None:
    """Stop the stack of the state folder, and nothing else."""
    from workers.stack import host

    layout = options.layout()
    if not host.down(layout, say):
        say(f"nothing runs in {layout.root}")
    else:
        _tell_rudeness(layout)


def _tell_rudeness(layout: Layout) -> None:
    from cli import paper

    if told := paper.last_rudeness(layout):
        say(f"the paper exchange was rude: {told}")


def play(
    *,
    recording: Recording = None,
    game: Game = None,
    start: From = None,
    end: To = None,
    speed: Speed = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Follow it to its end, then resolve the markets whose winner is known.")
    ] = False,
) -> None:
    """Let the paper exchange of a running stack play a session."""
    import asyncio

    from cli import paper
    from cli.progress import follow
    from cli.resolve import resolve_known
    from cli.session import declare, opened, require_venues

    loaded = options.load(paper.session_overrides(recording, game, start, end, speed), profile="demo")
    session = loaded.settings.paper.session
    stack = options.stack()
    recorded = opened(session)
    require_venues(stack, recorded)
    declare(stack, recorded.claims)
    paper.play(stack, session)
    say(f"the paper exchange plays {session.recording} at speed {session.speed:g}; follow it with `surefoot status`")
    if resolve:
        asyncio.run(follow(stack, _SETTLE_S))
        resolve_known(stack, session, _SETTLE_S)
