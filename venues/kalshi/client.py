"""Kalshi behind the venue port: submit, cancel, evidence, quotes, rules of a market, the account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import quote as quoted

from domain.errors import Denied, Rejected, Unavailable
from domain.evidence import Fill, ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.fees import FeeSchedule
from domain.market import MarketSpec
from domain.orders import OrderTicket, PreparedOrder, Quote, SubmitResult, Verdict
from venues.kalshi.collateral import held_back
from venues.kalshi.errors import MARKET_INACTIVE, judge_answer, read_refusal
from venues.kalshi.messages import (
    AccountLimits,
    Balance,
    EventAnswer,
    ExchangeStatus,
    FillsPage,
    MarketAnswer,
    Order,
    OrderAnswer,
    OrderbookAnswer,
    OrdersPage,
    PositionsPage,
    SeriesAnswer,
    UserDataTimestamp,
)
from venues.kalshi.orders import CREATE_PATH, order_body
from venues.kalshi.rest import RestWire
from venues.kalshi.signing import Signer
from venues.kalshi.translate import (
    cash_of,
    fee_schedule,
    fill_from_row,
    foreign_order,
    market_spec,
    micros_of,
    name_of,
    order_evidence,
    outcomes_of,
    quote_from_levels,
    resolution_of,
)
from venues.port import Account, OpenOrder
from venues.token_bucket import TokenBucket
from venues.verdicts import judge_failure
from venues.wire import Timeouts, WireFailure, wall_clock_us

_NOT_FOUND = "not_found"
_RECENT_MICROS = 3_600_000_000  # how far before `sent_at` the first, cheap listing looks


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Venue's clock minus ours, in microseconds; the truth lies within `offset` ± `error`."""

    offset: int
    error: int


