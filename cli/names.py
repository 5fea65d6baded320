"""What tokens stand for, in words: as a claim says it, else as their venue does; nothing where neither can be asked."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from domain.errors import SurefootError
from domain.naming import shown
from ledger.port import ClaimLedger

if TYPE_CHECKING:
    from domain.claims import EquivalenceRecord, InstrumentKey
    from workers.local.layout import Stack


_PATIENCE_S = 3.0


async def names_of(stack: Stack, ledger: ClaimLedger, instruments: Iterable[InstrumentKey]) -> dict[str, str]:
    """By market, for those whose own name tells a person nothing. Never raises for what cannot be asked."""
    import asyncio

    from workers.accounts import venue_clients

    wanted = [key for key in dict.fromkeys(instruments) if shown(key[1]) != key[1]]
    if not wanted:
        return {}
    try:
        names = claimed(await ledger.claims())
    except SurefootError:
        names = {}
    missing = [key for key in wanted if key[1] not in names and key[0] in stack.settings.in_use]
    if missing:
        with suppress(SurefootError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S), venue_clients(stack) as clients:
                for venue, market in missing:
                    spec = await clients[venue].market(market)
                    names[market] = f"{spec.title} ({spec.outcome})" if spec.outcome else spec.title
    return {market: names[market] for _, market in wanted if market in names}


def claimed(records: Iterable[EquivalenceRecord]) -> dict[str, str]:
    """What claims say of their instruments, by market."""
    return {one.market: f"{record.title}: {one.meaning}" for record in records for one in record.instruments}


def told(market: str, names: dict[str, str]) -> str:
    """One line about a token: what it is shown as, what it stands for, and its whole id."""
    name = f"{names[market]}, " if market in names else ""
    return f"{shown(market)} is {name}token {market}"
