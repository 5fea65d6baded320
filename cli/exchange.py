"""paper: the paper exchange alone, for anyone's client. Both venues' wire on one loopback port, keys of its own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, print_json, say
from domain.errors import BadInput


def register(app: typer.Typer) -> None:
    app.command("paper")(paper)


def paper(
    *,
    recording: Annotated[
        str | None,
        typer.Option(
            "--recording",
            help="What to play: a recording; synth:SEED for a generated one, synth-cross:SEED for one of both venues.",
        ),
    ] = None,
    game: Annotated[str | None, typer.Option("--game", help="Two teams, where the recording holds several.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Begin at this time of the recording.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End at this time of the recording.")] = None,
    speed: Annotated[str, typer.Option("--speed", help="How many recorded seconds a second.")] = "1",
    live: Annotated[
        str | None,
        typer.Option("--live", help="Books from this public Polymarket market channel (ws:// or wss://) instead."),
    ] = None,
    rest: Annotated[
        str | None, typer.Option("--live-rest", help="The CLOB beside --live, for what its markets are (http, https).")
    ] = None,
    token: Annotated[list[str] | None, typer.Option("--token", help="With --live: a token id to follow.")] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Of its accounts and keys; STATE_DIR/paper-alone by default."),
    ] = None,
    cash: Annotated[str, typer.Option("--cash", help="Dollars a new account opens with, at each venue.")] = "10000",
    faults: Annotated[Path | None, typer.Option("--faults", help="A fault script (YAML or JSON).")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of faults and failures by chance.")] = 0,
    rudeness: Annotated[
        str, typer.Option("--rudeness", help="How often it does what venues do unasked; 0 is polite, 1 now and then.")
    ] = "1",
    failing: Annotated[float, typer.Option("--failing", help="Share of Polymarket matches that fail on chain.")] = 0.0,
    json_output: JsonFlag = False,
) -> int:
    """Run the paper exchange alone until Ctrl-C: Kalshi's and Polymarket's wire, for your own or anyone's client.

    Prints the base URLs and where the keys lie. Accounts and keys survive a restart, also kill -9.
    """
    import asyncio

    from paper import standalone as paper_alone
    from workers import logs

    if live is not None and recording is not None:
        raise BadInput("--live and --recording were both given; expected one source of books", "two_sources")
    if (live is None) != (rest is None) or (live is not None and not token):
        raise BadInput(
            "books from a live feed need --live, --live-rest and at least one --token; expected all three, by name: "
            "no public feed is ever called unasked",
            "live",
        )
    home = (folder or options.layout().root / "paper-alone").expanduser().absolute()
    alone = paper_alone.Alone(
        folder=home,
        port=port,
        cash=_decimal(cash, "cash"),
        seed=seed,
        rudeness=_decimal(rudeness, "rudeness"),
        failing=failing,
        faults=faults,
        recording=_absolute(recording),
        game=game,
        start=start,
        end=end,
        speed=_decimal(speed, "speed"),
        feed=live or "",
        rest=rest or "",
        tokens=tuple(token or ()),
    )
    logs.configure("paper", "alone", "warning")
    if not json_output:
        played = recording or live or "what it played before, if anything"
        say(f"opening {played}; a long recording takes a while")
    asyncio.run(paper_alone.run(alone, lambda told: _tell(told, json_output)))
    return exits.OK


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for venue in ("kalshi", "polymarket"):
        say(f"{venue}:")
        for name, value in told[venue].items():
            say(f"  {name:<12} {value}")
    say(f"admin:         {told['admin_url']}")
    say(f"plays:         {told['session'] or 'nothing; POST it to /paper/v1/play, or give --recording'}")
    for one in told["try"]:
        say(f"  {one['venue']:<12} {one['market']}  {one['title']}")
    for one in {one["venue"]: one for one in reversed(told["try"])}.values():
        say(f"  curl '{one['prices']}'")
    say("Ctrl-C ends it; accounts and keys stay.")


def _decimal(text: str, name: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise BadInput(f"{name} {text!r} is no number; expected one such as 1 or 250.50", name) from None


def _absolute(recording: str | None) -> str | None:
    if recording is None or recording.startswith(("synth:", "synth-cross:")):
        return recording
    return str(Path(recording).expanduser().absolute())
