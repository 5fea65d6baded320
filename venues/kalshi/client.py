"""Kalshi behind the venue port: submit, cancel, evidence, quotes, rules of a market, the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from http import HTTPStatus

import structlog

from domain.errors import Denied, Rejected, Unavailable
from domain.evidence import ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.market import MarketSpec
from domain.orders import OrderTicket, PreparedOrder, Quote, SubmitResult, Verdict
from domain.plausible import IMPOSSIBLE
from venues.clock import ClockSkew, skew_between
from venues.kalshi.collateral import held_back
from venues.kalshi.errors import MARKET_INACTIVE, PAUSED, judge_answer, read_refusal
from venues.kalshi.exchange import ExchangeDesk
from venues.kalshi.exchange_messages import ExchangeStatus
from venues.kalshi.groups import OrderGroups
from venues.kalshi.limits import Costs
from venues.kalshi.messages import (
    AccountLimits,
    Balance,
    EndpointCosts,
    FillsPage,
    MarketAnswer,
    Order,
    OrderbookAnswer,
    OrdersPage,
    PositionsPage,
    Settlement,
    SettlementsPage,
)
from venues.kalshi.order_messages import ApiKeys, Transfer
from venues.kalshi.orders import CREATE_PATH, order_body
from venues.kalshi.recovery import NOT_FOUND, OrderFinder, in_time
from venues.kalshi.rest import API_ROOT, RestWire, segment
from venues.kalshi.rules import MarketRules
from venues.kalshi.shards import Transfers, balances_of
from venues.kalshi.signing import Signer
from venues.kalshi.translate import (
    cash_of,
    fill_from_row,
    foreign_order,
    name_of,
    order_dead,
    order_evidence,
    quote_from_levels,
    resolution_of,
    side_of,
)
from venues.kalshi.working import WorkingOrders
from venues.port import Account, OpenOrder
from venues.token_bucket import TokenBucket
from venues.verdicts import judge_failure
from venues.wire import Timeouts, WireFailure, wall_clock_us

BALANCE_LATE_S = 5.0
"""How late balance and positions may be behind the fills listed beside them. Reads lag writes here: one 360 ms after an
acknowledged cancel did not know of it (recorded), and the venue itself says how fresh they are only "roughly"
(`/exchange/user_data_timestamp`). There is no refresh to ask for."""

ATTESTED = frozenset({"sports", "esports", "elections", "politics", "entertainment"})
"""Categories that a key may trade only while its holder's location is attested (changelog of 2026-08-16)."""

log = structlog.get_logger(__name__)

_RECENT_MICROS = 3_600_000_000  # how far before `sent_at` the first, cheap listing looks


