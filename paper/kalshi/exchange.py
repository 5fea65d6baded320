"""The exchange itself: orders in, fills and book changes out, each step durable before anyone hears of it.

One account, one thread, no waiting inside: a step reads the book, matches, books money, commits, and only then tells
the listener and returns the answer. If a commit fails, memory is ahead of the disk; the exchange then refuses
everything (503) until it is started again from the last commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from domain.errors import BadInput
from domain.market import MarketSpec
from domain.money import to_micros
from paper.core.engine import MarketEngine, Resting, Take
from paper.core.records import AccountView, BookSide, Cancelled, Order, Position, SettlementRow, ended
from paper.core.state_file import Taken
from paper.kalshi import collateral, identity, refusals
from paper.kalshi.account import Account
from paper.kalshi.groups import Groups
from paper.kalshi.history import History
from paper.kalshi.listing import Listing, Outcome, decide
from paper.kalshi.listings import Listings
from paper.kalshi.office import Office, Opening
from paper.kalshi.step import Changes, Listener
from paper.kalshi.store import Store
from recording.sources.session import BookReset, SessionEvent

T = TypeVar("T")


class Exchange:
    """`clock` gives wall-clock microseconds; `unit` is the member's balance unit in micro-dollars."""

    def __init__(self, store: Store, *, opening_cash: int, unit: int, clock: Callable[[], int]) -> None:
        self.store = store
        self.engines: dict[str, MarketEngine] = {}
        self.specs: dict[str, MarketSpec] = {}
        self.failed = False
        self._listener: Listener | None = None
        self._clock = clock
        self._last = 0
        self.applied = 0
        cash = store.get("cash")
        if cash is None:
            with store.transaction():
                store.put("cash", str(opening_cash))
                store.put("account", identity.account_id())
        self.user_id = store.get("account") or ""
        self.account = Account(int(cash) if cash is not None else opening_cash, unit, store.positions())
        self.working: dict[str, Order] = {}
        self.listings = Listings(store)
        self.office = Office(store)
        self.groups = Groups(store)
        self._order_seq, self._fill_seq, self._paid_seq = store.last_seqs()
        self.history = History(self.now(), self._view())
        self.changes = Changes()

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def wall(self) -> int:
        """Wall clock in microseconds, as it is: a signature is judged by it. On a host whose clock was an hour ahead
        for a moment, `now` stands still for an hour, and every request would be an hour old."""
        return self._clock()

    def now(self) -> int:
        """Wall clock in microseconds, never going back."""
        self._last = max(self._last, self._clock())
        return self._last

    # -- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, specs: Iterable[MarketSpec], description: str) -> None:
        """A new session: its markets replace the old ones, working orders end, nothing of its books is taken yet.

        A market that is played again trades anew; if it was decided and not paid yet, it is paid first.
        """
        specs = tuple(specs)
        with self.step():
            for order_id in tuple(self.working):
                self.end(order_id, "CloseCancel")
            for spec in specs:
                before = self.listings.get(spec.market)
                if before is not None and before.decided:
                    self._pay(before)
            self.listings.open(specs, self.now())
            self._load(specs)  # before the write, which must not save what was taken of the old books
            self.store.forget_taken()
            self.store.put("playback", description)

    def resume(self, specs: Iterable[MarketSpec]) -> dict[str, tuple[int, Taken]]:
        """The session that was playing when the process ended; returns what was taken, for `restore`.

        Working orders stay out of the books until `reopen`.
        """
        specs = tuple(specs)
        self._load(specs)
        if self.listings.adopt(specs, self.now()):
            with self.step():
                pass  # what was adopted is written with the step
        return self.store.taken()

    def restore(self, ticker: str, taken: Taken) -> None:
        """Put back what was taken of one market, at the point of the session at which it was saved."""
        self.engines[ticker].book.restore(taken)

    def reopen(self) -> None:
        """After a silent catch-up: working orders return to their books, and what they cross now trades now."""
        for order in sorted(self.store.orders(status="resting"), key=lambda o: o.seq):
            self.rest(order)
        with self.step():
            for ticker in self.engines:
                self._match(ticker)
        self.history = History(self.now(), self._view())

    def _load(self, specs: Iterable[MarketSpec]) -> None:
        self.specs = {spec.market: spec for spec in specs}
        self.engines = {ticker: MarketEngine(to_micros(spec.size_step)) for ticker, spec in self.specs.items()}
        self.applied = 0

    def apply(self, event: SessionEvent, at: int, *, silent: bool = False) -> None:
        """One recorded event, stamped `at`. `silent`: nobody is told and nothing trades (the catch-up of a restart)."""
        engine = self.engines[event.market]
        self.applied += 1
        if not self.listings.trading(event.market):
            return  # closed: the recording goes on, the market does not
        if isinstance(event, BookReset):
            engine.book.reset(event.yes, event.no)
        else:
            engine.book.change(event.side, event.price, event.delta)
        if silent:
            engine.book.drain()
            return
        if engine.resting:
            engine.shorten()
            if self.office.trading:
                with self.step(publish=False):
                    self._match(event.market)
        changes = engine.book.drain()
        if self._listener is not None:
            if isinstance(event, BookReset):
                self._listener.book_replaced(event.market)
            elif changes:
                self._listener.book_changed(event.market, changes, at)
        self._tell()

    # -- orders -----------------------------------------------------------------------------------------------------

    def receive(self, client_order_id: str, body: bytes) -> None:
        """Note bytes that arrived and will have no effect."""
        with self.step():
            self._receipt(client_order_id, body)

    def attempt(self, do: Callable[[], T], arrived: tuple[str, bytes] = ("", b"")) -> T:
        """One step that the rules may forbid: what was refused changes nothing but the record of what `arrived`.

        Raises the `Refusal` that `do` raised, once the step is durable."""
        done: list[T] = []
        refusal: refusals.Refusal | None = None
        with self.step():
            self._receipt(*arrived)
            try:
                done.append(do())
            except refusals.Refusal as error:
                refusal = error
        if refusal is not None:
            raise refusal
        return done[0]

    def next_seq(self) -> int:
        self._order_seq += 1
        return self._order_seq

    def cancel(self, order_id: str) -> Cancelled:
        """Raises `Refusal` for anything that is not working: 404, or that the order's market is closed."""
        self.office.admit("cancel")
        order = self.working.get(order_id)
        if order is None:
            known = self.store.order(order_id)
            closed = known is not None and not self.listings.trading(known.ticker)
            raise refusals.market_inactive() if closed else refusals.not_found()
        with self.step():
            gone = self.end(order_id, "Cancel")
        return Cancelled(order_id, order.client_order_id, order.remaining, gone.updated_at)

    def expire_due(self) -> int:
        """End every order whose time is up; returns when the next one's is (µs), 0 if none has one."""
        now = self.now()
        late = [order.order_id for order in self.working.values() if 0 < order.expires_at <= now]
        if late:
            with self.step():
                for order_id in late:
                    self.end(order_id, "ExpiryCancel")
        return min((order.expires_at for order in self.working.values() if order.expires_at), default=0)

    def open_as(self, opening: Opening) -> None:
        """Pause or resume. A pause ends the orders that asked for it; after one, what crosses now trades now."""
        with self.step():
            self.office.set(opening)
            if self.office.trading:
                for ticker in self.engines:
                    self._match(ticker)
            else:
                for order in [order for order in self.working.values() if order.on_pause]:
                    self.end(order.order_id, "HaltCancel")

    # -- how markets end --------------------------------------------------------------------------------------------

    def resolve(self, outcomes: Mapping[str, Outcome], timer: int) -> None:
        """Close markets whose end is known; they are determined and paid as `settle_due` is called, `timer` µs later.

        All of them or none. Raises `BadInput` for a ticker never listed and for another end than was already paid.
        """
        now = self.now()
        decided = [decide(self._listed(ticker), outcome, now, timer) for ticker, outcome in outcomes.items()]
        with self.step():
            for listing in decided:
                if self.listings.decide(listing):
                    self._shut(listing.ticker)

    def settle_due(self) -> int:
        """Take every step that is due by now; returns when the next one is (µs), 0 if there is none."""
        while due := self.listings.next_due():
            now = self.now()
            if due > now:
                break
            with self.step():
                self.listings.determine(now)
                for listing in self.listings.payable(now):
                    self._pay(listing)
        return due

    def _listed(self, ticker: str) -> Listing:
        listing = self.listings.get(ticker)
        if listing is None:
            known = ", ".join(sorted(self.specs)) or "none; play a session first"
            raise BadInput(f"{ticker} was never listed here; expected a market of the session: {known}", "market")
        return listing

    def _shut(self, ticker: str) -> None:
        for order in [order for order in self.working.values() if order.ticker == ticker]:
            self.end(order.order_id, "CloseCancel")
        if ticker in self.engines:
            self.engines[ticker].book.reset((), ())
            self.engines[ticker].book.drain()
            self.changes.emptied.append(ticker)

    def _pay(self, listing: Listing) -> None:
        now, held = self.now(), self.account.positions.get(listing.ticker, Position())
        self.listings.finalize(listing, now)
        if listing.ticker not in self.account.positions:
            return
        paid = self.account.settle(listing.ticker, listing.value, now)
        self.changes.moved.add(listing.ticker)
        if not held.shares:
            return
        self._paid_seq += 1
        self.changes.paid.append(
            SettlementRow(
                seq=self._paid_seq,
                ticker=listing.ticker,
                event=listing.spec.event,
                result=listing.result,
                shares=held.shares,
                value=listing.value,
                cost=held.cost,
                paid=paid,
                at=now,
            )
        )

    # -- the parts of a step ----------------------------------------------------------------------------------------

    def _view(self) -> AccountView:
        resting: dict[str, int] = {}
        for order in self.working.values():
            resting[order.ticker] = resting.get(order.ticker, 0) + 1
        held_back = collateral.held_back(self.account, self.specs, self.working)
        return self.account.view(held_back, resting)

    def _match(self, ticker: str) -> None:
        for order_id, take in self.engines[ticker].crossed():
            before = self.working[order_id]
            order = self.fill(before, take, taker=False)
            if order.remaining:
                self.working[order_id] = order
            else:
                del self.working[order_id]
            self.changes.note(before, order)

    def fill(self, order: Order, take: Take, *, taker: bool) -> Order:
        now = self.now()
        fees = self.specs[order.ticker].fees
        updated, fee = self.account.fill(order, take.price, take.size, fees, taker=taker, at=now)
        self._fill_seq += 1
        after = self.account.positions[order.ticker].shares
        row = identity.fill_of(updated, take, self.user_id, self._fill_seq, fee, taker, now, after)
        self.changes.fills.append(row)
        if order.group:
            self.groups.matched(order.group, take.size, now)
        self.changes.moved.add(order.ticker)
        return updated

    def rest(self, order: Order) -> None:
        self.working[order.order_id] = order
        resting = Resting(order.order_id, order.seq, order.side, order.price, order.remaining)
        self.engines[order.ticker].rest(resting)
        self.changes.moved.add(order.ticker)

    def end(self, order_id: str, reason: str) -> Order:
        before = self.working.pop(order_id)
        if before.ticker in self.engines:
            self.engines[before.ticker].remove(order_id)
            self.changes.moved.add(before.ticker)
        order = msgspec.structs.replace(ended(before, reason), updated_at=self.now())
        self.changes.note(before, order)
        return order

    def _receipt(self, client_order_id: str, body: bytes) -> None:
        if client_order_id:
            self.store.receive(client_order_id, hashlib.sha256(body).hexdigest(), self.now())

    @contextmanager
    def step(self, *, publish: bool = True) -> Iterator[None]:
        """Everything inside becomes durable as one, then (unless the caller does it) public."""
        if self.failed:
            raise refusals.unavailable("the last commit failed; restart the paper exchange")
        try:
            with self.store.transaction():
                yield
                for group in self.groups.tripped():
                    for order in [order for order in self.working.values() if order.group == group]:
                        self.end(order.order_id, "")
                self.groups.write()
                self.changes.write(self.store, self.account, self.engines, self.listings, self.applied)
        except BaseException:
            self.failed = True  # memory may be ahead of the disk: only a restart is safe
            raise
        if self.changes.of_account:
            self.history.note_account(self.now(), self._view())
            for before, order in self.changes.orders.values():
                self.history.note_order(before, order)
        if publish:
            at = self.now()
            for ticker in sorted(self.changes.moved & self.engines.keys()):
                changes = self.engines[ticker].book.drain()
                if changes and self._listener is not None:
                    self._listener.book_changed(ticker, changes, at)
            self._tell()

    def _tell(self) -> None:
        changes, self.changes = self.changes, Changes()
        if self._listener is not None:
            changes.tell(self._listener, self.listings, self.groups, self.account, self.now())

    # -- what anyone may see ----------------------------------------------------------------------------------------

    def best(self, ticker: str, side: BookSide) -> tuple[int, int] | None:
        """Best YES bid, or best YES ask (1 − best NO bid), as (YES price, size); None also for a former session's."""
        if ticker not in self.engines:
            return None
        book = self.engines[ticker].book
        if side == "bid":
            return book.best("yes")
        found = book.best("no")
        return None if found is None else (1_000_000 - found[0], found[1])

    def levels(self, ticker: str) -> Mapping[str, list[tuple[int, int]]]:
        """The visible book: bids of each side, lowest first, (price on its own side, size)."""
        if ticker not in self.engines:
            return {"yes": [], "no": []}
        book = self.engines[ticker].book
        return {"yes": book.levels("yes"), "no": book.levels("no")}
