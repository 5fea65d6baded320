"""A small session of two Polymarket markets, and a trader that signs with the project's wallet."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec

from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from paper.server import PaperServer
from recording.sources.session import BookDelta, BookReset, Condition, RecordedSession, SessionEvent
from venues.polymarket.auth import l1_headers, l2_headers
from venues.polymarket.orders import OrderRules, order_body
from venues.polymarket.wallet import Credentials, SignatureType, Wallet

YES = str(int("5a" * 32, 16))
NO = str(int("5b" * 32, 16))
OTHER = str(int("3c" * 32, 16))
OTHER_NO = str(int("3d" * 32, 16))
CONDITION = "0x" + "ab" * 32
OTHER_CONDITION = "0x" + "cd" * 32
GROUP = "0x" + "ef" * 32
T0 = 1_790_000_000_000_000
KEY = "0x" + "11" * 32
OTHER_KEY = "0x" + "22" * 32


def spec(token: str, complement: str, event: str, *, rate: str = "0.05", **more: Any) -> MarketSpec:
    fees = FeeSchedule(
        taker=Decimal(rate), maker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET, exponent=1
    )
    grid = (PriceRange(Decimal("0.01"), Decimal("0.99"), Decimal("0.01")),)
    settings: dict[str, Any] = {
        "price_ranges": grid,
        "size_step": Decimal("0.01"),
        "min_size": Decimal(5),
        "min_notional": Decimal(1),
        "outcomes": 2,
        "outcome": "Yes",
        "complement": complement,
    }
    return MarketSpec(Venue.POLYMARKET, token, event, "Will it rain?", fees, **(settings | more))


def micros(value: str | int) -> int:
    return int(Decimal(value) * 1_000_000)


def levels(*pairs: tuple[str, str | int]) -> tuple[tuple[int, int], ...]:
    return tuple((micros(price), micros(size)) for price, size in pairs)


def books(at: int = T0) -> list[SessionEvent]:
    """YES: bid 0.47×100, 0.46×50; ask 0.49×80, 0.50×40. OTHER: bid 0.30×30; ask 0.32×60."""
    return [
        BookReset(at, YES, levels(("0.47", 100), ("0.46", 50)), levels(("0.51", 80), ("0.50", 40))),
        BookReset(at, OTHER, levels(("0.30", 30)), levels(("0.68", 60))),
    ]


def change(after: int, side: str, price: str, delta: str | int, token: str = YES) -> BookDelta:
    return BookDelta(T0 + after, token, "yes" if side == "yes" else "no", micros(price), micros(delta))


def session(*events: SessionEvent, **more: Any) -> RecordedSession:
    """The opening books, then `events`, and a last change an hour later so that the session goes on."""
    tail = [BookDelta(T0 + 3_600_000_000, OTHER, "yes", 10_000, 10_000)]
    markets = (spec(YES, NO, CONDITION, **more), spec(OTHER, OTHER_NO, GROUP, **({"outcomes": 3} | more)))
    conditions = (
        Condition(YES, CONDITION, rules="It rains or it does not."),
        Condition(OTHER, OTHER_CONDITION, neg_risk=True),
    )
    return RecordedSession("rain", markets, (*books(), *events, *tail), (), (), conditions)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until it holds; the test's own time limit is the bound."""
    while not await holds():  # noqa: ASYNC110 - the condition lives in another process or on the wire
        await asyncio.sleep(0.01)


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def error(self) -> str:
        return str(self.body.get("error", ""))


@dataclass
class Trader:
    """One key and its API credentials at a running exchange."""

    url: str
    http: aiohttp.ClientSession
    wallet: Wallet
    admin_url: str = ""
    credentials: Credentials | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def at(cls, server: PaperServer, http: aiohttp.ClientSession, key: str = KEY, **wallet: Any) -> Trader:
        return cls(server.clob_url, http, Wallet.from_hex(key, **wallet), server.admin_url)

    async def enter(self) -> Trader:
        """Create API credentials with the wallet's signature."""
        headers = l1_headers(self.wallet, int(time.time()))
        made = await self.send("POST", "/auth/api-key", headers=headers)
        if made.status == 400:
            made = await self.send("GET", "/auth/derive-api-key", headers=headers)
        assert made.status == 200, made
        self.credentials = Credentials(made.body["apiKey"], made.body["secret"], made.body["passphrase"])
        return self

    @property
    def owner(self) -> str:
        assert self.credentials is not None
        return self.credentials.key

    @property
    def auth(self) -> dict[str, str]:
        """What a user channel is given."""
        held = self.credentials
        assert held is not None
        return {"apiKey": held.key, "secret": held.secret, "passphrase": held.passphrase}

    async def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        async with self.http.request(method, self.url + path, data=body or None, headers=headers) as answer:
            return Answer(answer.status, _told(await answer.read()), dict(answer.headers))

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        """A request signed with the credentials."""
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        assert self.credentials is not None
        headers = l2_headers(self.wallet.address, self.credentials, method, path, raw, now_s=int(time.time()))
        return await self.send(method, path, raw, headers)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    async def admin(self, method: str, path: str, body: object = None) -> Answer:
        async with self.http.request(method, self.admin_url + path, json=body) as answer:
            raw = await answer.read()
            return Answer(answer.status, json.loads(raw) if raw else None, dict(answer.headers))

    def body(self, **fields: Any) -> bytes:
        return self.prepared(**fields)[0]

    def prepared(self, **fields: Any) -> tuple[bytes, str]:
        """The bytes and the id of: buy 10 YES at 0.49, FAK; `fields` replace."""
        neg_risk, tick = fields.pop("neg_risk", None), fields.pop("tick", "0.01")
        version, owner = fields.pop("version", "v1"), fields.pop("owner", None)
        settings: dict[str, Any] = {
            "market": YES,
            "side": Side.BUY,
            "size": Decimal(10),
            "limit": Decimal("0.49"),
            "tif": TimeInForce.IOC,
            "intent_id": f"{self.wallet.address}-{time.time_ns()}",
            "leg": "A",
            "attempt": next(self.numbers) + 1,
            "purpose": Purpose.OPEN,
            "decided_at": time.time_ns() // 1000,
        } | {name: Decimal(v) if name in ("size", "limit") else v for name, v in fields.items()}
        ticket = ticket_of(settings)
        if neg_risk is None:
            neg_risk = ticket.market in (OTHER, OTHER_NO)
        rules = OrderRules(ticket.market, version, neg_risk, Decimal(tick))
        made = order_body(ticket, rules, self.wallet, owner or self.owner)
        return made.body, made.order_id

    async def order(self, **fields: Any) -> Answer:
        return await self.call("POST", "/order", self.body(**fields))

    async def cash(self) -> Decimal:
        path = f"/balance-allowance?asset_type=COLLATERAL&signature_type={self.wallet.signature_type.value}"
        return Decimal((await self.get(path))["balance"]) / 1_000_000

    async def shares(self, token: str = YES) -> Decimal:
        kind = self.wallet.signature_type.value
        path = f"/balance-allowance?asset_type=CONDITIONAL&token_id={token}&signature_type={kind}"
        return Decimal((await self.get(path))["balance"]) / 1_000_000


def _told(raw: bytes) -> Any:
    """What an answer says; its text where it is no JSON, since a rude exchange answers with pages of HTML too."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode()


def ticket_of(settings: dict[str, Any]) -> OrderTicket:
    return OrderTicket(venue=Venue.POLYMARKET, **settings)


DEPOSIT = SignatureType.DEPOSIT
