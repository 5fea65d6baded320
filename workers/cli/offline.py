"""replay and synth: recordings without any server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from config.settings import PaperSession
from domain.errors import BadInput
from domain.intent import IntentLeg
from domain.money import plain
from domain.orders import Side
from ingest.replay import ReplayResult, replay
from ingest.sets import sets_of
from ingest.strategies.cross import cross_strategies
from venues.recording import session_file, synth
from venues.recording.instruments import instruments
from venues.recording.numbers import iso
from venues.recording.open import open_recording
from workers.cli.options import JsonFlag, options, out, print_json, say
from workers.cli.stack import From, Game, To


def register(app: typer.Typer) -> None:
    app.command("replay")(replay_command)
    app.command("synth")(synth_command)


def replay_command(
    session_named: Annotated[
        str | None, typer.Argument(metavar="[RECORDING]", help="What to decide: a folder, a file, or synth:SEED.")
    ] = None,
    *,
    recording: Annotated[str | None, typer.Option("--recording", help="The same, as an option.")] = None,
    game: Game = None,
    start: From = None,
    end: To = None,
    whole: Annotated[bool, typer.Option("--whole", help="All of a long recording, not its best two minutes.")] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", help="Read past damaged lines: set them aside in this file, distrust the book."),
    ] = None,
    json_output: JsonFlag = False,
) -> None:
    """Decide a recording as fast as it goes, without trading: the same frames, gates and strategy as live.

    Equal recordings and settings give the same fingerprint on every machine.
    """
    settings = options.load(profile="demo").settings
    session = settings.paper.session
    recording = session_named or recording
    if recording is not None:
        session = PaperSession(recording=recording, game=game, from_=start, to=end)
    elif game or start or end:
        raise BadInput("--game, --from and --to narrow a recording; name one, such as a folder of CSVs", "no_recording")
    if session.recording is None:
        raise BadInput("nothing to replay; name a recording, such as synth:7", "no_recording")
    opened = open_recording(
        session.recording,
        game=session.game,
        start=session.from_,
        end=session.to,
        whole=whole,
        tolerate=quarantine is not None,
        quarantine=quarantine,
    )
    for note in opened.notes:
        say(note)
    for record in opened.claims:
        say(f"claim {record.pin} {record.title}: declared by the recording, for paper and replay only")
    specs = instruments(opened.markets, opened.conditions)
    result = replay(
        opened,
        params=settings.strategy,
        limits=settings.gates,
        policy=settings.policy,
        sets=sets_of(specs),
        strategies=cross_strategies(opened.claims, specs, settings.cross, settings.gates, settings.policy, paper=True),
    )
    if json_output:
        print_json(
            {
                "fingerprint": result.fingerprint,
                "session": opened.name,
                "events": result.events,
                "from": iso(result.first_at),
                "to": iso(result.last_at),
                "intents": len(result.intents),
                "suppressed": {str(gate): count for gate, count in result.suppressed.items()},
            }
        )
    else:
        _show(opened.name, result, {spec.market: spec.outcome for spec in specs if spec.outcome})


def _show(name: str, result: ReplayResult, outcomes: Mapping[str, str]) -> None:
    """`outcomes` are the labels of markets that are tokens: their ids say nothing to people."""
    out.print(f"{name}: {result.events} events from {iso(result.first_at)} to {iso(result.last_at)}", markup=False)

    def shown(leg: IntentLeg) -> str:
        token = f"{leg.venue} {outcomes[leg.market]} {leg.market[:8]}…" if leg.market in outcomes else leg.market
        return f"{token} {'≤' if leg.side is Side.BUY else '≥'} {plain(leg.limit)}"

    table = Table("decided at", Column("intent", no_wrap=True), "shares", "legs", "edge $", box=None)
    for intent in result.intents:
        legs = "  ".join(f"{leg.name} {leg.side} {shown(leg)}" for leg in intent.legs)
        table.add_row(iso(intent.decided_at), intent.id, plain(intent.size), legs, plain(intent.edge))
    if result.intents:
        out.print(table)
    gates = ", ".join(f"{gate} {count}" for gate, count in result.suppressed.items()) or "none"
    out.print(f"intents {len(result.intents)}; opportunities not taken, by the gate that was shut: {gates}")
    out.print(f"fingerprint {result.fingerprint}")


def synth_command(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal files on every machine.")],
    to: Annotated[Path, typer.Option("--out", help="The file to write, NAME.session.jsonl.gz.")],
) -> None:
    """Write a synthetic session: a game and a cup, with opportunities and traps planted in their books."""
    if not to.name.endswith(".session.jsonl.gz"):
        raise BadInput(f"--out {to}: a session file is called NAME.session.jsonl.gz, or nothing will open it", "out")
    say(f"making the evening of seed {seed}")
    session = synth.make(seed)
    say(f"{len(session.log)} events; {'; '.join(session.notes)}")
    try:
        session_file.write(session, to)
    except OSError as error:
        raise BadInput(
            f"--out {to}: {error.strerror}; expected a file in a folder that can be written", "out"
        ) from None
    say(f"wrote {to} ({to.stat().st_size} bytes)")
    out.print(str(to), markup=False)
