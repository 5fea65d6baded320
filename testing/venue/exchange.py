"""The model exchange: books anybody may set, matching, money, settlement of markets, and faults on demand.

    venue = FakeVenue(clock, {A: MarketSpec(…), B: MarketSpec(…)}, venue=Venue.KALSHI)
    venue.set_book(A, bids=[("0.38", "50")], asks=[("0.40", "50")])
    venue.script("submit", None, Fault.LOST_AFTER)   # the first submit goes well, the answer of the second is lost
    venue.flow(A, Side.SELL, "3", "0.38")            # somebody else sells into the bids, ours among them
    venue.resolve(A, "1")                            # the market pays

Deterministic: the same calls at the same times give the same answers. It never loses count, so `account()` is the
truth that a trade's own story is held against.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from heapq import heappop, heappush

import msgspec

from domain.errors import Rejected, Unavailable
from domain.evidence import Fill, FillStatus, ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.fees import RoundingAccumulator
from domain.market import MarketSpec, Venue
from domain.money import to_micros
from domain.orders import OrderTicket, PreparedOrder, Purpose, Quote, Side, SubmitResult, TimeInForce, Verdict
from domain.snapshot import Arrival
from testing.venue.books import Books, Money, take, within
from testing.venue.budget import Budget
from testing.venue.faults import Fault, Faults
from testing.venue.manners import Manners
from testing.venue.matching import Match, met
from testing.venue.orders import Placed, Word
from testing.venue.purse import Purse
from venues.port import Account, OpenOrder

_ZERO = Decimal(0)


class FakeVenue:
    """A `venues.port.VenueClient`. `clock` is microseconds; `lag_ms` how far order reads, `fills_lag_ms` how much
    further the lists of fills, lie behind what happened; a lagging read shows the order as it was then.

    It gives credit: neither cash nor shares of its `purse` are checked (script a `REJECT` for that). `malformed` are
    the orders refused as off grid, lot or minimum.

    With `in_collateral` an order that takes and buys is for the dollars of its size at its limit, as at Polymarket: at
    better prices it fills more shares than asked. Without `shorts` nothing is sold that is not held. Its answers state
    what was paid and charged exactly; with `averages` they have averages only, as Kalshi's do.

    `word` makes fills provisional until the venue's final word; `listing` may reorder or repeat the fills of one read;
    `filled` is told of each fill as it happens; `manners` are how it treats orders.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        specs: Mapping[str, MarketSpec],
        cash: Decimal = Decimal(1000),
        *,
        venue: Venue,
        word: Word | None = None,
        listing: Callable[[tuple[Fill, ...]], tuple[Fill, ...]] | None = None,
        filled: Callable[[Fill], object] = lambda fill: None,
        in_collateral: bool = False,
        shorts: bool = True,
        averages: bool = False,
        manners: Manners | None = None,
    ):
        self.clock = clock
        self.specs = dict(specs)
        self.venue = venue
        self.purse = Purse(cash)
        self.lag_ms = self.fills_lag_ms = 0
        self.word, self.listing, self.filled = word, listing, filled
        self.in_collateral = in_collateral
        self.shorts = shorts
        self.manners = manners or Manners()
        self.averages = averages
        self.arrivals: dict[str, Arrival] = {}
        self.malformed: list[OrderTicket] = []
        self.payouts: dict[str, Resolution] = {}
        self.books = Books()
        self._placed: dict[str, Placed] = {}
        self._sequence = itertools.count()
        self._words: list[tuple[int, int, Placed, int, FillStatus]] = []
        self._faults = Faults()

    # ------------------------------------------------------------------ what the world does

    def set_book(
        self, market: str, bids: Iterable[tuple[Money, Money]] = (), asks: Iterable[tuple[Money, Money]] = ()
    ) -> None:
        """Levels as (price, size), best first. What a BUY takes are the asks. What crosses our resting orders fills
        them, at their own limits."""
        self.books.put(market, bids, asks)
        for order in self.books.resting_in(market):
            levels = self.books.levels(market, order.ticket.side)
            while levels and order.working and order.better_or_equal(levels[0][0]):
                size = min(order.working, take(levels, order.working))
                self._trade(order, [(order.ticket.limit, size)], taker=False)

    def flow(self, market: str, side: Side, size: Money, limit: Money) -> Decimal:
        """An order of somebody else takes what stands, at a price the levels of the book before ours. Returns how much
        of it ours were."""
        wanted, bound = Decimal(size), Decimal(limit)
        levels = self.books.levels(market, side)
        ours = _ZERO
        while wanted > 0:
            mine = self.books.best_resting(market, side.opposite)
            at_book = levels[0][0] if levels and within(side, levels[0][0], bound) else None
            at_mine = mine.ticket.limit if mine and within(side, mine.ticket.limit, bound) else None
            if at_book is None and at_mine is None:
                break
            if mine is None or at_mine is None or (at_book is not None and within(side, at_book, at_mine)):
                wanted -= take(levels, wanted)
            else:
                part = min(wanted, mine.working)
                self._trade(mine, [(mine.ticket.limit, part)], taker=False)
                wanted -= part
                ours += part
        return ours

    def cancel_resting(self, market: str, *, keep: Decimal = _ZERO) -> int:
        """The exchange itself takes our orders out of a market's book, or all but the share `keep` of each. Returns how
        many that touched."""
        resting = self.books.resting_in(market)
        for order in resting:
            order.working = (order.working * keep).quantize(Decimal("0.01"), ROUND_DOWN)
            if not order.working:
                self._die(order)
        return len(resting)

    def set_open(self, market: str, is_open: bool) -> None:
        """Trading in the market goes on or pauses. Orders rest through a pause, and can be cancelled in it."""
        self.specs[market] = replace(self.specs[market], open=is_open and market not in self.payouts)

    def resolve(self, market: str, payout: Money) -> None:
        """Close the market for good and pay `payout` dollars a share: working orders die, positions become cash.
        Final words still due on its fills are spoken first."""
        due = sorted(word for word in self._words if word[2].ticket.market == market)
        self._words = sorted(word for word in self._words if word[2].ticket.market != market)
        for _, _, order, n, status in due:
            self._speak(order, n, status)
        for order in self.books.resting_in(market):
            self._die(order)
        paid = Decimal(payout)
        self.payouts[market] = Resolution(market, paid, self.clock())
        self.specs[market] = replace(self.specs[market], open=False)
        self.purse.pay_out(market, paid)

    def place_by_hand(
        self, market: str, side: Side, size: Money, limit: Money, tif: TimeInForce = TimeInForce.IOC
    ) -> Placed:
        """An order of our account that no trade sent."""
        name = f"by-hand-{len(self._placed) + 1}"
        ticket = OrderTicket(
            "", "", 0, Purpose.ADOPTED, self.venue, market, side, Decimal(size), Decimal(limit), tif, foreign_id=name
        )
        order = self._place(ticket)
        self._match(order, ticket.size)
        self._rest(order, order.ticket.size - order.filled if ticket.rests else _ZERO)
        return order

    def script(self, call: str, *faults: Fault | None) -> None:
        """One entry for each coming call of that method; None and whatever is not scripted goes well."""
        self._faults.script(call, faults)

    def placed(self) -> Iterable[Placed]:
        """Every order the exchange ever took, oldest first."""
        return self._placed.values()

    # ------------------------------------------------------------------ the port: orders

    def body(self, ticket: OrderTicket) -> bytes:
        return msgspec.json.encode(ticket)

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        return PreparedOrder(self.body(ticket))

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        return self.arrive(ticket)

    def arrive(self, ticket: OrderTicket) -> SubmitResult:
        """`submit` at the moment its bytes reach the exchange."""
        self._turn()
        fault, now = self._faults.take("submit"), self.clock()
        if fault is Fault.UNAVAILABLE:
            return SubmitResult(Verdict.DENIED, "rate_limited", "our own limit keeps it back", sent=False, at=now)
        if fault is Fault.LOST_BEFORE:
            return SubmitResult(Verdict.UNKNOWN, "disconnected", "the connection was lost", at=now)
        self._arrived(ticket, now)
        if fault is Fault.REJECT:
            return self._refused("insufficient_balance")
        if ticket.purpose is Purpose.MERGE:
            return self._merge(ticket)
        if (code := self._refusal(ticket)) is not None:
            if code == "invalid_order":
                self.malformed.append(ticket)
            return self._refused(code)
        if ticket.client_order_id in self._placed:
            return SubmitResult(Verdict.UNKNOWN, "order_already_exists", "an earlier copy is here", landed=True, at=now)
        if ticket.side is Side.SELL and not self.shorts and self.purse.held[ticket.market] < ticket.size:
            return self._refused("insufficient_shares")
        if (code := self.books.refuses(ticket)) is not None:
            return self._refused(code)
        order = self._place(ticket)
        half = fault in (Fault.PARTIAL, Fault.WORKS, Fault.RESTS)
        crossed = self._match(order, _half(ticket.size) if half else ticket.size)
        works_on = fault in (Fault.WORKS, Fault.RESTS) or (ticket.rests and not crossed)
        self._rest(order, max(ticket.size - order.filled, _ZERO) if works_on else _ZERO)
        if fault in (Fault.LOST_AFTER, Fault.RESTS):
            return SubmitResult(Verdict.UNKNOWN, "timeout", "no answer in time", at=now)
        return self._accepted(order, _half(order.filled) if fault is Fault.MISCOUNT else order.filled)

    async def cancel(self, market: str, order_id: str) -> None:
        self._read("cancel")
        for order in self.books.resting:
            if order.order_id == order_id:
                self._die(order)
                return

    def _refusal(self, ticket: OrderTicket) -> str | None:
        """Why the market takes no such order, whatever its id."""
        spec = self.specs.get(ticket.market)
        if spec is None or not spec.open:
            return "market_closed"
        unsound = ticket.size < spec.min_size or ticket.size % spec.size_step or not spec.on_grid(ticket.limit)
        return "invalid_order" if unsound else None

    def _refused(self, code: str) -> SubmitResult:
        return SubmitResult(Verdict.REJECTED, code, f"refused: {code}", at=self.clock())

    def _accepted(self, order: Placed, told: Decimal) -> SubmitResult:
        gross = sum((fill.gross for fill in order.fills), _ZERO)
        fee = sum((fill.fee for fill in order.fills), _ZERO)
        price, each = (gross / order.filled, fee / order.filled) if order.filled else (None, None)
        exact = told == order.filled and not self.averages  # an answer that miscounts has no sum for its count
        return SubmitResult(
            Verdict.ACCEPTED,
            order_id=order.order_id,
            filled=told,
            remaining=order.working,
            average_price=price,
            average_fee=each,
            at=self.clock(),
            paid=gross if exact else None,
            fees_paid=fee if exact else None,
        )

    def _merge(self, ticket: OrderTicket) -> SubmitResult:
        """Hand complete sets back: a share of each market of the set, for the payoff. It is final at once."""
        if ticket.client_order_id in self._placed:
            there = "an earlier copy is here"
            return SubmitResult(Verdict.UNKNOWN, "order_already_exists", there, landed=True, at=self.clock())
        markets = [market for market, spec in self.specs.items() if spec.set_id == ticket.market]
        if not markets or any(market in self.payouts for market in markets):
            return self._refused("market_closed")
        if any(self.purse.held[market] < ticket.size for market in markets):
            return self._refused("insufficient_shares")
        order = self._place(ticket)
        order.sets = True
        for n, market in enumerate(markets):  # the first carries the payoff: a third of a dollar has no exact price
            price = ticket.limit if n == 0 else _ZERO
            self.purse.book(order.hand_back(market, price, ticket.size, order.at))
        self._die(order)
        return self._accepted(order, ticket.size)

    # ------------------------------------------------------------------ the port: reads

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        self._read("evidence")
        now = self.clock()
        fresh = now - self.lag_ms * 1000
        order = self._placed.get(ticket.client_order_id)
        if order is None or order.at > fresh:
            absent = order_id is None and fresh >= sent_at + grace_ms * 1000
            status = OrderStatus.ABSENT if absent else OrderStatus.UNSEEN
            return OrderEvidence(ticket.client_order_id, status, fresh_at=fresh, at=now)
        seen = order.as_listed(fresh, fresh - self.fills_lag_ms * 1000, now)
        return replace(seen, fills=self.listing(seen.fills)) if self.listing is not None and seen.fills else seen

    async def quote(self, market: str) -> Quote:
        """The book, our own resting orders in it like anybody's."""
        self._read("quote")
        now = self.clock()
        bids, asks = self.books.shown(market)
        return Quote(market, bids, asks, now, now)

    async def market(self, market: str) -> MarketSpec:
        self._read("market")
        if market not in self.specs:
            raise Rejected(f"{market}: no such market", "not_found")
        return self.specs[market]

    def forget_rules(self, market: str) -> None:
        """It keeps none: `specs` is asked every time."""

    async def cash(self) -> Decimal:
        self._read("cash")
        return self.purse.cash

    async def account(self) -> Account:
        self._turn()
        fills = sorted((f for o in self._placed.values() for f in o.fills), key=lambda f: (f.at, f.trade_id))
        working = tuple(
            OpenOrder(o.order_id, o.ticket.client_order_id, o.ticket.market, o.working) for o in self.books.resting
        )
        return Account(self.purse.cash, {m: n for m, n in self.purse.held.items() if n}, working, tuple(fills))

    async def resolution(self, market: str) -> Resolution:
        self._read("resolution")
        return self.payouts.get(market, Resolution(market))

    async def look_up(self, order_id: str) -> ForeignOrder:
        self._read("look_up")
        for order in self._placed.values():
            if order.order_id == order_id:
                return order.as_foreign(self.venue, self.clock())
        raise Rejected(f"{order_id}: no such order in this account", "not_found")

    # ------------------------------------------------------------------ parts

    def _place(self, ticket: OrderTicket) -> Placed:
        spec = self.specs.get(ticket.market) or next(s for s in self.specs.values() if s.set_id == ticket.market)
        charges = RoundingAccumulator(to_micros(spec.fees.unit))
        order = Placed(ticket, f"o-{len(self._placed) + 1}", self.clock(), charges, spec.fees)
        self._placed[ticket.client_order_id] = order
        return order

    def _match(self, order: Placed, wanted: Decimal) -> bool:
        """Trade with what it meets, one fill a match or one for all of them. Returns whether it met a resting order of
        ours."""
        pays = Budget(order.ticket, in_dollars=self.in_collateral)
        matches, met_own = met(self.books, pays, wanted, self.manners, self._die)
        if len(matches) > 1 and self.manners.in_one_row(order.ticket, len(matches)):
            self._trade(order, matches, taker=True)
        else:
            for match in matches:
                self._trade(order, [match], taker=True)
        return met_own

    def _trade(self, order: Placed, matches: list[Match], *, taker: bool) -> None:
        fill = order.fill(matches, self.clock(), taker=taker, provisional=self.word is not None)
        if not taker:
            order.working -= fill.size
        self.purse.book(fill)
        self.filled(fill)
        if self.word is not None:
            wait_ms, status = self.word(fill)
            n = len(order.fills) - 1
            heappush(self._words, (fill.at + wait_ms * 1000, next(self._sequence), order, n, status))
        if not taker and not order.working:
            self._die(order)

    def _rest(self, order: Placed, working: Decimal) -> None:
        order.working = working
        if working:
            self.books.resting.append(order)
        else:
            order.dead_at = self.clock()

    def _die(self, order: Placed) -> None:
        order.working, order.dead_at = _ZERO, self.clock()
        self.books.remove(order)

    def _turn(self) -> None:
        self.speak(self.clock())

    def speak(self, until: int) -> None:
        """Say every final word that is due by then."""
        while self._words and self._words[0][0] <= until:
            _, _, order, n, status = heappop(self._words)
            self._speak(order, n, status)

    def _speak(self, order: Placed, n: int, status: FillStatus) -> None:
        fill = order.fills[n]
        order.fills[n] = replace(fill, status=status)
        if status is FillStatus.VOID:
            self.purse.undo(fill)

    def _arrived(self, ticket: OrderTicket, now: int) -> None:
        digest = hashlib.sha256(self.body(ticket)).hexdigest()
        seen = self.arrivals.get(ticket.client_order_id, Arrival(ticket.client_order_id, 0, (), now))
        bodies = tuple(dict.fromkeys((*seen.sha256, digest)))
        self.arrivals[ticket.client_order_id] = Arrival(seen.client_order_id, seen.times + 1, bodies, seen.first_at)

    def _read(self, call: str) -> None:
        self._turn()
        if self._faults.take(call) is not None:
            raise Unavailable(f"the venue did not answer {call}; asking again is safe", "unavailable")


def _half(size: Decimal) -> Decimal:
    return (size / 2).quantize(Decimal("0.01"), ROUND_DOWN)
