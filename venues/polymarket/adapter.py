"""Polymarket, as the rooms above ask for it; see `venues.adapter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from domain.market import Venue
from venues.adapter import Account, NoPermits, Permits, VenueAdapter
from venues.book_feed import Counters, Feed, Told, counted, take_alone
from venues.checklist import Check
from venues.labels import Label, millis
from venues.market_events import Malformed
from venues.polymarket import checklist, user_stream
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.client import PolymarketClient
from venues.polymarket.market_data import decode, read_books
from venues.polymarket.permits import Allowances
from venues.port import VenueClient


class _Change(msgspec.Struct):
    asset_id: str = ""


class _Message(msgspec.Struct):
    asset_id: str = ""
    timestamp: str | int = 0
    price_changes: tuple[_Change, ...] = ()


_messages = msgspec.json.Decoder(_Message | list[_Message])


class PolymarketAdapter(VenueAdapter):
    venue = Venue.POLYMARKET
    fills_finer = True  # in millionths

    def names(self, market: str) -> bool:
        """Token ids are digits only."""
        return market.isdecimal()

    def book_feed(self, counters: Counters, told: Told, *, yes_price: bool = True) -> Feed:
        return PolymarketFeed(counters, told)

    def label(self, raw: bytes) -> Label:
        decoded = _messages.decode(raw)
        messages = decoded if isinstance(decoded, list) else [decoded]
        assets: dict[str, None] = {}  # a set in order of arrival
        at = 0
        for message in messages:
            at = max(at, millis(message.timestamp))
            for asset in (message.asset_id, *(change.asset_id for change in message.price_changes)):
                if asset:
                    assets[asset] = None
        return Label(",".join(assets), at)

    def read_again(self, raw: bytes, at: int) -> str:
        """A frame of the market channel, of the user channel, or an answer with books: letters do not say which."""
        try:
            take_alone(PolymarketFeed, raw, at)
            return counted(decode(raw))
        except Malformed as wrong:
            news, dead = user_stream.events(raw)
            if news and not dead:
                return f"on the user channel: {counted(news)}"
            try:
                return f"an answer: {counted(read_books(raw))}"
            except Malformed:
                raise wrong from None

    async def checklist(self, client: VenueClient, account: Account, markets: Sequence[str]) -> list[Check]:
        if not isinstance(client, PolymarketClient):
            return []
        return await checklist.checklist(client, dict.fromkeys(markets), tier=account.tier)

    async def rule_text(self, client: VenueClient, market: str) -> str:
        """The description of the token's market."""
        if isinstance(client, PolymarketClient):
            async for found in client.discovery.markets(clob_token_ids=market):
                return found.rules
        return ""

    def permits(self, client: VenueClient, clock: Callable[[], int]) -> Permits:
        return Allowances(client) if isinstance(client, PolymarketClient) else NoPermits()


ADAPTER = PolymarketAdapter()
