"""replay and synth: recordings without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from cli.stack import From, Game, To
from domain.errors import BadInput


def register(app: typer.Typer) -> None:
    app.command("replay")(replay_command)
    app.command("synth")(synth_command)


def replay_command(
    session_named: Annotated[
        str | None,
        typer.Argument(metavar="[SESSION]", help="What to decide: a session or any other recording, or synth:SEED."),
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
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the recorded decisions; exit code 6 if one differs.")
    ] = False,
    json_output: JsonFlag = False,
) -> int:
    """Decide a recording as fast as it goes, without trading: the same frames, gates and strategy as live.

    Equal recordings and settings give the same fingerprint on every machine. A session, which holds its own rules and
    decisions, is decided by those rules. Of any other recording, --check writes a session and decides that again.
    """
    from cli.rerun import Shown, holds_session, rerun_imported, rerun_recorded, rerun_source, show
    from config.settings import PaperSession
    from ingest.sets import sets_of
    from ingest.strategies.registry import strategies_of
    from recording.importing.intake import Intake
    from recording.importing.source import session_source
    from recording.replay import replay
    from recording.sources.instruments import instruments
    from recording.sources.open import open_recording
    from workers.recording import rules_of

    settings = options.load(profile="demo").settings
    session = settings.paper.session
    recording = session_named or recording
    if recording is not None:
        session = PaperSession(recording=recording, game=game, from_=start, to=end)
    elif game or start or end:
        raise BadInput("--game, --from and --to narrow a recording; name one, such as a folder of CSVs", "no_recording")
    if session.recording is None:
        raise BadInput("nothing to replay; name a recording, such as synth:7", "no_recording")
    narrowed = bool(session.game or session.from_ or session.to or quarantine)
    if holds_session(Path(session.recording)):
        if narrowed:
            raise BadInput(
                f"{session.recording} is a session: it is decided whole, from what it holds; leave out --game, --from, "
                "--to and --quarantine",
                "whole",
            )
        return rerun_recorded(Path(session.recording), check=check, json_output=json_output)
    try:
        opened = open_recording(
            session.recording,
            game=session.game,
            start=session.from_,
            end=session.to,
            whole=whole,
            tolerate=quarantine is not None,
            quarantine=quarantine,
        )
    except BadInput as refused:
        if narrowed or refused.code not in _NOT_ONE_GAME:
            raise
        return rerun_imported(session.recording, rules_of(settings), check=check, json_output=json_output)
    for note in opened.notes:
        say(note)
    for record in opened.claims:
        say(f"claim {record.pin} {record.title}: declared by the recording, for paper and replay only")
    if check:
        source = session_source(opened, rules_of(settings), Intake())
        return rerun_source(source, json_output=json_output)
    specs = instruments(opened.markets, opened.conditions)
    result = replay(
        opened,
        params=settings.strategy,
        limits=settings.gates,
        policy=settings.policy,
        sets=(),
        strategies=strategies_of(settings, sets_of(specs), specs, opened.claims, paper=True),
        venue_limits=settings.venue_gates,
    )
    shown = Shown(
        opened.name, result.events, result.first_at, result.last_at, result.intents,
        {str(gate): count for gate, count in result.suppressed.items()}, result.fingerprint,
    )  # fmt: skip
    if json_output:
        print_json(shown.document())
    else:
        show(shown, {spec.market: spec.outcome for spec in specs if spec.outcome})
    return exits.OK


_NOT_ONE_GAME = frozenset({"no_game", "unknown_source", "one_market"})
"""What only an import can make a session of: several games, or no books at all."""


def synth_command(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal files on every machine.")],
    to: Annotated[Path, typer.Option("--out", help="The file to write, NAME.session.jsonl.gz.")],
) -> None:
    """Write a synthetic session: a game and a cup, with opportunities and traps planted in their books."""
    from recording.sources import session_file, synth

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
