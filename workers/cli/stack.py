"""up, down, status, play."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Annotated, Any

import psutil
import typer
from rich.table import Table

from config.settings import Settings
from domain.errors import BadInput, SurefootError, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from venues.recording.numbers import iso
from workers.alerting.delivery import require_command
from workers.cli import exits, faults, paper
from workers.cli import resolve as resolution
from workers.cli.brake import flag_words, unsupervised_words
from workers.cli.options import JsonFlag, options, out, print_json, say
from workers.cli.person import Author, command_of
from workers.cli.progress import follow
from workers.cli.reconcile import awaited
from workers.cli.resolve import resolve_known
from workers.cli.session import declare, opened, require_venues
from workers.halt_flag import HaltFlag
from workers.stack import detached, host
from workers.stack.books import now
from workers.stack.layout import Layout, Stack, load_stack, read_stack_file
from workers.stack.locks import AlreadyUp
from workers.stack.processes import find
from workers.stack.services import get_status

_SETTLE_S = 90.0  # as long as a demo waits for open trades, and then for its markets to pay

Recording = Annotated[
    str | None, typer.Option("--recording", help="What the paper exchange plays: a folder, a file, or synth:SEED.")
]
Game = Annotated[str | None, typer.Option("--game", help="The game in a folder of recordings, such as TOR-CHA.")]
From = Annotated[str | None, typer.Option("--from", help="Begin of the window: HH:MM[:SS] UTC or an ISO time.")]
To = Annotated[str | None, typer.Option("--to", help="End of the window, as --from.")]
Speed = Annotated[float | None, typer.Option("--speed", min=0.01, help="Pace of the session; 1 is real time.")]


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
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
    person = command_of(author, reason or "started with --halted")
    layout.prepare()
    flag = HaltFlag(layout.root)
    try:
        standing = flag.add(Halt("", Scope.ALL, "", Rule.OPERATOR, person.author, person.reason, now()))
    except OSError as error:
        raise Unavailable(f"{flag.path}: {error.strerror}; so nothing is started", "no_halt") from None
    say(f"{standing}; lift it with `surefoot resume {standing.id} --reason …`")


async def _foreground(settings: Settings, run_id: str) -> None:
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
    layout = options.layout()
    if not host.down(layout, say):
        say(f"nothing runs in {layout.root}")
    else:
        _tell_rudeness(layout)


def _tell_rudeness(layout: Layout) -> None:
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


def status(json_output: JsonFlag = False) -> None:
    """What runs in the state folder, whether it is well, and where to look at it. Exit code 5 unless all is well."""
    layout = options.layout_at_hand()
    alone = unsupervised_words(layout)
    try:
        stack = options.stack()
    except SurefootError:
        if alone:
            out.print(alone, markup=False, style="red")
        raise
    document = read_stack_file(stack.layout)
    found = asyncio.run(_processes(stack, document))
    supervisor = host.supervisor_of(document)
    well = document.get("phase") == "ready" and supervisor is not None and all(item["well"] for item in found)
    faulty = faults.standing(stack) if supervisor is not None else None
    told: dict[str, Any] = {
        "well": well,
        "phase": document.get("phase") if supervisor is not None else "unsupervised" if alone else "down",
        "unsupervised": alone or None,
        "halted": flag_words(layout),
        "error": document.get("error"),
        "run_id": stack.run_id,
        "mode": stack.settings.mode,
        "state_dir": str(stack.state_dir),
        "temporal_ui": stack.temporal_ui_url,
        "temporal": stack.temporal_address,
        "exchange": stack.venue_base_url,
        "venues": _addresses(stack),
        "metrics": {name: f"http://127.0.0.1:{port}/metrics" for name, port in stack.metrics_ports.items()},
        "processes": found,
        "awaits": asyncio.run(awaited(stack, document)) if supervisor is not None else None,
        "faults": None if faulty is None else [faults.plain(fault) for fault in faulty],
        "session": _session(stack) if supervisor is not None and not stack.live else None,
    }
    if json_output:
        print_json(told)
    else:
        _show(told)
    if not well:
        raise typer.Exit(exits.UNAVAILABLE)


async def _processes(stack: Stack, document: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for record in host.recorded(document):
        process = find(record)
        port = stack.metrics_ports.get(record.name) if record.name in ("paper", "worker", "ingest") else None
        healthy = process is not None and (port is None or await get_status(port, "/healthz") == 200)
        entry: dict[str, Any] = {"name": record.name, "pid": record.pid, "well": healthy, "up_s": 0, "memory_mb": 0}
        if process is not None:
            try:
                entry["up_s"] = round(time.time() - record.created)
                entry["memory_mb"] = round(process.memory_info().rss / 1e6)
            except psutil.Error:
                entry["well"] = False
        found.append(entry)
    return found


def _ui(told: Mapping[str, Any]) -> str:
    return "run `surefoot ui`" if told["temporal_ui"] else f"none of this stack; Temporal is at {told['temporal']}"


def _addresses(stack: Stack) -> dict[str, str]:
    """Where orders go, by venue in use."""
    found: dict[str, str] = {}
    for venue in stack.settings.in_use:
        if venue is Venue.KALSHI:
            found[venue] = stack.venue_base_url
        elif stack.polymarket is not None:
            found[venue] = stack.polymarket.clob_url
    return found


def _session(stack: Stack) -> dict[str, Any] | None:
    try:
        return paper.status(stack)
    except Unavailable:
        return None


def session_line(session: Mapping[str, Any]) -> str:
    """What the paper exchange plays, for people."""
    if session.get("session") is None:
        return f"{session['state']}; let it play one with `surefoot play`"
    ended = ", ".join(f"{item['market']} {item['result'] or item['stage']}" for item in session.get("ended", ()))
    return (
        f"{session['session']} {session['state']}, {session['progress']:.0%} of {iso(session['start'])} to "
        f"{iso(session['end'])}, event {session['events']} of {session['events_total']}, speed {session['speed']}"
        + (f"; ended: {ended}" if ended else "")
    )


def _show(told: dict[str, Any]) -> None:
    if told.get("unsupervised"):
        out.print(told["unsupervised"], markup=False, style="red")
        out.print("`surefoot halt --all` stops opening, `surefoot up` takes it over, `surefoot down` ends it")
    for halt in told.get("halted", ()):
        out.print(f"HALTED: {halt}", markup=False, style="red")
    out.print(f"{told['phase']}: run {told['run_id']}, mode {told['mode']}, {told['state_dir']}", markup=False)
    if told["error"]:
        out.print(f"last error: {told['error']}", markup=False)
    if told["phase"] == "down":
        out.print("start it with `surefoot up`; the ledger and history are kept")
        return
    table = Table("process", "pid", "well", "up", "memory", box=None)
    for item in told["processes"]:
        table.add_row(
            item["name"],
            str(item["pid"]),
            "yes" if item["well"] else "NO",
            f"{item['up_s']} s",
            f"{item['memory_mb']} MB",
        )
    out.print(table)
    out.print(f"Temporal UI: {_ui(told)}", markup=False)
    for venue, address in told["venues"].items():
        out.print(f"{venue}: {address}", markup=False)
    if told["awaits"]:
        out.print(f"no trade is opened: {told['awaits']}", markup=False)
    for fault in told["faults"] or ():
        out.print(f"trade {fault['intent_id']}: {fault['words']}", markup=False, style="red")
    session = told["session"]
    if session:
        out.print(f"session: {session_line(session)}", markup=False)