class KalshiClient:
    """A `venues.port.VenueClient` for one Kalshi account, real or paper; only base URL and key differ.

    `clock` is wall-clock microseconds and stamps signatures, `asked_at` and `at`. `balance_unit` is the unit the
    venue rounds this member's balance to ($0.0001 direct, $0.01 others). Market rules are kept for `rules_ttl_s`.
    `group_ids` names, by exchange shard, the order group that orders opening a trade join; orders that close or bound
    what is open never do, since a group that was triggered refuses them.
    One instance, one connection pool: share it, and `close()` it (or use `async with`).

    `exchange`, `working`, `groups` and `transfers` are what the venue offers beyond the port.
    Reads raise `Unavailable` when they could not be asked or understood, `Rejected` when the venue refused.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        reads: TokenBucket | None = None,
        writes: TokenBucket | None = None,
        balance_unit: Decimal = Decimal("0.0001"),
        rules_ttl_s: float = 60.0,
        group_ids: Mapping[int, str] | None = None,
        balance_late_s: float = BALANCE_LATE_S,
    ) -> None:
        self._late_us = round(balance_late_s * 1_000_000)
        self.wire = RestWire(base_url, signer, clock=clock, timeouts=timeouts, reads=reads, writes=writes)
        self.exchange = ExchangeDesk(self.wire)
        self.working = WorkingOrders(self.wire, clock)
        self.groups = OrderGroups(self.wire)
        self.transfers = Transfers(self.wire)
        self._clock = clock
        self._rules = MarketRules(self.wire, balance_unit, rules_ttl_s)
        self._finder = OrderFinder(self.wire)
        self.group_ids = dict(group_ids or {})

    async def __aenter__(self) -> KalshiClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.wire.close()

    # --- orders ---------------------------------------------------------------------------------------------------

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        """The exact bytes `submit` sends. Raises `Denied`, naming the nearest value that would do, for a ticket that
        the wire cannot carry or that the market's rules, as far as they are known here, forbid."""
        try:
            self._rules.refuse_unsound(ticket)
        except Denied:
            await self._look_again(ticket)
        return PreparedOrder(await self._body(ticket))

    async def _look_again(self, ticket: OrderTicket) -> None:
        """The grid may have changed since its rules were read, and an order must not be refused for that. What cannot
        be read now forbids nothing: the venue has the last word."""
        self._rules.forget(ticket.market)
        try:
            await self._rules.spec(ticket.market)
        except (Unavailable, Rejected):
            return
        self._rules.refuse_unsound(ticket)

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Send the order once and say what the answer proves (table in `venues.kalshi.errors`). Never repeats by
        itself and never raises for an outcome. DENIED means nothing left: the ticket, or our rate limit, forbade it.
        """
        try:
            self.working.refuse_swept()
            content = await self._body(ticket)
            await self.wire.take_write("POST", CREATE_PATH)
        except (Denied, Rejected, Unavailable) as refused:
            return SubmitResult(Verdict.DENIED, refused.code, refused.message, sent=False, at=self._clock())
        try:
            answer = await self.wire.post_order(CREATE_PATH, content)
        except WireFailure as failure:
            return judge_failure(failure, self._clock())
        result = judge_answer(ticket.client_order_id, answer.status, answer.body, answer.answered_at, ticket)
        return await self._with_pause(ticket.market, result) if result.code in PAUSED else result

    async def _body(self, ticket: OrderTicket) -> bytes:
        group = ""
        if self.group_ids and ticket.purpose.entry:
            shard = await self._rules.shard(ticket.market)
            group = self.group_ids.get(shard, "") if shard is not None else ""
        return order_body(ticket, group)

    async def _with_pause(self, market: str, result: SubmitResult) -> SubmitResult:
        """A refusal because of a pause, and when that ends, if the exchange says so."""
        self.exchange.look_again()
        try:
            pause = await self.exchange.pause(self._rules.known_shard(market))
        except (Unavailable, Rejected):
            pause = None
        return replace(result, detail=f"{result.detail}; {pause}") if pause else result

    async def cancel(self, market: str, order_id: str) -> None:
        """Ask for a cancel. Returning proves nothing: the venue answers 404 alike for a cancelled, an executed and an
        unknown order, and its answer may describe another order. Settle by evidence. A market past its close takes no
        cancels and ends its orders itself, so that refusal is no failure either."""
        path = f"{CREATE_PATH}/{segment(order_id)}"
        params: dict[str, str | int] = {"market_ticker": market, "exchange_index": -1}
        answer = await self.wire.delete(path, params)
        if answer.status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            return
        refusal = read_refusal(f"DELETE {path}", answer.status, answer.body)
        gone = answer.status == HTTPStatus.NOT_FOUND or refusal.code == MARKET_INACTIVE
        if isinstance(refusal, Rejected) and refusal.code in PAUSED:
            # An exchange pause takes no cancels (a trading pause does): what rests still rests, so it is asked again.
            raise Unavailable(f"{refusal.message}; ask again after the pause", "paused")
        if not (isinstance(refusal, Rejected) and gone):
            raise refusal

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        """The venue's word on the ticket's order, its fills included.

        With an order id the order itself is read, and ABSENT is never answered: an id is proof that it landed, unless
        it turns out to be another order's. An id that is not listed may have been told wrongly too: then the order is
        looked for by its own name, and what is not found is UNSEEN.

        Without an id, the market's orders are listed (the venue has no look-up by client order id) after asking how
        fresh its user data is, which is never fresher than its answer. ABSENT needs that freshness to lie past `sent_at
        + grace_ms` *and* a listing of the market's orders without a time limit, the historical one included unless the
        order is too young to be in it: a first copy may be much older than the last. All else not found is UNSEEN.
        Reads lag writes here: an order just finished may still be listed as RESTING.
        """
        mine, since = ticket.client_order_id, ticket.decided_at
        if order_id is not None:
            known = await self._finder.by_id(order_id, market=ticket.market, since=since)
            if known is None:
                known = await self._finder.by_name(ticket.market, mine)
            if known is None:
                known = await self._finder.by_name_in_history(ticket.market, mine, since=since)
            if known is None:
                return OrderEvidence(mine, OrderStatus.UNSEEN, order_id=order_id)
            if name_of(known) == mine and known.ticker == ticket.market:
                return await self._explain(known, ticket, fresh_at=0)
            # An answer has named another order's id before (changelog 2026-05-21): then it is no id of ours.
            log.warning(
                "an order id is another order's; looking by our own", order=mine, id=order_id, is_=name_of(known)
            )
        fresh_at = await self._finder.fresh_at()
        recent = max(0, sent_at - _RECENT_MICROS) // 1_000_000
        found = await self._finder.by_name(ticket.market, mine, since_s=recent)
        conclusive = fresh_at >= sent_at + grace_ms * 1000
        if found is None and conclusive:
            found = await self._finder.by_name(ticket.market, mine)
        if found is None and conclusive:
            found = await self._finder.by_name_in_history(ticket.market, mine, since=since)
        if found is not None:
            return await self._explain(found, ticket, fresh_at=fresh_at)
        status = OrderStatus.ABSENT if conclusive else OrderStatus.UNSEEN
        return OrderEvidence(mine, status, fresh_at=fresh_at)

    async def look_up(self, order_id: str) -> ForeignOrder:
        """An order of this account by the venue's id, whoever placed it, its fills included.

        Raises `Rejected` (`not_found`) when the venue lists none. An order placed a moment ago may not be listed yet,
        so the answer is worth asking for twice.
        """
        order = await self._finder.by_id(order_id)
        if order is None:
            raise Rejected(
                f"order {order_id} is not listed; expected an order of this account: check the id, and whether it was "
                "placed with this account's key on this exchange",
                NOT_FOUND,
            )
        return foreign_order(order, await self._finder.fills_of(order, name_of(order)))

    async def _explain(self, order: Order, ticket: OrderTicket, *, fresh_at: int) -> OrderEvidence:
        mine = ticket.client_order_id
        # A row without a direction is ours by its name; its fills, which must have one, are held against the ticket.
        side = side_of(order) if order.book_side or order.outcome_side or order.side else ticket.side
        if order.ticker != ticket.market or side is not ticket.side:
            raise Unavailable(
                f"order {order.order_id} carries our name {mine} and is a {side} in {order.ticker}; expected "
                f"a {ticket.side} in {ticket.market}: ask again",
                IMPOSSIBLE,
            )
        fills = await self._finder.fills_of(order, mine)
        return order_evidence(order, mine, fills, fresh_at=fresh_at, ticket=ticket)

    # --- markets --------------------------------------------------------------------------------------------------

    async def quote(self, market: str) -> Quote:
        """The whole book, best first, with our clock around the read."""
        path = f"/markets/{segment(market)}/orderbook"
        book, answer = await self.wire.get_answer(path, OrderbookAnswer)
        return quote_from_levels(market, book.orderbook_fp, asked_at=answer.asked_at, answered_at=answer.answered_at)

    async def market(self, market: str) -> MarketSpec:
        """Tick bands, fees, shard (`pool`) and state of one market, kept for `rules_ttl_s` while it is open.

        Raises `Unavailable` (code `paused`), saying until when, while an open market's exchange takes no orders."""
        spec = await self._rules.spec(market)
        if spec.open:
            await self.exchange.refuse_pause(self._rules.known_shard(market))
        return spec

    def forget_rules(self, market: str) -> None:
        """The market said that its rules changed (another grid): the next look asks anew. From any thread."""
        self._rules.forget(market)

    async def resolution(self, market: str) -> Resolution:
        """What the market has paid: a payout once it is finalized, which is when positions have been paid out.

        A result that is only determined may still be disputed and amended, so it counts for nothing here. A market
        settled long ago is read from the historical listing.
        Source: docs.kalshi.com/getting_started/market_lifecycle.
        """
        try:
            found = await self.wire.get(f"/markets/{segment(market)}", MarketAnswer)
        except Rejected as refused:
            if refused.code != NOT_FOUND:
                raise
            found = await self.wire.get(f"/historical/markets/{segment(market)}", MarketAnswer)
        return resolution_of(found.market)

    # --- account --------------------------------------------------------------------------------------------------

    async def cash(self) -> Decimal:
        """Dollars that may be spent now, over all exchange shards; what working orders hold back is not in it."""
        return cash_of(await self._balance())

    async def pools(self) -> dict[str, Decimal]:
        """The same by exchange shard, named by its number: an order is paid from its market's shard alone."""
        return {str(shard): held for shard, held in balances_of(await self._balance()).items()}

    async def shard(self, market: str) -> int | None:
        """The exchange shard a market trades on, None where the venue does not say."""
        return await self._rules.shard(market)

    async def attested_until(self) -> int | None:
        """Until when (µs) the holder of the key has attested where they are; None where nobody says."""
        lapses = (await self.wire.get("/api_keys", ApiKeys)).api_key_region_expiration_ts
        return None if lapses is None else lapses * 1_000_000

    async def needs_attestation(self, market: str) -> bool:
        """Whether a market may be traded only while the location is attested: by its series' category, and where none
        is named. Whether esports are sports to the venue is not established; they count as such."""
        category = await self._rules.category(market)
        return not category or category in ATTESTED

    async def pending_transfers(self) -> list[Transfer]:
        """Money on its way between shards; none where the venue offers no transfers."""
        try:
            return [one for one in await self.transfers.list() if one.status == "pending"]
        except Rejected:
            return []

    async def account(self) -> Account:
        """Cash, positions, working orders and all fills the venue still lists (about three months), over all pages.

        Fills are read before orders, so that every fill listed finds its order and with it its client order id. Markets
        that were paid out are left out of the positions, as the venue lists them by default. The four reads are not one
        snapshot: compare accounts while nothing trades, or again."""
        rows = {}
        for fills in await self.wire.pages("/portfolio/fills", FillsPage):
            for row in fills.fills or ():
                rows[row.trade_id or row.fill_id] = row
        orders: dict[str, Order] = {}
        for listed in await self.wire.pages("/portfolio/orders", OrdersPage):
            orders.update((order.order_id, order) for order in listed.orders or ())
        positions: dict[str, Decimal] = {}
        for held in await self.wire.pages("/portfolio/positions", PositionsPage):
            positions.update((row.ticker, row.position_fp) for row in held.market_positions or ())
        resting = [order for order in orders.values() if not order_dead(order)]
        client_ids = {order_id: name_of(order) for order_id, order in orders.items()}
        return Account(
            cash=await self.cash() + held_back(resting, positions),
            positions={market: shares for market, shares in positions.items() if shares},
            open_orders=tuple(
                OpenOrder(order.order_id, name_of(order), order.ticker, order.remaining_count_fp) for order in resting
            ),
            fills=in_time(tuple(fill_from_row(row, client_ids.get(row.order_id, "")) for row in rows.values())),
            late_us=self._late_us,
        )

    async def settlements(self, market: str = "") -> list[Settlement]:
        """What positions were paid, newest first, over all pages; of one market, or of all."""
        params = {"ticker": market} if market else {}
        pages = await self.wire.pages("/portfolio/settlements", SettlementsPage, params)
        return [row for page in pages for row in page.settlements or ()]

    async def _balance(self) -> Balance:
        return await self.wire.get("/portfolio/balance", Balance)

    # --- the connection itself ------------------------------------------------------------------------------------

    async def configure_limits(self) -> AccountLimits:
        """Read this account's rate limits and the costs of requests, and keep to them from now on. Call once, before
        trading; without an answer on costs the documented ones stay in force."""
        limits = await self.wire.get("/account/limits", AccountLimits)
        self.wire.reads.resize(rate=limits.read.refill_rate, capacity=limits.read.bucket_capacity)
        self.wire.writes.resize(rate=limits.write.refill_rate, capacity=limits.write.bucket_capacity)
        try:
            told = await self.wire.get("/account/endpoint_costs", EndpointCosts)
        except (Rejected, Unavailable):
            return limits
        listed = [(one.method, one.path.removeprefix(API_ROOT), one.cost) for one in told.endpoint_costs or ()]
        self.wire.costs = Costs(listed, told.default_cost)
        return limits

    async def clock_skew(self) -> ClockSkew:
        """How far the venue's clock is from ours, from the Date header of one answer (whole seconds).

        Beyond a few seconds the venue refuses our signatures. Raises `Unavailable` if the answer has no Date."""
        try:
            _, answer = await self.wire.get_answer("/exchange/status", ExchangeStatus)
        except (Rejected, Unavailable):  # a status that is no longer offered tells no time; what trading needs does
            _, answer = await self.wire.get_answer("/portfolio/balance", Balance)
        if not answer.server_at:
            raise Unavailable("the venue's answer has no Date header; its clock cannot be compared", "no_date")
        return skew_between(answer.server_at, answer.asked_at, answer.answered_at)
