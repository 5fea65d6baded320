"""The real REST client of a venue against answers of a case's own, and the last judge over what it makes of them.

    input:
      call: prepare | submit | evidence | cancel | account | cash | market | quote |
            resolution | pools | limits | settlements | checklist | discover
      ticket: {side: SELL, size: "10", limit: "0.50", tif: gtc}    what differs from ten shares bought at 0.56 at once
      known: true               the venue's id of the order is known (evidence)
      quiet_s: 120              how long ago the last copy left (evidence)
      times: 2                  how often it is asked; the facts are the last answer's
      info: {mts: 0.001}        what differs in the CLOB's document of the market; `market:` in the other one
      answers:                  of one path several: one after the other, the last again
        - {at: POST /order, status: 400, says: {error: …}}
        - {at: GET /book, text: "<html>", headers: {Retry-After: "2"}}
        - {at: POST /order, does: drops}                           or hangs

`$ORDER`, `$CLIENT_ID`, `$YES`, `$NO`, `$CONDITION`, `$OWNER`, `$MAKER`, `$MARKET` stand for what the world of the
tests calls these.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from domain.errors import SurefootError
from domain.evidence import OrderEvidence
from domain.market import MarketSpec
from domain.orders import OrderTicket, Side, SubmitResult, TimeInForce
from domain.plausible import judged_evidence, judged_result
from tests.served import served
from tests.venues.kalshi import fake as kalshi
from tests.venues.polymarket import scripted as polymarket
from tests.venues.scripted import DATE, NOW, Reply, ScriptedVenue, drops, hangs, says
from venues.kalshi.checklist import checklist
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer, generate_rsa_key
from venues.polymarket.client import PolymarketClient
from venues.port import Account
from venues.wire import Timeouts

Facts = dict[str, Any]
KALSHI_SIGNER = Signer.from_pem("3d6a1b1e-0000-4000-8000-00000000000a", generate_rsa_key()[0])
_TIMEOUTS = Timeouts(connect=30.0, submit=1.5, read=1.5)


async def ask_kalshi(given: Mapping[str, Any]) -> Facts:
    """One call of `KalshiClient`."""
    venue = kalshi.FakeKalshi()
    ticket = kalshi.ticket(**_changes(given))
    known = {"$CLIENT_ID": ticket.client_order_id, "$MARKET": kalshi.MARKET, "$ORDER": "o-1"}
    async with (
        served(_app(venue)) as venue.base_url,
        KalshiClient(venue.base_url, KALSHI_SIGNER, clock=lambda: NOW, timeouts=_TIMEOUTS) as client,
    ):
        _script(venue, given, known)
        return await _asked(client, venue, given, ticket, kalshi.MARKET, "o-1", [])


async def ask_polymarket(given: Mapping[str, Any]) -> Facts:
    """One call of `PolymarketClient`."""
    venue = polymarket.Scripted()
    dead: polymarket.DeadLetters = []
    ticket = polymarket.ticket(**_changes(given))
    async with served(_app(venue)) as venue.base_url:
        venue.plays(info=given.get("info"), market=given.get("market"))
        async with PolymarketClient(
            venue.services,
            polymarket.WALLET,
            polymarket.CREDENTIALS,
            clock=lambda: NOW,
            timeouts=_TIMEOUTS,
            on_dead_letter=lambda kind, raw, why: dead.append((kind, raw, why)),
        ) as client:
            try:
                order_id = (await client.prepare(ticket)).order_id
            except SurefootError:  # what the case is about
                order_id = "0x" + "00" * 32
            known = {
                "$ORDER": order_id,
                "$CLIENT_ID": ticket.client_order_id,
                "$YES": polymarket.YES,
                "$NO": polymarket.NO,
                "$CONDITION": polymarket.CONDITION,
                "$OWNER": polymarket.OWNER,
                "$MAKER": polymarket.WALLET.maker,
            }
            _script(venue, given, known)
            return await _asked(client, venue, given, ticket, polymarket.YES, order_id, dead)


def _app(venue: ScriptedVenue) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", venue.handle)
    return app


def _changes(given: Mapping[str, Any]) -> dict[str, Any]:
    changes = dict(given.get("ticket", {}))
    for name, kind in (("size", Decimal), ("limit", Decimal), ("side", Side), ("tif", TimeInForce)):
        if name in changes:
            changes[name] = kind(changes[name])
    return changes


def _script(venue: ScriptedVenue, given: Mapping[str, Any], known: Mapping[str, str]) -> None:
    by_path: dict[tuple[str, str], list[Reply]] = {}
    for answer in given.get("answers", ()):
        method, path = filled_in(answer["at"], known).split(" ", 1)
        by_path.setdefault((method, path), []).append(_reply(answer, known))
    for (method, path), replies in by_path.items():
        venue.on(method, path, *replies)


def filled_in(text: str, known: Mapping[str, str]) -> str:
    """The text with the names of the tests' world in it."""
    for name, value in sorted(known.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(name, value)
    return text


def _reply(answer: Mapping[str, Any], known: Mapping[str, str]) -> Reply:
    if "does" in answer:
        return {"drops": drops, "hangs": hangs}[answer["does"]]
    text = answer["text"] if "text" in answer else json.dumps(answer.get("says", {}))
    body = filled_in(text, known).encode()
    status, headers = answer.get("status", 200), {k: str(v) for k, v in answer.get("headers", {}).items()}
    if "Date" not in headers:
        return says(body, status, headers)

    async def dated(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type="application/json", headers=DATE | headers)

    return dated


async def _asked(  # noqa: PLR0917 - the parts of one world
    client: KalshiClient | PolymarketClient,
    venue: ScriptedVenue,
    given: Mapping[str, Any],
    ticket: OrderTicket,
    market: str,
    order_id: str,
    dead: polymarket.DeadLetters,
) -> Facts:
    facts: Facts = {}
    for _ in range(given.get("times", 1)):
        try:
            facts = await _call(client, given, ticket, market, order_id)
        except SurefootError as refused:
            facts = {"error": type(refused).__name__, "code": refused.code, "message": refused.message}
        else:
            facts.setdefault("error", None)
    asked = Counter(f"{seen.method} {seen.path.removeprefix(venue.root)}" for seen in venue.seen)
    names = {order_id: "$ORDER", market: "$MARKET", polymarket.CONDITION: "$CONDITION"}
    facts["asked"] = {filled_in(path, names): n for path, n in asked.items()}
    facts["posts"] = sum(seen.method == "POST" for seen in venue.seen)
    facts["queries"] = sorted({f"{s.path.removeprefix(venue.root)}?{name}" for s in venue.seen for name in s.params})
    facts["dead"] = len(dead)
    return facts


async def _call(
    client: KalshiClient | PolymarketClient, given: Mapping[str, Any], ticket: OrderTicket, market: str, order_id: str
) -> Facts:
    match given["call"]:
        case "prepare":
            return of_body((await client.prepare(ticket)).body)
        case "submit":
            return of_result(judged_result(ticket, await client.submit(ticket), NOW))
        case "evidence":
            listed = await client.evidence(
                ticket,
                order_id=order_id if given.get("known") else None,
                sent_at=NOW - int(given.get("quiet_s", 0) * 1_000_000),
                grace_ms=given.get("grace_ms", 0),
            )
            return of_evidence(judged_evidence(ticket, listed, NOW))
        case "cancel":
            await client.cancel(market, order_id)
            return {}
        case "account":
            return of_account(await client.account(), market)
        case "cash":
            return {"cash": await client.cash()}
        case "market":
            return of_market(await client.market(market))
        case "quote":
            book = await client.quote(market)
            return {"bids": [list(level) for level in book.bids], "asks": [list(level) for level in book.asks]}
        case "resolution":
            return {"payout": (await client.resolution(market)).payout}
        case "limits":
            assert isinstance(client, KalshiClient)
            told = await client.configure_limits()
            return {"writes": told.write.refill_rate, "reads": told.read.refill_rate}
        case "pools":
            assert isinstance(client, KalshiClient)
            return {"pools": await client.pools()}
        case "settlements":
            assert isinstance(client, KalshiClient)
            rows = await client.settlements(market)
            return {"settlements": len(rows), "values": [row.value for row in rows]}
        case "checklist":
            assert isinstance(client, KalshiClient)
            checks = await checklist(client, given["key"])
            return {"failed": [check.name for check in checks if check.verdict == "fail"]}
        case "discover":
            assert isinstance(client, PolymarketClient)
            return await _discovered(client)
    raise AssertionError(f"no call {given['call']!r}")


def of_body(body: bytes) -> Facts:
    """The facts of the bytes that would leave."""
    said = json.loads(body)
    order = said.get("order", said)
    amounts = [Decimal(order[name]) / 1_000_000 for name in ("makerAmount", "takerAmount") if name in order]
    buying = str(order.get("side")).lower() in ("buy", "bid", "0")
    dollars, shares = (amounts if buying else reversed(amounts)) if amounts else (None, None)
    return {
        "dollars": dollars,
        "shares": shares,
        "implied": dollars / shares if dollars is not None and shares else None,
        "dollar_places": 0 if dollars is None else -int(dollars.normalize().as_tuple().exponent),
        "share_places": 0 if shares is None else -int(shares.normalize().as_tuple().exponent),
        "side": order.get("side"),
        "price": order.get("price"),
        "count": order.get("count"),
        "name": order.get("client_order_id"),
        "types": {name: type(value).__name__ for name, value in order.items()},
    }


def of_result(result: SubmitResult) -> Facts:
    """The facts of an answer to an order."""
    return {
        "verdict": result.verdict.value,
        "code": result.code,
        "detail": result.detail,
        "landed": result.landed,
        "sent": result.sent,
        "filled": result.filled,
        "remaining": result.remaining,
        "paid": result.paid,
        "fees_paid": result.fees_paid,
    }


def of_evidence(seen: OrderEvidence) -> Facts:
    """The facts of a venue's word on one order."""
    names = {polymarket.YES: "YES", polymarket.NO: "NO", kalshi.MARKET: "YES"}
    return {
        "status": seen.status.value,
        "filled": seen.filled,
        "remaining": seen.remaining,
        "complete": seen.complete,
        "provisional": seen.provisional,
        "beyond": seen.beyond,
        "fills": [f"{f.side.value} {f.size.normalize():f} {names.get(f.market, f.market)}" for f in seen.fills],
        "statuses": [f.status.value for f in seen.fills],
        "gross": sum((f.gross for f in seen.standing), Decimal(0)),
        "fees": sum((f.fee for f in seen.standing), Decimal(0)),
        "takers": [f.taker for f in seen.fills],
        "at": [f.at for f in seen.fills],
    }


def of_account(account: Account, market: str) -> Facts:
    """The facts of a whole account."""
    return {
        "cash": account.cash,
        "position": account.positions.get(market, Decimal(0)),
        "positions": len(account.positions),
        "fills": len(account.fills),
        "orders": len(account.open_orders),
        "working": sum((order.remaining for order in account.open_orders), Decimal(0)),
        "gross": sum((fill.gross for fill in account.fills), Decimal(0)),
    }


def of_market(spec: MarketSpec) -> Facts:
    """The facts of a market's rules."""
    return {
        "open": spec.open,
        "ranges": [[band.start, band.end, band.step] for band in spec.price_ranges],
        "min_size": spec.min_size,
        "size_step": spec.size_step,
        "taker": spec.fees.taker,
        "maker": spec.fees.maker,
        "outcomes": spec.outcomes,
        "pool": spec.pool,
        "delay_ms": spec.delay_ms,
        "payoff": spec.payoff,
    }


async def _discovered(client: PolymarketClient) -> Facts:
    events = [event async for event in client.discovery.events()]
    markets = [market for event in events for market in event.markets]
    return {
        "events": len(events),
        "markets": len(markets),
        "outcomes": [event.outcomes for event in events],
        "tokens": [outcome.token_id for market in markets for outcome in market.outcomes],
        "labels": [outcome.label for market in markets for outcome in market.outcomes],
        "open": [market.open for market in markets],
    }
