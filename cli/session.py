"""A recording as the stack needs to know it before it plays: which venues it is of, and which claims it declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.options import say
from domain.errors import BadInput
from domain.market import Venue

if TYPE_CHECKING:
    from config.settings import PaperSession, Settings
    from domain.claims import EquivalenceRecord
    from recording.sources.session import RecordedSession
    from workers.local.layout import Stack


def opened(session: PaperSession, *, whole: bool = False) -> RecordedSession:
    """The session's recording. Raises `BadInput` for none, or one that cannot be read."""
    from recording.sources.open import open_recording

    if session.recording is None:
        raise BadInput("nothing to play; name a recording with --recording, such as synth:7", "no_recording")
    if whole:
        return open_recording(session.recording, game=session.game, whole=True)
    return open_recording(session.recording, game=session.game, start=session.from_, end=session.to)


def with_venues(settings: Settings, recording: RecordedSession) -> Settings:
    """The same settings with every venue of the recording in use."""
    found = {spec.venue for spec in recording.markets} | set(settings.in_use)
    return settings.model_copy(update={"venues": tuple(venue.value for venue in Venue if venue in found)})


def require_venues(stack: Stack, recording: RecordedSession) -> None:
    """Raises `BadInput` for a recording of a venue that the running stack does not use."""
    missing = {spec.venue for spec in recording.markets} - set(stack.settings.in_use)
    if missing:
        names = ", ".join(f'"{venue}"' for venue in (*stack.settings.in_use, *sorted(missing)))
        raise BadInput(
            f"{recording.name} has markets of {', '.join(sorted(missing))}, which this stack does not use; "
            f"`surefoot down`, then `surefoot up` with venues: [{names}]",
            "unknown_venue",
        )


def declare(stack: Stack, claims: Sequence[EquivalenceRecord]) -> None:
    """Put what the recording itself declares on record, for paper only; what a person has decided since stays."""
    import asyncio

    if claims:
        asyncio.run(_declare(stack, claims))


async def _declare(stack: Stack, claims: Sequence[EquivalenceRecord]) -> None:
    from domain.claims import ClaimStatus
    from workers.local.books import open_ledger

    async with open_ledger(stack) as ledger:
        known = {record.id: record for record in await ledger.claims()}
        for record in claims:
            newest = known.get(record.id)
            if newest is None:
                await ledger.add_claim(replace(record, version=record.version - 1, status=ClaimStatus.PROPOSED))
                await ledger.add_claim(record)
                say(f"claim {record.pin} {record.title}: declared by the recording, for paper only")
            elif not newest.tradable:
                say(f"claim {newest.pin} is {newest.status} ({newest.author}: {newest.reason}); nothing trades on it")
