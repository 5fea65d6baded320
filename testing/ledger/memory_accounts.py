"""Cash and capital in memory: each sum is made when asked for, of entries that are kept once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.market import Venue
from domain.snapshot import Capital, CashEntry, VenueCapital


class Accounts:
    """What the tables `cash`, `capital` and `accounts` hold, and the check of `open_trade`."""

    def __init__(self) -> None:
        self._cash: dict[tuple[str, str, str], CashEntry] = {}
        self._capital: dict[tuple[str, str], Capital] = {}

    def enter(self, entry: CashEntry) -> None:
        """Book an entry once; one that had no owner is taken over by the first that names one."""
        key = (entry.venue, entry.kind, entry.ref)
        known = self._cash.setdefault(key, entry)
        if known.intent_id is None and entry.intent_id is not None:
            self._cash[key] = replace(known, intent_id=entry.intent_id)

    def entries(self) -> tuple[CashEntry, ...]:
        return tuple(sorted(self._cash.values(), key=lambda entry: (entry.at, entry.kind, entry.ref)))

    def shortage(self, wanted: Iterable[Capital]) -> Mapping[str, Any] | None:
        """Why this capital cannot be reserved, in the words of `open_trade`; None if it can, or is already."""
        for want in wanted:
            known = self._capital.get((want.intent_id, want.venue))
            cash, reserved, free = self._sums(want.venue)
            short = known is None and free is not None and want.reserved > free
            if short or (known is not None and known.released_at is not None):
                return {
                    "venue": want.venue,
                    "wanted": want.reserved,
                    "free": free if free is not None else cash,
                    "reserved": reserved,
                    "released_at": known.released_at if known is not None else None,
                }
        return None

    def reserve(self, wanted: Iterable[Capital]) -> None:
        for want in wanted:
            self._capital.setdefault((want.intent_id, want.venue), want)

    def keep(self, held: Iterable[Capital]) -> None:
        """What trades hold from now on; what was released stays released."""
        for new in held:
            key = (new.intent_id, new.venue)
            if key not in self._capital or self._capital[key].released_at is None:
                self._capital[key] = new

    def release(self, intent_id: str, at: int) -> bool:
        mine = [key for key, held in self._capital.items() if key[0] == intent_id and held.released_at is None]
        for key in mine:
            self._capital[key] = replace(self._capital[key], released_at=at)
        return bool(mine)

    def standing(self) -> tuple[VenueCapital, ...]:
        """By name of the venue."""
        venues = {entry.venue for entry in self._cash.values()} | {held.venue for held in self._capital.values()}
        return tuple(VenueCapital(venue, *self._sums(venue), self._held(venue)) for venue in sorted(venues))

    def _sums(self, venue: Venue) -> tuple[Decimal, Decimal, Decimal | None]:
        """Cash, reserved and free."""
        entries = [entry for entry in self._cash.values() if entry.venue is venue]
        cash = sum((entry.amount for entry in entries), Decimal(0))
        held = self._held(venue)
        reserved = sum((one.reserved for one in held), Decimal(0))
        opened = any(entry.kind == "opening" for entry in entries)
        in_trades = sum((one.cash for one in held), Decimal(0))
        return cash, reserved, cash - in_trades - reserved if opened else None

    def _held(self, venue: Venue) -> tuple[Capital, ...]:
        held = {
            intent_id: one
            for (intent_id, where), one in self._capital.items()
            if where == venue and one.released_at is None
        }
        cash = dict.fromkeys(held, Decimal(0))
        for entry in self._cash.values():
            if entry.venue is venue and entry.intent_id in cash:
                cash[entry.intent_id] += entry.amount
        return tuple(replace(held[intent_id], cash=cash[intent_id]) for intent_id in sorted(held))