class KalshiClient:
    """A `venues.port.VenueClient` for one Kalshi account, real or paper; only base URL and key differ.

    `clock` is wall-clock microseconds and stamps signatures, `asked_at` and `at`. `balance_unit` is the unit the
    venue rounds this member's balance to ($0.0001 direct, $0.01 others). Market rules are kept for `rules_ttl_s`.
    One instance, one connection pool: share it, and `close()` it (or use `async with`).

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
    ) -> None:
        self._wire = RestWire(base_url, signer, clock=clock, timeouts=timeouts, reads=reads, writes=writes)
        self._clock = clock
        self._unit = balance_unit
        self._rules_ttl = int(rules_ttl_s * 1_000_000)
        self._rules: dict[str, tuple[int, MarketSpec]] = {}
        self._events: dict[str, tuple[int, FeeSchedule, int]] = {}

    async def __aenter__(self) -> KalshiClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    # --- orders ---------------------------------------------------------------------------------------------------

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        """The exact bytes `submit` sends. Raises `Denied` for a ticket the wire cannot carry."""
        return PreparedOrder(order_body(ticket))

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Send the order once and say what the answer proves (table in `venues.kalshi.errors`). Never repeats by
        itself and never raises for an outcome. DENIED means nothing left: the ticket, or our rate limit, forbade it.
        """
        try:
            content = order_body(ticket)
            await self._wire.take_write("POST", CREATE_PATH)
        except (Denied, Unavailable) as refused:
            return SubmitResult(Verdict.DENIED, refused.code, refused.message, sent=False, at=self._clock())
        try:
            answer = await self._wire.post_order(CREATE_PATH, content)
        except WireFailure as failure:
            return judge_failure(failure, self._clock())
        return judge_answer(ticket.client_order_id, answer.status, answer.body, answer.answered_at)

    async def cancel(self, market: str, order_id: str) -> None:
        """Ask for a cancel. Returning proves nothing: the venue answers 404 alike for a cancelled, an executed and an
        unknown order, and its answer may describe another order. Settle by evidence. A market past its close takes no
        cancels and ends its orders itself, so that refusal is no failure either."""
        path = f"{CREATE_PATH}/{_segment(order_id)}"
        params: dict[str, str | int] = {"market_ticker": market, "exchange_index": -1}
        answer = await self._wire.delete(path, params)
        if answer.status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            return
        refusal = read_refusal(f"DELETE {path}", answer.status, answer.body)
        gone = answer.status == HTTPStatus.NOT_FOUND or refusal.code == MARKET_INACTIVE
        if not (isinstance(refusal, Rejected) and gone):
            raise refusal

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        """The venue's word on the ticket's order, its fills included.

        With an order id the order itself is read, and ABSENT is never answered: an id is proof that it landed. Without
        one, the market's orders are listed (the venue has no look-up by client order id) after asking how fresh its
        user data is. ABSENT needs that freshness to lie past `sent_at + grace_ms` *and* a listing of the market's
        orders without a time limit: a first copy may be much older than the last. All else not found is UNSEEN.
        Reads lag writes here: an order just finished may still be listed as RESTING.
        """
        if order_id is not None:
            known = await self._read_order(order_id)
            if known is None:
                return OrderEvidence(ticket.client_order_id, OrderStatus.UNSEEN, order_id=order_id)
            return await self._explain(known, ticket, fresh_at=0)
        fresh_at = await self._user_data_fresh_at()
        since = max(0, sent_at - _RECENT_MICROS) // 1_000_000
        found = await self._find_order(ticket, {"ticker": ticket.market, "min_ts": since})
        conclusive = fresh_at >= sent_at + grace_ms * 1000
        if found is None and conclusive:
            found = await self._find_order(ticket, {"ticker": ticket.market})
        if found is not None:
            return await self._explain(found, ticket, fresh_at=fresh_at)
        status = OrderStatus.ABSENT if conclusive else OrderStatus.UNSEEN
        return OrderEvidence(ticket.client_order_id, status, fresh_at=fresh_at)

    async def look_up(self, order_id: str) -> ForeignOrder:
        """An order of this account by the venue's id, whoever placed it, its fills included.

        Raises `Rejected` (`not_found`) when the venue lists none. An order placed a moment ago may not be listed yet,
        so the answer is worth asking for twice.
        """
        order = await self._read_order(order_id)
        if order is None:
            raise Rejected(
                f"order {order_id} is not listed; expected an order of this account: check the id, and whether it was "
                "placed with this account's key on this exchange",
                _NOT_FOUND,
            )
        return foreign_order(order, await self._fills_of(order, name_of(order)))

    # --- markets --------------------------------------------------------------------------------------------------

    async def quote(self, market: str) -> Quote:
        """The whole book, best first, with our clock around the read."""
        path = f"/markets/{_segment(market)}/orderbook"
        book, answer = await self._wire.get_answer(path, OrderbookAnswer)
        return quote_from_levels(market, book.orderbook_fp, asked_at=answer.asked_at, answered_at=answer.answered_at)

    async def market(self, market: str) -> MarketSpec:
        """Tick bands, fees and state of one market, from market, event and series; kept for `rules_ttl_s` while it is
        open. One that is not may open at any moment, so it is asked for each time."""
        now = self._clock()
        kept = self._rules.get(market)
        if kept is not None and 0 <= now - kept[0] < self._rules_ttl:
            return kept[1]
        listed = (await self._wire.get(f"/markets/{_segment(market)}", MarketAnswer)).market
        spec = market_spec(listed, *await self._event_rules(listed.event_ticker, now))
        if spec.open:
            self._rules[market] = (now, spec)
        return spec

    async def resolution(self, market: str) -> Resolution:
        """What the market has paid: a payout once it is finalized, which is when positions have been paid out.

        A result that is only determined may still be disputed and amended, so it counts for nothing here.
        Source: docs.kalshi.com/getting_started/market_lifecycle.
        """
        return resolution_of((await self._wire.get(f"/markets/{_segment(market)}", MarketAnswer)).market)

    # --- account --------------------------------------------------------------------------------------------------

    async def cash(self) -> Decimal:
        """Dollars that may be spent now, over all exchange shards; what working orders hold back is not in it."""
        return cash_of(await self._wire.get("/portfolio/balance", Balance))

    async def account(self) -> Account:
        """Cash, positions, working orders and all fills the venue still lists (about three months), over all pages.

        Fills are read before orders, so that every fill listed finds its order and with it its client order id. Markets
        that were paid out are left out of the positions, as the venue lists them by default. The four reads are not one
        snapshot: compare accounts while nothing trades, or again."""
        rows = {}
        for fills in await self._wire.pages("/portfolio/fills", FillsPage):
            for row in fills.fills or ():
                rows[row.trade_id or row.fill_id] = row
        orders: dict[str, Order] = {}
        for listed in await self._wire.pages("/portfolio/orders", OrdersPage):
            orders.update((order.order_id, order) for order in listed.orders or ())
        positions: dict[str, Decimal] = {}
        for held in await self._wire.pages("/portfolio/positions", PositionsPage):
            positions.update((row.ticker, row.position_fp) for row in held.market_positions or ())
        resting = [order for order in orders.values() if order.status == "resting"]
        client_ids = {order_id: name_of(order) for order_id, order in orders.items()}
        return Account(
            cash=await self.cash() + held_back(resting, positions),
            positions={market: shares for market, shares in positions.items() if shares},
            open_orders=tuple(
                OpenOrder(order.order_id, name_of(order), order.ticker, order.remaining_count_fp) for order in resting
            ),
            fills=_in_time(tuple(fill_from_row(row, client_ids.get(row.order_id, "")) for row in rows.values())),
        )

    # --- the connection itself ------------------------------------------------------------------------------------

    async def configure_limits(self) -> AccountLimits:
        """Read this account's rate limits and keep to them from now on. Call once, before trading."""
        limits = await self._wire.get("/account/limits", AccountLimits)
        self._wire.reads.resize(rate=limits.read.refill_rate, capacity=limits.read.bucket_capacity)
        self._wire.writes.resize(rate=limits.write.refill_rate, capacity=limits.write.bucket_capacity)
        return limits

    async def clock_skew(self) -> ClockSkew:
        """How far the venue's clock is from ours, from the Date header of one answer (whole seconds).

        Beyond a few seconds the venue refuses our signatures. Raises `Unavailable` if the answer has no Date."""
        _, answer = await self._wire.get_answer("/exchange/status", ExchangeStatus)
        if not answer.server_at:
            raise Unavailable("the venue's answer has no Date header; its clock cannot be compared", "no_date")
        # The answer was written between asked_at and answered_at, at a time from server_at to a second later.
        low, high = answer.server_at - answer.answered_at, answer.server_at + 1_000_000 - answer.asked_at
        return ClockSkew(offset=(low + high) // 2, error=(high - low + 1) // 2)

    async def _read_order(self, order_id: str) -> Order | None:
        try:
            path = f"/portfolio/orders/{_segment(order_id)}"
            return (await self._wire.get(path, OrderAnswer)).order
        except Rejected as refused:
            if refused.code == _NOT_FOUND:
                return None
            raise

    async def _find_order(self, ticket: OrderTicket, params: dict[str, str | int]) -> Order | None:
        for page in await self._wire.pages("/portfolio/orders", OrdersPage, params):
            for order in page.orders or ():
                if name_of(order) == ticket.client_order_id:
                    return order
        return None

    async def _explain(self, order: Order, ticket: OrderTicket, *, fresh_at: int) -> OrderEvidence:
        mine = ticket.client_order_id
        if name_of(order) != mine or order.ticker != ticket.market:
            raise Rejected(
                f"order {order.order_id} is {name_of(order)} in {order.ticker}; expected {mine} in "
                f"{ticket.market}: the order id belongs to another order",
                "not_ours",
            )
        return order_evidence(order, mine, await self._fills_of(order, mine), fresh_at=fresh_at)

    async def _fills_of(self, order: Order, client_order_id: str) -> tuple[Fill, ...]:
        rows = {}
        if order.fill_count_fp:
            for page in await self._wire.pages("/portfolio/fills", FillsPage, {"order_id": order.order_id}):
                for row in page.fills or ():
                    if row.order_id == order.order_id:
                        rows[row.trade_id or row.fill_id] = row
        return _in_time(tuple(fill_from_row(row, client_order_id) for row in rows.values()))

    async def _user_data_fresh_at(self) -> int:
        """The venue's user-data time on our clock, in microseconds; never later than it really is.

        Where the Date header proves the venue's clock to be ahead of ours, the lead is taken off: a fast clock there
        must not make a stale listing look fresh."""
        stamp, answer = await self._wire.get_answer("/exchange/user_data_timestamp", UserDataTimestamp)
        lead = max(0, answer.server_at - answer.answered_at) if answer.server_at else 0
        return micros_of(stamp.as_of_time) - lead

    async def _event_rules(self, event: str, now: int) -> tuple[FeeSchedule, int]:
        """What all markets of an event share: their fees, and how many there are if they exclude each other."""
        kept = self._events.get(event)
        if kept is not None and 0 <= now - kept[0] < self._rules_ttl:
            return kept[1], kept[2]
        answer = await self._wire.get(f"/events/{_segment(event)}", EventAnswer)
        series = (await self._wire.get(f"/series/{_segment(answer.event.series_ticker)}", SeriesAnswer)).series
        fees, outcomes = fee_schedule(answer.event, series, self._unit), outcomes_of(answer)
        self._events[event] = (now, fees, outcomes)
        return fees, outcomes


def _segment(text: str) -> str:
    return quoted(text, safe="")


def _in_time(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.at, fill.trade_id)))
