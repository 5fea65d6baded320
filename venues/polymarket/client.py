"""Polymarket behind the venue port: submit, cancel, evidence, books, rules of a market, the account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from http import HTTPStatus

import msgspec
import structlog

from domain.errors import Denied, Rejected, SurefootError, Unavailable
from domain.evidence import ForeignOrder, OrderEvidence, Resolution
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, PreparedOrder, Purpose, Quote, Side, SubmitResult, Verdict
from domain.plausible import BEYOND_SIGNED, IMPOSSIBLE, UNDOCUMENTED
from venues.clock import ClockSkew, skew_between
from venues.polymarket.account import BALANCE_LATE_S, STALE_CACHE, Holdings, in_time
from venues.polymarket.discovery import Discovery
from venues.polymarket.errors import NOT_FOUND, judge_answer, judge_batch, read_refusal
from venues.polymarket.evidence import Orders
from venues.polymarket.journal import ChainJournal
from venues.polymarket.limits import TIERS, Cost, Endpoint, Limits
from venues.polymarket.merge import Merger
from venues.polymarket.messages import Book, CancelAnswer, RateLimitTier, demanded, plain_text
from venues.polymarket.orders import MOST_IN_BATCH, ORDER_PATH, ORDERS_PATH, batch_body, order_body
from venues.polymarket.reference import Markets
from venues.polymarket.relayer import Relayer
from venues.polymarket.rest import OnDeadLetter, PolymarketWire, Services, understood
from venues.polymarket.translate import quote_from_book, side_of
from venues.polymarket.wallet import Credentials, Wallet
from venues.port import Account
from venues.verdicts import judge_failure
from venues.wire import Timeouts, WireFailure, wall_clock_us

log = structlog.get_logger(__name__)

MOST_CANCELS = 1_000
"""Ids in one cancel: the smaller of the two figures the venue documents."""

_MOST_PREPARED = 8_192
_STRANGE = frozenset({"unparseable", "order_id_mismatch", "odd_status", IMPOSSIBLE, BEYOND_SIGNED})
"""Codes of answers that are kept as they came, for somebody to look at."""
_ONE_ORDER = Cost(Endpoint.POST_ORDER, orders=1)
_ONE_CANCEL = Cost(Endpoint.DELETE_ORDER, cancels=1)


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """What carrying out merges takes: a relayer, and the folder all processes of this wallet share."""

    relayer: Relayer
    journal: ChainJournal


class PolymarketClient:
    """A `venues.port.VenueClient` for one Polymarket account, real or paper; only base URLs and keys differ.

    `market` is an outcome token's id. `clock` is wall-clock microseconds: it stamps requests, `asked_at` and `at`.
    `tier` is the account's rate-limit tier (answers correct it). Market rules are kept for `rules_ttl_s`. An order that
    nothing knows is believed to be nowhere `silence_ms` after its last copy left, not before; trades of an order that
    is no longer listed are believed complete after `trades_lag_ms`; a balance may be late by `balance_late_s`. With
    `chain`, specs name their set, and tickets of purpose MERGE are carried out through it; without, they are denied.

    What the venue sends and nobody can read goes to `on_dead_letter(kind, raw, why)`; what follows is always the
    cautious reading. One instance, one connection pool: share it, and `close()` it (or use `async with`).

    Reads raise `Unavailable` when they could not be asked or understood, `Rejected` when the venue refused.
    """

    def __init__(
        self,
        services: Services,
        wallet: Wallet,
        credentials: Credentials,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        tier: str = "standard",
        limits: Limits | None = None,
        rules_ttl_s: float = 60.0,
        silence_ms: int = 60_000,
        trades_lag_ms: int = 5_000,
        balance_late_s: float = BALANCE_LATE_S,
        chain: ChainAccess | None = None,
        on_dead_letter: OnDeadLetter = lambda kind, raw, why: None,
    ) -> None:
        self._clock = clock
        self.wallet, self.owner = wallet, credentials.key
        self.wire = PolymarketWire(
            services, wallet.address, credentials, clock=clock, timeouts=timeouts, limits=limits or Limits(tier)
        )
        self.markets = Markets(self.wire, clock=clock, ttl_s=rules_ttl_s, mergeable=chain is not None)
        self.holdings = Holdings(self.wire, self.markets, wallet, credentials.key, on_dead_letter, balance_late_s)
        self.discovery = Discovery(self.wire, on_dead_letter)
        self._orders = Orders(
            self.wire,
            self._cancel_by_id,
            on_dead_letter,
            clock=clock,
            silence_ms=silence_ms,
            trades_lag_ms=trades_lag_ms,
        )
        self.chain = chain
        self._merger = (
            None if chain is None else Merger(wallet, chain.relayer, chain.journal, self.markets.full_set, clock=clock)
        )
        self._dead = on_dead_letter
        self._prepared: dict[OrderTicket, PreparedOrder] = {}
        self._seen_bought: dict[str, None] = {}  # purchases whose tokens the CLOB was asked to see
        self._refreshing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> PolymarketClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        await self.wire.close()
        if self.chain is not None:
            await self.chain.relayer.close()

    # --- orders ---------------------------------------------------------------------------------------------------

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        """The exact bytes `submit` sends, and the id the venue will know the order by. A pure function of the ticket,
        the account's key, and the market's version and exchange, which are read once and never change.

        Raises `Denied` for what the wire cannot carry, `Rejected` for a token the venue does not know, `Unavailable`
        when its rules cannot be read."""
        merger = self._merger_for(ticket)
        if merger is not None:
            return await merger.prepare(ticket)
        known = self._prepared.get(ticket)
        if known is not None:
            return known
        rules = await self.markets.rules(ticket.market)
        try:
            made = order_body(ticket, rules, self.wallet, self.owner)
        except Denied as refused:
            if refused.code != "off_tick":
                raise
            # The tick gets finer near 0 and 1: look again before refusing a price for it.
            rules = await self.markets.rules(ticket.market, anew=True)
            made = order_body(ticket, rules, self.wallet, self.owner)
        if len(self._prepared) >= _MOST_PREPARED:
            self._prepared.pop(next(iter(self._prepared)))
        self._prepared[ticket] = made
        return made

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Send the order once and say what the answer proves (table in `venues.polymarket.errors`). Never repeats by
        itself and never raises for an outcome. DENIED means nothing left: the ticket, the market's rules or our rate
        limit forbade it."""
        merger = self._merger_for(ticket)
        if merger is not None:
            return await merger.submit(ticket)
        try:
            prepared = await self.prepare(ticket)
            await self.wire.limits.take(_ONE_ORDER)
        except (Denied, Rejected, Unavailable) as refused:
            return self._denied(refused)
        try:
            answer = await self.wire.post(ORDER_PATH, prepared.body, _ONE_ORDER)
        except WireFailure as failure:
            return judge_failure(failure, self._clock())
        result = self._checked(
            judge_answer(prepared.order_id, ticket, answer.status, answer.body, answer.answered_at), ticket, answer.body
        )
        await self._refresh_for(ticket, result)
        return result

    async def submit_many(self, tickets: Sequence[OrderTicket]) -> list[SubmitResult]:
        """Up to 15 orders in one request, one verdict each, in order. They are not atomic: some may stand while others
        are refused. What cannot be sent is DENIED and the rest goes out without it. Raises `Denied` for more than 15.
        """
        if len(tickets) > MOST_IN_BATCH:
            raise Denied(
                f"a batch of {len(tickets)} orders; expected at most {MOST_IN_BATCH}: send several", "bad_batch"
            )
        results: dict[int, SubmitResult] = {}
        ready: list[tuple[int, PreparedOrder]] = []
        for place, ticket in enumerate(tickets):
            try:
                ready.append((place, await self.prepare(ticket)))
            except (Denied, Rejected, Unavailable) as refused:
                results[place] = self._denied(refused)
        if ready:
            sent = await self._send_batch([(tickets[place], prepared) for place, prepared in ready])
            results.update(zip((place for place, _ in ready), sent, strict=True))
        return [results[place] for place in range(len(tickets))]

    async def _send_batch(self, orders: list[tuple[OrderTicket, PreparedOrder]]) -> list[SubmitResult]:
        cost = Cost(Endpoint.POST_ORDERS, orders=len(orders))
        try:
            await self.wire.limits.take(cost)
        except (Denied, Unavailable) as refused:
            return [self._denied(refused)] * len(orders)
        try:
            answer = await self.wire.post(ORDERS_PATH, batch_body([prepared.body for _, prepared in orders]), cost)
        except WireFailure as failure:
            return [judge_failure(failure, self._clock())] * len(orders)
        named = [(prepared.order_id, ticket) for ticket, prepared in orders]
        results = judge_batch(named, answer.status, answer.body, answer.answered_at)
        checked = [self._checked(each, ticket, answer.body) for each, (ticket, _) in zip(results, orders, strict=True)]
        for each, (ticket, _) in zip(checked, orders, strict=True):
            await self._refresh_for(ticket, each)
        return checked

    async def cancel(self, market: str, order_id: str) -> None:
        """Ask for a cancel. Returning proves nothing: an order already matched, cancelled or unknown is no failure
        here, and what filled before the cancel shows later. Settle by evidence. A merge cannot be called back: asking
        for that (its `market` is a condition) does nothing."""
        if market.startswith("0x"):
            return
        await self._cancel_by_id(order_id)

    async def cancel_many(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Cancel by id, in requests as large as the venue and the cancel limit's burst allow. Answers with the reasons
        of those that were not cancelled."""
        most = min(MOST_CANCELS, int(self.wire.limits.cancels.capacity))
        reasons: dict[str, str] = {}
        for start in range(0, len(order_ids), most):
            ids = list(order_ids[start : start + most])
            body = msgspec.json.encode(ids)
            said = await self._cancel(ORDERS_PATH, body, Cost(Endpoint.DELETE_ORDERS, cancels=len(ids)))
            reasons.update(_reasons(said))
        return reasons

    async def cancel_market(self, market: str) -> list[str]:
        """Cancel every working order of ours on one token; answers with the ids that were cancelled."""
        body = msgspec.json.encode({"market": await self.markets.condition(market), "asset_id": market})
        return await self._cancel_all("/cancel-market-orders", body, Endpoint.CANCEL_MARKET)

    async def cancel_all(self) -> list[str]:
        """Cancel every working order of this API key; answers with the ids that were cancelled."""
        return await self._cancel_all("/cancel-all", b"", Endpoint.CANCEL_ALL)

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        """The venue's word on the ticket's order, its fills included; table in `venues.polymarket.evidence`.

        Without `order_id` the id is computed from the ticket; one that is given says that the order is known to have
        arrived. ABSENT needs the time since `sent_at`, a cancel by id that does not know the order, and no trade that
        names it. That cancel is sent only for an order that is listed nowhere by then; one it finds is thereby ended.
        """
        merger = self._merger_for(ticket)
        if merger is not None:
            return await merger.evidence(ticket, grace_ms=grace_ms)
        known = order_id or (await self.prepare(ticket)).order_id
        seen = await self._orders.evidence(
            known,
            await self.markets.condition(ticket.market),
            await self.markets.fees(ticket.market),
            ticket.client_order_id,
            token=ticket.market,
            landed=order_id is not None,
            sent_at=sent_at,
            grace_ms=grace_ms,
            pair=self.markets.pair(ticket.market),
        )
        if ticket.side is Side.BUY and seen.filled and seen.complete and not seen.provisional:
            self._refresh_later(known, ticket.market)
        return seen

    async def look_up(self, order_id: str) -> ForeignOrder:
        """An order of this account by the venue's id, whoever placed it, its fills included.

        Raises `Rejected` (`not_found`) when the venue lists none: it may forget orders that are long done."""
        order = await self._orders.read(order_id)
        if order is None:
            raise Rejected(
                f"order {order_id} is not listed; expected an order of this account: check the id, and whether it was "
                "placed with this account's API key",
                NOT_FOUND,
            )
        fees = await self.markets.fees(order.asset_id)
        found = await self._orders.evidence(
            order.id, order.market, fees, "", token=order.asset_id, landed=True, sent_at=self._clock(), grace_ms=0
        )
        try:
            side, limit = side_of(order.side), demanded(order.price, "price")
            size = demanded(order.original_size, "original_size")
        except ValueError as wrong:
            raise Unavailable(f"order {order_id} cannot be understood ({wrong})", "unparseable") from None
        return ForeignOrder(Venue.POLYMARKET, order.id, "", order.asset_id, side, size, limit, found)

    # --- markets --------------------------------------------------------------------------------------------------

    async def quote(self, market: str) -> Quote:
        """The whole book of one token, best first, with our clock around the read."""
        book, answer = await self.wire.get(Book, "/book", Endpoint.BOOK, {"token_id": market})
        return quote_from_book(market, book, asked_at=answer.asked_at, answered_at=answer.answered_at)

    async def market(self, market: str) -> MarketSpec:
        """Grid, minimum, fees, group and state of one outcome token."""
        return await self.markets.spec(market)

    async def fees(self, market: str) -> FeeSchedule:
        """The fee curve of a token's market."""
        return await self.markets.fees(market)

    def forget_rules(self, market: str) -> None:
        """The token's tick changed: the next look, and the next order, ask anew."""
        self.markets.forget(market)

    async def resolution(self, market: str) -> Resolution:
        """What a share of the token pays once its market is closed with a winner: 1, 0, or 0.5 if it ended even."""
        return await self.markets.resolution(market)

    # --- account --------------------------------------------------------------------------------------------------

    async def cash(self) -> Decimal:
        """Dollars that may be spent now; what working purchases hold back is not in it."""
        return await self.holdings.cash()

    async def account(self) -> Account:
        """Cash, positions by token, working orders, all trades and merges; see `venues.polymarket.account`."""
        merged = self._merger.merged() if self._merger is not None else ()  # read first: the balances follow it
        account = await self.holdings.account(merged)
        return replace(account, fills=tuple(sorted((*account.fills, *merged), key=in_time))) if merged else account

    async def refresh_balances(self, markets: Sequence[str]) -> None:
        """Have the CLOB read these tokens and our collateral again from the chain, as far as that can be had."""
        for token in dict.fromkeys(("", *markets)):
            await self.holdings.refresh(token)

    # --- the connection itself ------------------------------------------------------------------------------------

    async def configure_limits(self) -> str:
        """Read this account's rate-limit tier and keep to it from now on; answers with it. Call once, before trading.

        A tier this code does not know changes nothing."""
        said, _ = await self.wire.get(RateLimitTier, "/v1/user/rate-limit-tier", Endpoint.AUTH, private=True)
        tier = (said.tier or "").lower()
        if tier in TIERS and tier != self.wire.limits.tier:
            self.wire.limits.retier(tier)
        return self.wire.limits.tier

    async def clock_skew(self) -> ClockSkew:
        """How far the venue's clock is from ours, from `GET /time` (whole seconds). Requests are stamped with ours."""
        answer = await self.wire.read("/time", Endpoint.CLOB)
        try:
            text = plain_text(msgspec.Raw(answer.body.strip()))
            server_at = int(text) * 1_000_000
        except ValueError:
            raise Unavailable(
                f"GET /time: {answer.body[:80]!r}; expected seconds since the epoch", "unparseable"
            ) from None
        return skew_between(server_at, answer.asked_at, answer.answered_at)

    async def _cancel_by_id(self, order_id: str) -> str:
        """ "" if the order was cancelled by this very request, else the venue's reason why not."""
        body = msgspec.json.encode({"orderID": order_id})
        try:
            said = await self._cancel(ORDER_PATH, body, _ONE_CANCEL)
        except Rejected as refused:
            if refused.code != NOT_FOUND:
                raise
            return refused.message
        if order_id.lower() in (each.lower() for each in said.canceled or ()):
            return ""
        return _reasons(said).get(order_id) or next(iter(_reasons(said).values()), "not cancelled, and no reason given")

    async def _cancel_all(self, path: str, body: bytes, endpoint: Endpoint) -> list[str]:
        ended = list((await self._cancel(path, body, Cost(endpoint, cancels=1))).canceled or ())
        self.wire.limits.cancelled(len(ended))
        return ended

    async def _cancel(self, path: str, body: bytes, cost: Cost) -> CancelAnswer:
        answer = await self.wire.delete(path, body, cost)
        if answer.status != HTTPStatus.OK:
            raise read_refusal(f"DELETE {path}", answer.status, answer.body)
        return understood(CancelAnswer, f"DELETE {path}", answer)

    def _checked(self, result: SubmitResult, ticket: OrderTicket, body: bytes) -> SubmitResult:
        """The result, with what must not pass in silence said aloud."""
        if result.code == "order_id_mismatch":
            log.error(
                "the venue names another order id than the digest of what was signed; expected never to happen: stop "
                "trading this venue and compare the signed fields",
                order=ticket.client_order_id,
                detail=result.detail,
            )
        if result.code in _STRANGE or result.code.startswith(UNDOCUMENTED):
            self._dead("order_answer", body, result.detail)
        return result

    async def _refresh_for(self, ticket: OrderTicket, result: SubmitResult) -> None:
        """A balance that the venue finds too small may be one that it keeps from before a fill. It is read again before
        anybody hears of the refusal, so that the next try is judged by what there is."""
        if result.code in STALE_CACHE:
            await self.holdings.refresh(ticket.market if ticket.side is Side.SELL else "")

    def _refresh_later(self, order_id: str, token: str) -> None:
        """What was bought is on chain: have it seen, once an order, before it is to be sold. Nobody waits for that."""
        if order_id in self._seen_bought:
            return
        if len(self._seen_bought) >= _MOST_PREPARED:
            self._seen_bought.pop(next(iter(self._seen_bought)))
        self._seen_bought[order_id] = None
        task = asyncio.create_task(self.refresh_balances([token]))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    def _merger_for(self, ticket: OrderTicket) -> Merger | None:
        """Who carries a ticket out that is no order; None for orders, and where no wallet for it is configured."""
        return self._merger if ticket.purpose is Purpose.MERGE else None

    def _denied(self, refused: SurefootError) -> SubmitResult:
        return SubmitResult(Verdict.DENIED, refused.code, refused.message, sent=False, at=self._clock())


def _reasons(said: CancelAnswer) -> dict[str, str]:
    return {order_id: str(why) for order_id, why in (said.not_canceled or {}).items()}
