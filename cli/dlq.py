"""dlq: what could not be used or handled, why, and another try. A letter is marked, never removed."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, person_of
from domain.errors import BadInput, Denied, SurefootError, Unavailable
from ingest.letter_marks import State
from recording.sources.numbers import Unreadable, iso, moment

if TYPE_CHECKING:
    from ingest.dead_letters import DeadLetter
    from ingest.letter_marks import Mark, Marks
    from workers.local.layout import Layout


_LOOK_S = 0.1
_SHOWN = 4_000  # characters of a content on a screen
_OVER = frozenset({State.HANDLED, State.READABLE, State.REFUSED})

LetterId = Annotated[str, typer.Argument(metavar="ID", help="The letter's id, or a unique beginning of it.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the handlers of events.")]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A letter and its newest mark."""

    letter: DeadLetter
    mark: Mark | None

    @property
    def state(self) -> State:
        return self.mark.state if self.mark is not None else State.NEW


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Dead letters: what could not be used or handled, and another try.", no_args_is_help=True)
    for command in (ls, show, retry):
        group.command(command.__name__)(command)
    app.add_typer(group, name="dlq")


def ls(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Only later ones: 2026-11-21T09:00, UTC unless it says.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 100,
    json_output: JsonFlag = False,
) -> None:
    """List dead letters, oldest first: messages of feeds that could not be used, events nobody could handle."""
    from rich.table import Column, Table

    from ingest.dead_letters import Kind

    start = _instant(since) if since else 0
    every = [kept for kept in _all(_folder()) if kept.letter.at >= start]
    letters = every[-limit:]
    if json_output:
        print_json([_row(kept) for kept in letters])
        return
    if not letters:
        say("no dead letter" + (f" since {iso(start)}" if since else ""))
        return
    table = Table(
        "at", Column("id", no_wrap=True), "kind", "from", "market", Column("tries", justify="right"), "state", "why",
        box=None,
    )  # fmt: skip
    for kept in letters:
        letter = kept.letter
        tries = str(letter.attempts) if letter.kind is Kind.EVENT else "-"
        cells = (iso(letter.at), letter.id, letter.kind, letter.venue, letter.market or "-", tries, kept.state)
        table.add_row(*cells, letter.why)
    out.print(table)
    if len(every) > len(letters):
        say(f"the newest {len(letters)} of {len(every)}; --limit shows more")


def show(letter: LetterId, json_output: JsonFlag = False) -> None:
    """One letter, whole: why it is dead, what it holds, and what came of it since."""
    from ingest.dead_letters import Kind

    kept = _chosen(letter, _all(_folder()))
    one = kept.letter
    try:
        text: str | None = one.frame.decode()
    except UnicodeDecodeError:
        text = None
    if json_output:
        print_json(_row(kept) | {"text": text, "base64": base64.b64encode(one.frame).decode()})
        return
    lines = [f"{one.id}: {one.kind} of {one.venue}, {iso(one.at)}", f"why: {one.why}"]
    if one.kind is Kind.EVENT:
        lines.append(f"handler: {one.handler}, {one.attempts} attempts; {one.form} of {one.market or 'no market'}")
    if kept.mark is not None:
        lines.append(f"since: {kept.mark.state}, {iso(kept.mark.at)}: {kept.mark.said}")
    lines.append(f"{one.size} bytes" + ("" if one.whole else f", of which {len(one.frame)} were kept") + ":")
    content = text if text is not None else one.frame.hex(" ")
    lines.append(content[:_SHOWN] + (" … (--json prints all)" if len(content) > _SHOWN else ""))
    for line in lines:
        out.print(line, markup=False)


def retry(
    letter: Annotated[str, typer.Argument(metavar="[ID]", help="The letter's id, or a unique beginning of it.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every letter that was not handled, read or refused yet.")
    ] = False,
    author: Author = "",
    wait: Wait = 10.0,
    json_output: JsonFlag = False,
) -> None:
    """Try again: an event goes to its handler in the running ingest, a frame to today's decoder.

    An event asked for while ingest is down is handled as it starts. Exit code 4 if a handler failed again, or if a
    letter is of a kind that is not handed over again; 3 if a frame still cannot be read.
    """
    from ingest.dead_letters import Kind
    from ingest.letter_marks import Mark, Marks
    from venues.wire import wall_clock_us

    folder = _folder()
    if bool(letter) == everything:
        raise BadInput("expected either the ID of a letter or --all", "letter")
    known = list(_all(folder))
    chosen = [kept for kept in known if kept.state not in _OVER] if everything else [_chosen(letter, known)]
    marks, person = Marks(folder), person_of(author, "retry").author
    for kept in chosen:
        if kept.letter.kind is Kind.FRAME:
            _mark(marks, _read_again(kept.letter))
        elif kept.state is not State.ASKED:
            _mark(marks, Mark(wall_clock_us(), kept.letter.id, State.ASKED, f"asked for by {person}"))
    asked = {kept.letter.id for kept in chosen if kept.letter.kind is Kind.EVENT}
    told = _told(marks, asked, wait if _runs(options.layout()) else 0.0)
    results = [_Kept(kept.letter, told.get(kept.letter.id)) for kept in chosen]
    if json_output:
        print_json([_row(kept) for kept in results])
    elif results:
        _print(results)
    else:
        say("no dead letter waits for another try")
    _judge(results)


