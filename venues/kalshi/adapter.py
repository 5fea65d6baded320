"""Kalshi, as the rooms above ask for it; see `venues.adapter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

import msgspec

from domain.market import Venue
from venues.adapter import Account, NoPermits, Permits, VenueAdapter
from venues.book_feed import Counters, Feed, Told, counted, take_alone
from venues.checklist import Check
from venues.kalshi import checklist
from venues.kalshi.book_feed import KalshiFeed
from venues.kalshi.client import KalshiClient
from venues.kalshi.hours import weekly_pause
from venues.kalshi.market_data import decode, time_micros
from venues.kalshi.permits import Attestation
from venues.labels import Label
from venues.pauses import Pause
from venues.port import VenueClient


class _Message(msgspec.Struct):
    market_ticker: str = ""
    ts: int | str = 0
    ts_ms: int = 0


class _Frame(msgspec.Struct):
    seq: int = 0
    msg: _Message | None = None


class _Rules(msgspec.Struct):
    rules_primary: str = ""
    rules_secondary: str = ""


class _Market(msgspec.Struct):
    market: _Rules


class _Kind(msgspec.Struct):
    type: str = ""


_frame = msgspec.json.Decoder(_Frame)
_kind = msgspec.json.Decoder(_Kind)
_BOOK = b'{"type":"orderbook_'
_OWN = frozenset({"fill", "user_order", "market_lifecycle_v2"})


class KalshiAdapter(VenueAdapter):
    venue = Venue.KALSHI
    sells_short = True
    tells_our_ids = True

    def names(self, market: str) -> bool:
        """Tickers are words."""
        return not market.isdecimal()

    def book_feed(self, counters: Counters, told: Told, *, yes_price: bool = True) -> Feed:
        return KalshiFeed(counters, told, yes_price=yes_price)

    def label(self, raw: bytes) -> Label:
        said = _frame.decode(raw)
        if said.msg is None:
            return Label(seq=said.seq)
        ts = said.msg.ts
        at = time_micros(ts) if isinstance(ts, str) and ts else said.msg.ts_ms * 1000
        return Label(said.msg.market_ticker, at, said.seq)

    def read_again(self, raw: bytes, at: int) -> str:
        take_alone(KalshiFeed, raw, at)
        return counted([decode(raw, yes_price=True)])

    async def checklist(self, client: VenueClient, account: Account, markets: Sequence[str]) -> list[Check]:
        if not isinstance(client, KalshiClient):
            return []
        return await checklist.checklist(client, account.key_id, markets)

    async def rule_text(self, client: VenueClient, market: str) -> str:
        """The market's two rule fields, in their order."""
        if not isinstance(client, KalshiClient):
            return ""
        said = (await client.wire.get(f"/markets/{quote(market, safe='')}", _Market)).market
        return "\n".join(filter(None, (said.rules_primary, said.rules_secondary)))

    def is_own(self, raw: bytes) -> bool:
        """The books' frames, nearly all there are, are told at a glance."""
        if raw.startswith(_BOOK):
            return False
        try:
            return _kind.decode(raw).type in _OWN
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False

    def permits(self, client: VenueClient, clock: Callable[[], int]) -> Permits:
        return Attestation(client, clock) if isinstance(client, KalshiClient) else NoPermits()

    def known_pause(self, client: VenueClient | None, now: int) -> Pause | None:
        """What the client knows already; without one, the pause of every week."""
        return client.exchange.known_pause(now) if isinstance(client, KalshiClient) else weekly_pause(now)


ADAPTER = KalshiAdapter()
