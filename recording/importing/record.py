"""Writes an import: every event, and what the engine decides on it under today's rules, as a live session would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.decisions import Suppression
from domain.intent import Intent
from recording.envelope import Envelope, EventType, envelope
from recording.importing.source import Source
from recording.recorder import decided
from recording.replay import TRADE_MS, TimedTrades
from recording.rerun import apply
from recording.session_setup import engine_of
from recording.session_writer import SessionWriter

PROGRESS_EVERY = 500_000


@dataclass(frozen=True, slots=True)
class Written:
    """What an import came to. `events` are all that were written, decisions included."""

    path: Path
    events: int
    intents: int
    suppressed: int
    fingerprint: str


def write_session(
    source: Source,
    folder: Path,
    *,
    trade_ms: int = TRADE_MS,
    progress: Callable[[int, int], None] = lambda events, at: None,
) -> Written:
    """Reads `source` to its end into one session file in `folder`. `progress` hears now and then how many events were
    written and the time (µs) of the last.

    There is no desk: a trade counts as closed `trade_ms` of exchange time after its intent, and that is recorded too.
    Raises BadInput (`exists`) rather than overwrite a session, and OSError; what was written by then is removed.
    """
    writer = SessionWriter(folder, source.setup, sync=False)
    writer.flush()
    try:
        _write(decide(source, trade_ms=trade_ms), writer, progress)
    except BaseException:
        writer.abandon()
        raise
    return Written(writer.path, writer.events, writer.intents, writer.suppressed, writer.fingerprint)


def decide(
    source: Source,
    *,
    trade_ms: int = TRADE_MS,
    on_intent: Callable[[Intent], None] = lambda intent: None,
    on_suppressed: Callable[[Suppression], None] = lambda suppression: None,
) -> Iterator[Envelope]:
    """Every event of `source`, each followed by what was decided on it: the session as it is to be written."""
    trades = TimedTrades(trade_ms)
    decisions: list[Envelope] = []

    def took(intent: Intent) -> None:
        trades.started(intent)
        on_intent(intent)
        decisions.append(decided(intent))

    def refused(suppression: Suppression) -> None:
        on_suppressed(suppression)
        decisions.append(decided(suppression))

    engine = engine_of(source.setup, took, refused)

    def told(event: Envelope) -> Iterator[Envelope]:
        yield event
        apply(engine, event)
        if decisions:
            yield from decisions
            decisions.clear()

    for event in source.events:
        if event.type is EventType.FRAME:
            for pair in trades.due(event.received_at):
                yield from told(
                    envelope(EventType.TRADE_CLOSED, "{}", market=pair, received_at=event.at, source="import")
                )
            yield from told(event)
        else:
            yield event  # no business of the engine's
    yield from told(envelope(EventType.FINISH, "{}", source="import"))


def _write(events: Iterator[Envelope], writer: SessionWriter, progress: Callable[[int, int], None]) -> None:
    for number, event in enumerate(events, start=1):
        writer.write(event)
        if writer.full:
            writer.flush()
        if number % PROGRESS_EVERY == 0:
            progress(number, event.at)
    writer.close()
