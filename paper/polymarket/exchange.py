"""The Polymarket side itself: markets, books, wallets, orders and trades, each step durable before anyone hears of it.

One thread, no waiting inside a step. If a commit fails, memory is ahead of the disk, and everything is refused until
the exchange is started again from the last commit.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec

from paper.core.book import ONE
from paper.core.engine import MarketEngine, Resting, Take
from paper.core.filling import split
from paper.core.state_file import Taken
from paper.polymarket import accounts, refusals, settlement
from paper.polymarket.caches import Caches
from paper.polymarket.conditions import Market, Markets, listed
from paper.polymarket.matching import LOT, taker_fee
from paper.polymarket.modes import Modes
from paper.polymarket.records import ClobOrder, ClobTrade, Side, Wallet
from paper.polymarket.settlement import Destiny, Pace
from paper.polymarket.step import Changes, ClobListener, OrderNews
from paper.polymarket.store import ClobStore
from paper.polymarket.street import Meeting, Part, making, taking
from recording.sources.session import BookReset, Session, SessionEvent

_IDS = uuid.UUID("9c6d5f0a-3f53-5c0c-9a56-0b7a2f6f8c11")  # namespace of trade ids and of the street's; never change it


class Clob:
    """`opening_cash` is what a wallet has when it is first seen (micro-dollars); `clock` gives microseconds."""

    def __init__(
        self, store: ClobStore, *, opening_cash: int, pace: Pace, modes: Modes, clock: Callable[[], int]
    ) -> None:
        self.store = store
        self.pace = pace
        self.modes = modes
        self.opening_cash = opening_cash
        self.failed = False
        self.applied = 0
        self.listener: ClobListener | None = None
        self.choose_destiny: Callable[[ClobOrder], Destiny] = lambda order: Destiny()
        self.has_company: Callable[[ClobOrder], bool] = lambda order: False
        self.caches = Caches()
        self._clock = clock
        self._last = 0
        self.markets = Markets(store.markets())
        self.wallets = store.wallets()
        self.engines: dict[str, MarketEngine] = {}
        self.working: dict[str, ClobOrder] = {}
        self.unfinished: dict[str, ClobTrade] = {trade.trade_id: trade for trade in store.unfinished()}
        self._order_seq, self._trade_seq = store.last_seqs()
        self._changes = Changes()

    def wall(self) -> int:
        """Wall clock in microseconds, as it is: a signature is judged by it. On a host whose clock was an hour ahead
        for a moment, `now` stands still for an hour, and every request would be an hour old."""
        return self._clock()

    def now(self) -> int:
        """Wall clock in microseconds, never going back."""
        self._last = max(self._last, self._clock())
        return self._last

    # -- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, session: Session, description: str) -> None:
        """A new session: its markets replace the old ones, working orders end, nothing of its books is taken yet."""
        now = self.now()
        markets = listed(session, now)
        with self.step():
            for order in tuple(self.working.values()):
                self.end(order, "CANCELED", "the session was replaced")
            for market in self.markets.all():
                if market.value >= 0 and not market.paid_at:
                    self._pay(market)
            fresh = {market.id for market in markets}
            for market in self.markets.all():
                if market.trading and market.id not in fresh:
                    self.markets.put(msgspec.structs.replace(market, closed_at=now))
            for market in markets:
                self.markets.put(market)
                self._changes.news.append((market, "new_market", 0))
            self._load(markets)
            self.store.forget_taken()
            self.store.put("playback", description)

    def resume(self, session: Session, description: str) -> dict[str, tuple[int, Taken]]:
        """The session that was playing when the process ended; what was taken, for `restore`. Working orders stay out
        of the books until `reopen`."""
        if self.store.get("playback") != description:  # the end came between the two sides' beginnings
            self.begin(session, description)
            return {}
        known = [self.markets.get(market.id) for market in listed(session, self.now())]
        self._load([market for market in known if market is not None])
        return self.store.taken()

    def restore(self, condition: str, taken: Taken) -> None:
        self.engines[condition].book.restore(taken)

    def reopen(self) -> None:
        """After a silent catch-up: working orders return to their books, at the end of the line. An order that was in
        its delay when the process ended is cancelled: the time it waited for is gone."""
        with self.step():
            for order in sorted(self.store.orders(working=True), key=lambda o: o.seq):
                self.working[order.order_id] = order
                if order.status == "DELAYED" or order.condition not in self.engines:
                    self.end(order, "CANCELED", "ORDER_TIMED_OUT")
                else:
                    self._stand(order)
            for condition in self.engines:
                self._match(condition)

    def _load(self, markets: list[Market]) -> None:
        self.engines = {market.id: MarketEngine(LOT) for market in markets}
        self.applied = 0

    def apply(self, event: SessionEvent, at: int, *, silent: bool = False) -> None:
        """One recorded event, stamped `at`. `silent`: nobody is told and nothing trades."""
        market = self.markets.of_token(event.market)
        assert market is not None
        engine, first = self.engines[market.id], market.index(event.market) == 0
        self.applied += 1
        if not market.trading:
            return
        if isinstance(event, BookReset):
            engine.book.reset(*((event.yes, event.no) if first else (event.no, event.yes)))
        else:
            side = event.side if first else "no" if event.side == "yes" else "yes"
            engine.book.change(side, event.price, event.delta)
        if silent:
            engine.book.drain()
            return
        if engine.resting:
            engine.shorten()
            with self.step(publish=False):
                self._match(market.id)
        changes = engine.book.drain()
        if self.listener is not None:
            if isinstance(event, BookReset):
                self.listener.book_replaced(market)
            elif changes:
                self.listener.book_changed(market, changes, at)
        self._tell()

    def print(self, token: str, side: Side, price: int, size: int) -> None:
        """Somebody else's trade: a taker's `side` of `token` at `price`. Resting orders in its way have their turn."""
        market = self.markets.of_token(token)
        if market is None or not market.trading:
            return
        sold = market.book_side(token, side) == "ask"
        level = market.in_book(token, price) if sold else ONE - market.in_book(token, price)
        with self.step():
            for order_id, take in self.engines[market.id].printed("yes" if sold else "no", level, size):
                self._filled_resting(order_id, take)

    # -- wallets ----------------------------------------------------------------------------------------------------

    def wallet(self, address: str, keeper: str, kind: int) -> Wallet:
        """The wallet at an address, opened with its cash when it is first seen. Inside a step."""
        found = self.wallets.get(address)
        if found is None:
            found = Wallet(address=address, keeper=keeper, kind=kind, cash=self.opening_cash, paid_in=self.opening_cash)
            self.keep(found)
        return found

    def keep(self, wallet: Wallet) -> None:
        self.wallets[wallet.address] = wallet
        self._changes.rich.add(wallet.address)

    def wallet_of(self, keeper: str, kind: int) -> Wallet | None:
        return next((w for w in self.wallets.values() if w.keeper == keeper and w.kind == kind), None)

    # -- orders: the parts of a step --------------------------------------------------------------------------------

    def next_order(self) -> int:
        self._order_seq += 1
        return self._order_seq

    def note(self, order: ClobOrder, news: OrderNews) -> ClobOrder:
        self._changes.note(order, news)
        if order.working:
            self.working[order.order_id] = order
        else:
            self.working.pop(order.order_id, None)
        return order

    def rest(self, order: ClobOrder) -> None:
        self._stand(order)
        self._changes.moved.add(order.condition)

    def _stand(self, order: ClobOrder) -> None:
        market = self.markets.get(order.condition)
        assert market is not None
        side, price = market.book_side(order.token, order.side), market.in_book(order.token, order.price)
        self.engines[order.condition].rest(Resting(order.order_id, order.seq, side, price, order.remaining))

    def end(
        self, order: ClobOrder, status: Literal["CANCELED", "CANCELED_MARKET_RESOLVED"], reason: str = ""
    ) -> ClobOrder:
        """A working order is over."""
        if order.condition in self.engines:
            self.engines[order.condition].remove(order.order_id)
            self._changes.moved.add(order.condition)
        ended = msgspec.structs.replace(order, status=status, reason=reason, updated_at=self.now())
        return self.note(ended, "CANCELLATION")

    def take(self, order: ClobOrder, takes: Sequence[Take], makers: int = 1) -> ClobOrder:
        """An incoming order takes a level, or several of them in one trade; at each of them stand so many makers."""
        for take in takes:
            self.engines[order.condition].take(take)
        return self._trade(order, split(takes, makers, LOT), taker=True)

    def _match(self, condition: str) -> None:
        for order_id, take in self.engines[condition].crossed():
            self._filled_resting(order_id, take)

    def _filled_resting(self, order_id: str, take: Take) -> None:
        order = self._trade(self.working[order_id], (take,), taker=False)
        if not order.remaining:
            order = msgspec.structs.replace(order, status="MATCHED")
        self.note(order, "UPDATE")

    def _trade(self, order: ClobOrder, takes: Sequence[Take], *, taker: bool) -> ClobOrder:
        market = self.markets.get(order.condition)
        assert market is not None
        now = self.now()
        parts = tuple(Part(market.in_book(order.token, take.price), take.size) for take in takes)
        size = sum(part.size for part in parts)
        fee = sum(taker_fee(market, part.price, part.size) for part in parts) if taker else 0
        value = sum(part.size * part.price // ONE for part in parts)
        bought = order.side == "BUY"
        trade_id = str(uuid.uuid5(_IDS, f"{order.order_id}/{len(order.trades)}"))
        self._trade_seq += 1
        meeting = Meeting(order, market, trade_id, parts)
        cross = self._trade_seq % 2 == 0
        company = not taker and self.has_company(order)
        other = taking(meeting, cross=cross) if taker else making(meeting, cross=cross, company=company)
        destiny = self.choose_destiny(order)
        due = now + max(1, self.pace.mine) + destiny.later
        if destiny.cached:
            self.caches.keep(self.wallets[order.account], order.token, due + destiny.cached, now)
        trade = ClobTrade(
            seq=self._trade_seq,
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            owner=order.owner,
            keeper=order.keeper,
            condition=order.condition,
            token=order.token,
            outcome=market.outcome(order.token),
            side=order.side,
            price=parts[-1].price,
            size=size,
            fee=fee,
            cash=(-value if bought else value) - fee,
            shares=size if bought else -size,
            taker=taker,
            taker_order_id=other.taker_order_id,
            taker_token=other.taker_token,
            taker_outcome=market.outcome(other.taker_token),
            taker_side=other.taker_side,
            taker_price=other.taker_price,
            makers=other.makers,
            taker_size=sum(row.matched for row in other.makers) if company else 0,
            status="MATCHED",
            fate=self.pace.fate(trade_id) if destiny.fate is None else destiny.fate,
            matched_at=now,
            updated_at=now,
            due=due,
        )
        self._changes.trades[trade_id] = self.unfinished[trade_id] = trade
        self._changes.prints.append(trade)
        self._changes.moved.add(order.condition)
        self.markets.put(msgspec.structs.replace(market, last_price=takes[-1].price, last_side=trade.taker_side))
        return msgspec.structs.replace(
            order,
            matched=order.matched + size,
            spent=order.spent + (value if bought else 0),
            trades=(*order.trades, trade_id),
            updated_at=now,
        )

    # -- what time brings -------------------------------------------------------------------------------------------

    def settle_due(self) -> int:
        """Take every step of settlement, expiry and payment due by now; returns when the next is (µs), 0 if none."""
        while due := self._next_due():
            now = self.now()
            if due > now:
                break
            with self.step():
                for trade in [t for t in self.unfinished.values() if t.due <= now]:
                    self._advance(trade, now)
                for order in [o for o in self.working.values() if o.expires_at and o.expires_at <= now]:
                    self.end(order, "CANCELED", "EXPIRED_ORDER")
                for market in self.markets.all():
                    if market.settles_at and not market.paid_at and market.settles_at <= now:
                        self._pay(market)
        return due

    def _next_due(self) -> int:
        dues = [trade.due for trade in self.unfinished.values()]
        dues += [order.expires_at for order in self.working.values() if order.expires_at]
        dues += [market.settles_at for market in self.markets.all() if market.settles_at and not market.paid_at]
        return min(dues, default=0)

    def _advance(self, trade: ClobTrade, now: int) -> None:
        after = settlement.step(trade, self.pace, now)
        wallet = self.wallets[trade.account]
        if after.settled and not trade.settled:
            self.keep(accounts.mined(wallet, after))
        elif trade.settled and not after.settled:
            self.keep(accounts.reverted(wallet, after))
        self._changes.trades[after.trade_id] = after
        if after.due:
            self.unfinished[after.trade_id] = after
        else:
            del self.unfinished[after.trade_id]

    def resolve(self, values: dict[str, int], timer: int) -> None:
        """End markets: what the first token of each condition pays (micro-dollars); it is paid `timer` µs later."""
        now = self.now()
        with self.step():
            for condition, value in values.items():
                market = self.markets.get(condition)
                assert market is not None
                if market.paid_at or market.value == value:
                    continue
                for order in [o for o in self.working.values() if o.condition == condition]:
                    self.end(order, "CANCELED_MARKET_RESOLVED")
                decided = msgspec.structs.replace(
                    market, value=value, closed_at=market.closed_at or now, settles_at=now + max(1, timer)
                )
                self.markets.put(decided)
                self._changes.news.append((decided, "market_resolved", 0))
                if condition in self.engines:
                    self.engines[condition].book.reset((), ())
                    self.engines[condition].book.drain()
                    self._changes.emptied.add(condition)

    def set_tick(self, market: Market, tick: int) -> None:
        with self.step():
            changed = msgspec.structs.replace(market, tick=tick)
            self.markets.put(changed)
            self._changes.news.append((changed, "tick_size_change", market.tick))

    def _pay(self, market: Market) -> None:
        """Winning shares are redeemed for everybody at once. What is not mined yet is mined first, or fails first."""
        now = self.now()
        while open_trades := [t for t in self.unfinished.values() if t.condition == market.id]:
            for trade in open_trades:
                self._advance(trade, now)
        for wallet in tuple(self.wallets.values()):
            if any(token in wallet.tokens for token in market.tokens):
                self.keep(accounts.redeemed(wallet, market))
        self.markets.put(msgspec.structs.replace(market, paid_at=now))

    # -- one step ---------------------------------------------------------------------------------------------------

    @contextmanager
    def step(self, *, publish: bool = True) -> Iterator[None]:
        """Everything inside becomes durable as one, then (unless the caller does it) public."""
        if self.failed:
            raise refusals.failed()
        try:
            with self.store.transaction():
                yield
                self._changes.write(self.store, self.wallets, self.markets, self.engines, self.applied)
        except BaseException:
            self.failed = True  # memory may be ahead of the disk: only a restart is safe
            raise
        if publish:
            for condition in sorted(self._changes.moved & self.engines.keys()):
                changes, market = self.engines[condition].book.drain(), self.markets.get(condition)
                if changes and market is not None and self.listener is not None:
                    self.listener.book_changed(market, changes, self.now())
            self._tell()

    def _tell(self) -> None:
        told, self._changes = self._changes, Changes()
        if self.listener is not None:
            told.tell(self.listener, self.markets)
