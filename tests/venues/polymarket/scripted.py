"""A scripted Polymarket on loopback, its orders and its trades."""

from __future__ import annotations

from typing import Any

from domain.market import Venue
from domain.orders import OrderTicket
from tests.venues.scripted import NOW, ScriptedVenue, says, ticket_at
from venues.polymarket.client import PolymarketClient
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Credentials, Wallet

YES = str(int("a1" * 32, 16))
NO = str(int("b2" * 32, 16))
CONDITION = "0x" + "cd" * 32
OWNER = "9180014b-33c8-9240-a14b-bdca11c0a465"
TRADES, ORDERS = "/data/trades", "/data/orders"
DeadLetters = list[tuple[str, bytes, str]]

WALLET = Wallet.from_hex("11" * 32)
CREDENTIALS = Credentials(OWNER, "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5IQ==", "passphrase")

CLOB_INFO = {
    "t": [{"t": YES, "o": "Yes"}, {"t": NO, "o": "No"}],
    "c": CONDITION,
    "mos": 5,
    "mts": 0.01,
    "mbf": 1000,
    "tbf": 1000,
    "ao": True,
    "fd": {"r": 0.05, "e": 1, "to": True},
    "v": "v1",
}
CLOB_MARKET = {
    "condition_id": CONDITION,
    "question": "Will it rain?",
    "closed": False,
    "active": True,
    "accepting_orders": True,
    "neg_risk": False,
    "seconds_delay": 0,
    "is_50_50_outcome": False,
    "tokens": [
        {"token_id": YES, "outcome": "Yes", "price": 0.5, "winner": False},
        {"token_id": NO, "outcome": "No", "price": 0.5, "winner": False},
    ],
}


class Scripted(ScriptedVenue):
    """All of the venue's services at one address."""

    @property
    def services(self) -> Services:
        return Services(self.base_url, self.base_url, self.base_url, self.base_url, self.base_url)

    def plays(self, *, info: dict[str, Any] | None = None, market: dict[str, Any] | None = None) -> None:
        """The one market of these tests, with what differs."""
        for token in (YES, NO):
            self.on("GET", f"/markets-by-token/{token}", says({"condition_id": CONDITION}))
        self.on("GET", f"/clob-markets/{CONDITION}", says(CLOB_INFO | (info or {})))
        self.on("GET", f"/markets/{CONDITION}", says(CLOB_MARKET | (market or {})))


def ticket(**changes: Any) -> OrderTicket:
    return ticket_at(Venue.POLYMARKET, **({"market": YES} | changes))


def order(order_id: str, **changes: Any) -> dict[str, Any]:
    """An order as listed, by default matched in full."""
    return {
        "id": order_id,
        "market": CONDITION,
        "asset_id": YES,
        "owner": OWNER,
        "maker_address": WALLET.maker,
        "side": "BUY",
        "price": "0.56",
        "original_size": "10",
        "size_matched": "10",
        "outcome": "Yes",
        "order_type": "FAK",
        "status": "MATCHED",
        "associate_trades": ["t-1"],
        "created_at": 1795226400,
        "expiration": "0",
    } | changes


def trade(trade_id: str, order_id: str, **changes: Any) -> dict[str, Any]:
    """A trade of ours as its taker, by default confirmed."""
    return {
        "id": trade_id,
        "taker_order_id": order_id,
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "size": "10",
        "price": "0.56",
        "fee_rate_bps": "0",
        "status": "TRADE_STATUS_CONFIRMED",
        "match_time": "1795226400",
        "last_update": "1795226401",
        "outcome": "Yes",
        "owner": OWNER,
        "maker_address": WALLET.maker,
        "transaction_hash": "",
        "bucket_index": 0,
        "trader_side": "TAKER",
        "maker_orders": [
            {
                "order_id": "0xother",
                "owner": "someone",
                "maker_address": "0x00",
                "matched_amount": "10",
                "price": "0.56",
                "asset_id": YES,
                "outcome": "Yes",
                "side": "SELL",
            }
        ],
    } | changes


def rows(*listed: dict[str, Any], cursor: str = "LTE=") -> dict[str, Any]:
    return {"limit": 500, "count": len(listed), "next_cursor": cursor, "data": list(listed)}


def posted(order_id: str, **changes: Any) -> dict[str, Any]:
    """The answer to an order sent, by default matched in full."""
    answer = {"success": True, "errorMsg": "", "orderID": order_id, "status": "matched", "makingAmount": "5.6"}
    return answer | {"takingAmount": "10"} | changes


def tokens(yes: bool | None, no: bool | None) -> dict[str, Any]:
    """The tokens of a market with who won."""
    return {
        "tokens": [
            {"token_id": YES, "outcome": "Yes", "winner": yes},
            {"token_id": NO, "outcome": "No", "winner": no},
        ]
    }


async def asks(client: PolymarketClient, *, known: str | None = None, sent_at: int = NOW, grace_ms: int = 0) -> Any:
    """Evidence of the one ticket."""
    return await client.evidence(ticket(), order_id=known, sent_at=sent_at, grace_ms=grace_ms)
