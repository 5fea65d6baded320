"""import and export: other people's recordings into sessions, sessions into Parquet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonFlag, options, out, print_json, say
from domain.errors import BadInput
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from recording.importing.intake import Intake
    from recording.importing.record import Written
    from recording.importing.source import Source
    from recording.session_setup import Rules


_GENERATED = re.compile(r"synth(-cross)?:.*")


def register(app: typer.Typer) -> None:
    app.command("import")(import_command)
    app.command("export")(export_command)


def import_command(
    source: Annotated[str, typer.Argument(metavar="FOLDER|FILE", help="Recordings of any kind, or synth:SEED.")],
    to: Annotated[Path, typer.Option("--out", help="The folder for NAME.session.zst and what was set aside.")],
    json_output: JsonFlag = False,
) -> None:
    """Make a session of a recording: its books as frames with what is decided on them, all else as events.

    A folder of folders is imported folder by folder. Rows that cannot be read go to NAME.set-aside.jsonl in --out,
    each with its place and what was expected; nothing is lost. A session that exists is not overwritten.
    """
    from workers.recording import rules_of

    rules = rules_of(options.load(profile="demo").settings)
    told: list[dict[str, Any]] = []
    for name in _sources(source):
        intake, written, setup_notes = _import(name, to, rules)
        told.append(_told(name, intake, written))
        if not json_output:
            for note in setup_notes:
                say(note)
            _show(intake, written)
    if json_output:
        print_json(told if len(told) > 1 else told[0])


def _sources(source: str) -> list[str]:
    """`source`, or the folders in it where it holds no file of recordings itself."""
    path = Path(source)
    if _GENERATED.fullmatch(source) or not path.is_dir():
        return [source]
    entries = sorted(path.iterdir())
    if any(entry.is_file() and not entry.name.startswith(("README", "LICEN", ".")) for entry in entries):
        return [source]
    return [str(entry) for entry in entries if entry.is_dir()] or [source]


def _import(name: str, to: Path, rules: Rules) -> tuple[Intake, Written, tuple[str, ...]]:
    from recording.importing.record import write_session
    from recording.session_writer import part_path

    opened, intake = open_any(name, rules, to)
    target = part_path(to, opened.setup.name, 1)
    if target.exists():
        raise BadInput(f"{target} exists; a session is never overwritten. Move it or name another --out", "exists")
    say(f"importing {name}")
    written = write_session(
        opened, to, progress=lambda events, at: say(f"{opened.setup.name}: {events} events, up to {iso(at)}")
    )
    return intake, written, opened.setup.notes


def open_any(name: str, rules: Rules, aside: Path | None) -> tuple[Source, Intake]:
    """What `surefoot import` reads of `name`; rows set aside go to a file in `aside`, or are only counted."""
    from recording.importing.intake import Intake
    from recording.importing.source import open_source, session_source
    from recording.sources.open import open_recording

    if _GENERATED.fullmatch(name):
        intake = Intake()
        return session_source(open_recording(name, whole=True), rules, intake), intake
    path = Path(name)
    stem = path.resolve().name.split(".")[0]
    intake = Intake(aside / f"{stem}.set-aside.jsonl" if aside is not None else None)
    return open_source(path, rules, intake), intake


def _told(name: str, intake: Intake, written: Written) -> dict[str, Any]:
    return {
        "source": name,
        "session": str(written.path),
        "bytes": written.path.stat().st_size,
        "rows": {
            file: {"read": counts.read, "kept": counts.kept, "set_aside": dict(counts.refused)}
            for file, counts in sorted(intake.files.items())
        },
        "passed_over": intake.passed_over,
        "set_aside": str(intake.quarantine) if intake.refused and intake.quarantine is not None else None,
        "events": written.events,
        "intents": written.intents,
        "suppressed": written.suppressed,
        "fingerprint": written.fingerprint,
    }


def _show(intake: Intake, written: Written) -> None:
    from rich.table import Column, Table

    numbers = [Column(name, justify="right") for name in ("rows", "kept", "set aside")]
    table = Table("file", *numbers, "expected", box=None)
    for file, counts in sorted(intake.files.items()):
        reasons = "; ".join(f"{reason} ({count})" for reason, count in counts.refused.most_common(3))
        table.add_row(file, str(counts.read), str(counts.kept), str(sum(counts.refused.values())), reasons)
    if intake.files:
        out.print(table)
    if intake.passed_over:
        out.print(f"passed over, no data in it: {', '.join(intake.passed_over)}", markup=False)
    if intake.refused and intake.quarantine is not None:
        out.print(f"set aside in {intake.quarantine}", markup=False)
    out.print(
        f"{written.path}: {written.events} events, {written.path.stat().st_size} bytes; intents {written.intents}, "
        f"suppressed {written.suppressed}, fingerprint {written.fingerprint}",
        markup=False,
    )


def export_command(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="A NAME.session.zst, or its folder.")],
    parquet: Annotated[Path, typer.Option("--parquet", help="A folder of its own, empty or not there yet.")],
    json_output: JsonFlag = False,
) -> None:
    """Write a session as Parquet, one folder an instrument and day: venue=V/market=M/day=D/part-NNNNN.parquet."""
    from recording.parquet import Export
    from recording.session_reader import RecordedEvents

    recorded = RecordedEvents(session)
    export = Export(parquet)
    export.write(recorded.events())
    if recorded.torn:
        say(f"the session ends early: {recorded.torn}")
    instruments = len({key[:2] for key in export.rows})
    if json_output:
        print_json(
            {
                "events": recorded.read,
                "rows": export.rows.total(),
                "instruments": instruments,
                "files": export.files,
                "torn": recorded.torn or None,
            }
        )
    else:
        out.print(
            f"{parquet}: {export.rows.total()} rows of {recorded.read} events, {instruments} instruments, "
            f"{export.files} files",
            markup=False,
        )