def _print(results: Sequence[_Kept]) -> None:
    from rich.table import Column, Table

    table = Table(Column("id", no_wrap=True), "kind", "from", "now", "said", box=None)
    for kept in results:
        said = kept.mark.said if kept.mark is not None else ""
        table.add_row(kept.letter.id, kept.letter.kind, kept.letter.venue, kept.state, said)
    out.print(table)
    if any(kept.state is State.ASKED for kept in results):
        say("what is asked for goes to its handler as soon as ingest runs; look again with `surefoot dlq ls`")


def _judge(results: Sequence[_Kept]) -> None:
    """Raises what ends the command with the documented code."""
    failed = [kept.letter.id for kept in results if kept.state in (State.FAILED, State.REFUSED)]
    unread = [kept.letter.id for kept in results if kept.state is State.UNREADABLE]
    error: SurefootError | None = None
    if failed:
        error = Denied(f"not handled: {', '.join(failed)}; the letters stay", "not_handled")
    elif unread:
        error = BadInput(f"still not readable: {', '.join(unread)}; the letters stay", "unreadable")
    if error is not None:
        raise error


def _read_again(letter: DeadLetter) -> Mark:
    from ingest.letter_marks import Mark
    from ingest.read_again import says_now
    from venues.market_events import Malformed
    from venues.wire import wall_clock_us

    try:
        if letter.whole:
            return Mark(wall_clock_us(), letter.id, State.READABLE, says_now(letter.venue, letter.frame, letter.at))
        why = f"only {len(letter.frame)} of {letter.size} bytes were kept"
    except Malformed as wrong:
        why = str(wrong)
    return Mark(wall_clock_us(), letter.id, State.UNREADABLE, why)


def _told(marks: Marks, asked: set[str], wait: float) -> dict[str, Mark]:
    """The newest marks, once none of `asked` waits any more or the time is over."""
    until = time.monotonic() + wait
    while True:
        found = marks.all()
        waiting = [one for one in asked if found[one].state is State.ASKED]
        if not waiting or time.monotonic() > until:
            return found
        time.sleep(_LOOK_S)


def _mark(marks: Marks, mark: Mark) -> None:
    try:
        marks.set(mark.id, mark.state, mark.said, mark.at)
    except OSError as wrong:
        raise Unavailable(f"the letter {mark.id} could not be marked: {wrong}; nothing was tried", "disk") from None


def _folder() -> Path:
    return options.layout().dead_letters


def _runs(layout: Layout) -> bool:
    from workers.local.presence import supervisor_in

    return supervisor_in(layout) is not None


def _all(folder: Path) -> Iterator[_Kept]:
    """Every letter once, oldest first: the same line twice is one letter."""
    from ingest.dead_letters import read
    from ingest.letter_marks import Marks

    marks = Marks(folder).all()
    for letter in {letter.id: letter for letter in read(folder)}.values():
        yield _Kept(letter, marks.get(letter.id))


def _chosen(beginning: str, letters: Iterator[_Kept] | Sequence[_Kept]) -> _Kept:
    """The one letter whose id starts so, with or without `d-`. Raises `BadInput` if none or several do."""
    meant = [kept for kept in letters if beginning and kept.letter.id.startswith((beginning, f"d-{beginning}"))]
    if len(meant) == 1:
        return meant[0]
    seen = "starts several letters' ids" if meant else "is no letter's id, nor the beginning of one"
    raise BadInput(f"{beginning!r} {seen}; `surefoot dlq ls` lists them", "letter")


def _instant(text: str) -> int:
    try:
        return moment(text)
    except Unreadable as expected:
        raise BadInput(f"--since {text}: expected {expected}", "since") from None


def _row(kept: _Kept) -> dict[str, Any]:
    letter, mark = kept.letter, kept.mark
    return {
        "id": letter.id,
        "at": letter.at,
        "kind": letter.kind,
        "source": letter.venue,
        "why": letter.why,
        "bytes": letter.size,
        "market": letter.market,
        "form": letter.form,
        "handler": letter.handler,
        "attempts": letter.attempts,
        "state": kept.state,
        "state_at": mark.at if mark is not None else None,
        "said": mark.said if mark is not None else "",
    }
