"""Live books: a relay of a public Polymarket market channel, given by its address, into this exchange's books.

Everything but the books is paper: orders meet the relayed levels, take from them as from a recording, and nobody out
there hears of it. Trades printed by others move resting orders up their lines. While the feed is down the books are
empty, so nothing trades on what is stale. Only the channel is read, and once the CLOB beside it for what the markets
are; nothing is ever sent but the subscription.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
import msgspec
import structlog

from domain.errors import BadInput, Unavailable
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from domain.money import MICRO
from paper.core.book import ONE
from paper.polymarket.records import Side
from paper.session.floor import LIVE, Floor
from recording.sources.session import BookReset, Condition, RecordedSession
from venues.wire import HttpWire, WireFailure

_LOG = structlog.get_logger("paper.live")
_PING_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_RETRY_SECONDS = 2.0
_READ_SECONDS = 15.0
_MOST_BYTES = 32 << 20  # a whole book


class Relay:
    """`feed` is the channel (ws, wss), `rest` the CLOB (http, https), `tokens` the token ids to follow."""

    def __init__(self, floor: Floor, feed: str, rest: str, tokens: list[str]) -> None:
        """Raises `BadInput` for an address of another kind, and for no tokens."""
        if not feed.startswith(("ws://", "wss://")):
            raise BadInput(f"live feed {feed!r}; expected the ws:// or wss:// address of a market channel", "live")
        if not rest.startswith(("http://", "https://")):
            raise BadInput(f"live REST {rest!r}; expected the http:// or https:// address of a CLOB", "live")
        if not tokens:
            raise BadInput("no token to follow was given; expected at least one token id", "live")
        self._floor = floor
        self._feed = feed
        self._rest = rest.rstrip("/")
        self._wanted = list(dict.fromkeys(tokens))
        self._firsts: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        self._wire = HttpWire("Live CLOB", self._rest, under=True)

    async def start(self) -> None:
        """Read what the markets are, open them, follow their books. Raises `Unavailable` if the CLOB does not say."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        session = await self._session()
        self._firsts = {spec.market for spec in session.markets}
        description = f"{LIVE}{','.join(sorted(self._firsts))}"
        if self._floor.description == description:
            self._floor.resume(session, description)
            self._floor.reopen()
        else:
            self._floor.begin(session, description)
        self._task = asyncio.create_task(self._follow(self._http))
        _LOG.info("live books", feed=self._feed, markets=len(session.markets))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._http is not None:
            await self._http.close()
        await self._wire.close()

    # -- what the markets are ---------------------------------------------------------------------------------------

    async def _session(self) -> RecordedSession:
        specs: dict[str, MarketSpec] = {}
        conditions: list[Condition] = []
        for token in self._wanted:
            condition = str((await self._get(f"/markets-by-token/{token}")).get("condition_id", ""))
            if any(one.condition_id == condition for one in conditions):
                continue
            short = await self._get(f"/clob-markets/{condition}")
            full = await self._get(f"/markets/{condition}")
            spec, about = _described(condition, short, full)
            specs[spec.market] = spec
            conditions.append(about)
        return RecordedSession("live", tuple(specs.values()), (), (), (), tuple(conditions))

    async def _get(self, path: str) -> Mapping[str, Any]:
        try:
            answer = await self._wire.exchange("GET", path, timeout=_READ_SECONDS)
            found = msgspec.json.decode(answer.body)
        except (WireFailure, msgspec.DecodeError) as error:
            raise Unavailable(f"GET {self._rest}{path}: {error}; expected the CLOB's answer", "live") from None
        if answer.status != 200 or not isinstance(found, dict):
            raise Unavailable(f"GET {self._rest}{path} answered {answer.status}; expected a market", "live")
        return found

    # -- the books --------------------------------------------------------------------------------------------------

    async def _follow(self, http: aiohttp.ClientSession) -> None:
        while not self._floor.failed:
            try:
                await self._listen(http)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                _LOG.warning("live feed lost", error=str(error))
            self._empty()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        async with http.ws_connect(self._feed, max_msg_size=_MOST_BYTES) as socket:
            await socket.send_json({"assets_ids": sorted(self._firsts), "type": "market"})
            pinging = asyncio.create_task(_ping(socket))
            try:
                while True:
                    message = await socket.receive(timeout=_SILENCE_SECONDS)
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return
                    if message.data != "PONG":
                        self._hear(message.data)
            finally:
                pinging.cancel()

    def _hear(self, text: str) -> None:
        try:
            frame = msgspec.json.decode(text)
        except msgspec.DecodeError:
            _LOG.warning("live frame is no JSON", frame=text[:200])
            return
        for event in frame if isinstance(frame, list) else [frame]:
            try:
                self._apply(event)
            except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
                _LOG.warning("live event is not understood", error=repr(error), event=str(event)[:200])

    def _apply(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event_type")
        if kind == "book" and event["asset_id"] in self._firsts:
            bids = tuple((_micros(one["price"]), _micros(one["size"])) for one in event["bids"])
            asks = tuple((ONE - _micros(one["price"]), _micros(one["size"])) for one in event["asks"])
            self._floor.apply(BookReset(self._floor.now(), event["asset_id"], bids, asks), self._floor.now())
        elif kind == "price_change":
            for row in event["price_changes"]:
                if row["asset_id"] in self._firsts:
                    self._floor.set_level(
                        row["asset_id"], row["side"] == "BUY", _micros(row["price"]), _micros(row["size"])
                    )
        elif kind == "last_trade_price" and event["asset_id"] in self._firsts:
            side: Side = "BUY" if event["side"] == "BUY" else "SELL"
            self._floor.clob.print(event["asset_id"], side, _micros(event["price"]), _micros(event["size"]))
        elif kind == "tick_size_change" and event["asset_id"] in self._firsts:
            market = self._floor.clob.markets.of_token(event["asset_id"])
            if market is not None:
                self._floor.clob.set_tick(market, _micros(event["new_tick_size"]))

    def _empty(self) -> None:
        now = self._floor.now()
        for token in self._firsts:
            self._floor.apply(BookReset(now, token, (), ()), now)


async def _ping(socket: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(_PING_SECONDS)
        await socket.send_str("PING")


def _described(condition: str, short: Mapping[str, Any], full: Mapping[str, Any]) -> tuple[MarketSpec, Condition]:
    try:
        first, second = short["t"]
        fees = short.get("fd") or {"r": 0, "e": 1}
        tick = Decimal(str(short["mts"]))
        delay = 250 if short.get("itode") else int(full.get("seconds_delay") or 0) * 1000
        neg_risk = bool(short.get("nr") or full.get("neg_risk"))
        spec = MarketSpec(
            Venue.POLYMARKET,
            first["t"],
            str(full.get("neg_risk_market_id") or condition) if neg_risk else condition,
            str(full.get("question") or condition),
            FeeSchedule(
                taker=Decimal(str(fees["r"])),
                maker=Decimal(0),
                unit=Decimal("0.000001"),
                model=FeeModel.POLYMARKET,
                exponent=int(fees["e"]),
            ),
            price_ranges=(PriceRange(tick, 1 - tick, tick),),
            size_step=Decimal("0.01"),
            min_size=Decimal(str(short["mos"])),
            min_notional=Decimal(1),
            outcomes=0 if neg_risk else 2,
            delay_ms=delay,
            outcome=first["o"],
            complement=second["t"],
        )
        about = Condition(
            first["t"],
            condition,
            (first["o"], second["o"]),
            neg_risk=neg_risk,
            version=str(short.get("v") or "v1"),
            slug=str(full.get("market_slug") or ""),
            rules=str(full.get("description") or ""),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise Unavailable(f"market {condition}: {error!r}; expected tokens, tick, minimum and fees", "live") from None
    return spec, about


def _micros(text: str) -> int:
    """Whole micros; what the venue writes finer is cut off."""
    value = Decimal(text)
    if not value.is_finite() or value < 0:
        raise ValueError(f"{text} is no price or size")
    return int(value * MICRO)
