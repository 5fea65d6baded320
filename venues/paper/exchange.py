"""The exchange itself: orders in, fills and book changes out, each step durable before anyone hears of it.

One account, one thread, no waiting inside: a step reads the book, matches, books money, commits, and only then tells
the listener and returns the answer. If a commit fails, memory is ahead of the disk; the exchange then refuses
everything (503) until it is started again from the last commit.

Order and trade ids are UUIDv5 of account, client order id and fill number: the same request, replayed after a crash
that came before the commit, gets the same ids.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Protocol

import msgspec

from domain.market import MarketSpec
from domain.money import from_micros, to_micros
from venues.paper import collateral, refusals
from venues.paper.account import Account
from venues.paper.book import Change
from venues.paper.engine import MarketEngine, Resting, Take
from venues.paper.history import History
from venues.paper.records import AccountView, BookSide, FillRow, Order
from venues.paper.request import OrderRequest
from venues.paper.store import Store, Taken
from venues.recording.session import BookReset, SessionEvent

_IDS = uuid.UUID("3b1d3f0c-7a70-5f0e-8d4f-5b8f5f6f0d21")  # namespace of order and trade ids; never change it


class Listener(Protocol):
    """Hears what happened, after it is durable. `at` is exchange time in microseconds."""

    def book_changed(self, ticker: str, changes: list[Change], at: int) -> None: ...

    def book_replaced(self, ticker: str) -> None: ...

    def filled(self, fill: FillRow) -> None: ...

    def order_changed(self, order: Order) -> None: ...


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`reduced_by`: how much of the order was still working, in micros; `at`: when it was taken out."""

    order_id: str
    client_order_id: str
    reduced_by: int
    at: int


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
        self._applied = 0
        cash = store.get("cash")
        if cash is None:
            with store.transaction():
                store.put("cash", str(opening_cash))
                store.put("account", str(uuid.uuid5(_IDS, "account")))
        self.user_id = store.get("account") or ""
        self.account = Account(int(cash) if cash is not None else opening_cash, unit, store.positions())
        self.working: dict[str, Order] = {}
        self._order_seq, self._fill_seq = store.last_seqs()
        self.history = History(self.now(), self._view())
        self._orders: dict[str, tuple[Order | None, Order]] = {}
        self._fills: list[FillRow] = []
        self._moved: set[str] = set()

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def now(self) -> int:
        """Wall clock in microseconds, never going back."""
        self._last = max(self._last, self._clock())
        return self._last

    # -- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, specs: Iterable[MarketSpec], description: str) -> None:
        """A new session: its markets replace the old ones, working orders end, nothing of its books is taken yet."""
        with self._step():
            for order_id in tuple(self.working):
                self._cancel(order_id, "CloseCancel")
            self._load(specs)  # before the write, which must not save what was taken of the old books
            self.store.forget_taken()
            self.store.put("playback", description)

    def resume(self, specs: Iterable[MarketSpec]) -> dict[str, tuple[int, Taken]]:
        """The session that was playing when the process ended; returns what was taken, for `restore`.

        Working orders stay out of the books until `reopen`.
        """
        self._load(specs)
        return self.store.taken()

    def restore(self, ticker: str, taken: Taken) -> None:
        """Put back what was taken of one market, at the point of the session at which it was saved."""
        self.engines[ticker].book.restore(taken)

    def reopen(self) -> None:
        """After a silent catch-up: working orders return to their books, and what they cross now trades now."""
        for order in sorted(self.store.orders(status="resting"), key=lambda o: o.seq):
            self._rest(order)
        with self._step():
            for ticker in self.engines:
                self._match(ticker)
        self.history = History(self.now(), self._view())

    def _load(self, specs: Iterable[MarketSpec]) -> None:
        self.specs = {spec.market: spec for spec in specs}
        self.engines = {ticker: MarketEngine(to_micros(spec.size_step)) for ticker, spec in self.specs.items()}
        self._applied = 0

    def apply(self, event: SessionEvent, at: int, *, silent: bool = False) -> None:
        """One recorded event, stamped `at`. `silent`: nobody is told and nothing trades (the catch-up of a restart)."""
        engine = self.engines[event.market]
        self._applied += 1
        if isinstance(event, BookReset):
            engine.book.reset(event.yes, event.no)
        else:
            engine.book.change(event.side, event.price, event.delta)
        if silent:
            engine.book.drain()
            return
        if engine.resting:
            with self._step(publish=False):
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
        with self._step():
            self._receipt(client_order_id, body)

    def create(self, request: OrderRequest, body: bytes, *, fraction: Decimal | None = None) -> Order:
        """Take an order. `fraction` of what it could fill is all it gets (a scripted fault), the rest is cancelled.

        Raises `Refusal`; the arrival of the bytes is on record either way.
        """
        refusal: refusals.Refusal | None = None
        order: Order | None = None
        with self._step():
            self._receipt(request.client_order_id, body)
            try:
                order = self._create(request, fraction)
            except refusals.Refusal as error:
                refusal = error
        if refusal is not None:
            raise refusal
        assert order is not None
        return order

    def cancel(self, order_id: str) -> Cancelled:
        """Raises `Refusal` (404) for anything that is not working."""
        order = self.working.get(order_id)
        if order is None:
            raise refusals.not_found()
        with self._step():
            gone = self._cancel(order_id, "Cancel")
        return Cancelled(order_id, order.client_order_id, order.remaining, gone.updated_at)

    @property
    def reserved(self) -> int:
        """Cash that working orders hold back, in micro-dollars."""
        return collateral.reserved(self.account, self.specs, self.working)

    def _view(self) -> AccountView:
        resting: dict[str, int] = {}
        for order in self.working.values():
            resting[order.ticker] = resting.get(order.ticker, 0) + 1
        return self.account.view(self.reserved, resting)

    def _create(self, request: OrderRequest, fraction: Decimal | None) -> Order:
        if request.client_order_id and self.store.knows(request.client_order_id):
            raise refusals.already_exists()
        spec = self.specs.get(request.ticker)
        if spec is None:
            raise refusals.exchange(404, "market_not_found")
        if not spec.on_grid(from_micros(request.price)):
            raise refusals.off_tick()
        # The wire announces a granularity and no other minimum, so the smallest order is one step: what a fill of a
        # fractional level leaves over can always be traded away.
        step = to_micros(spec.size_step)
        if request.count % step:
            raise refusals.api(400, "invalid_parameters", f"count: at least {spec.size_step}, in steps of it")
        engine = self.engines[request.ticker]
        wanted = collateral.reducible(self.account, request) if request.reduce_only else request.count
        plan = engine.plan(request.side, request.price, wanted, request.self_trade)
        if request.post_only and plan.crosses:
            raise refusals.post_only_cross()
        if fraction is not None:
            plan = plan.cut(_part(plan.size, fraction, step))
        if collateral.needed(self.account, self.specs, self.working, request, plan) > self.account.cash:
            raise refusals.insufficient_balance()

        order = self._accept(request)
        if request.time_in_force == "fill_or_kill" and plan.size < request.count:
            self._note(None, _ended(order, "FillOrKill"))
            raise refusals.killed()
        for displaced in plan.displaced:
            self._cancel(displaced, "SelfTradeCancel")
        for take in plan.takes:
            engine.take(take)
            order = self._fill(order, take, taker=True)
        rests = request.time_in_force == "good_till_canceled" and not plan.stopped and fraction is None
        if order.remaining and rests:
            self._rest(order)
        elif order.remaining:
            order = _ended(order, "SelfTradeCancel" if plan.stopped else "")
        self._note(None, order)
        return order

    def _accept(self, request: OrderRequest) -> Order:
        now = self.now()
        self._order_seq += 1
        client_id = request.client_order_id or f"none-{self._order_seq}"
        return Order(
            seq=self._order_seq,
            order_id=str(uuid.uuid5(_IDS, f"{self.user_id}/{client_id}")),
            client_order_id=client_id,
            ticker=request.ticker,
            side=request.side,
            price=request.price,
            count=request.count,
            remaining=request.count,
            status="resting",
            time_in_force=request.time_in_force,
            self_trade=request.self_trade,
            created_at=now,
            updated_at=now,
        )

    # -- the parts of a step ----------------------------------------------------------------------------------------

    def _match(self, ticker: str) -> None:
        for order_id, take in self.engines[ticker].crossed():
            before = self.working[order_id]
            order = self._fill(before, take, taker=False)
            if order.remaining:
                self.working[order_id] = order
            else:
                del self.working[order_id]
            self._note(before, order)

    def _fill(self, order: Order, take: Take, *, taker: bool) -> Order:
        now = self.now()
        fees = self.specs[order.ticker].fees
        updated, fee = self.account.fill(order, take.price, take.size, fees, taker=taker, at=now)
        self._fill_seq += 1
        self._fills.append(
            FillRow(
                seq=self._fill_seq,
                trade_id=str(uuid.uuid5(_IDS, f"{self.user_id}/{order.client_order_id}/{updated.rows}")),
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                ticker=order.ticker,
                side=order.side,
                price=take.price,
                count=take.size,
                fee=fee,
                is_taker=taker,
                at=now,
                position_after=self.account.positions[order.ticker].shares,
            )
        )
        self._moved.add(order.ticker)
        return updated

    def _rest(self, order: Order) -> None:
        self.working[order.order_id] = order
        resting = Resting(order.order_id, order.seq, order.side, order.price, order.remaining)
        self.engines[order.ticker].rest(resting)
        self._moved.add(order.ticker)

    def _cancel(self, order_id: str, reason: str) -> Order:
        before = self.working.pop(order_id)
        if before.ticker in self.engines:
            self.engines[before.ticker].remove(order_id)
            self._moved.add(before.ticker)
        order = msgspec.structs.replace(_ended(before, reason), updated_at=self.now())
        self._note(before, order)
        return order

    def _note(self, before: Order | None, order: Order) -> None:
        first, _ = self._orders.get(order.order_id, (before, order))
        self._orders[order.order_id] = (first, order)

    def _receipt(self, client_order_id: str, body: bytes) -> None:
        if client_order_id:
            self.store.receive(client_order_id, hashlib.sha256(body).hexdigest(), self.now())

    @contextmanager
    def _step(self, *, publish: bool = True) -> Iterator[None]:
        """Everything inside becomes durable as one, then (unless the caller does it) public."""
        if self.failed:
            raise refusals.unavailable("the last commit failed; restart the paper exchange")
        try:
            with self.store.transaction():
                yield
                self._write()
        except BaseException:
            self.failed = True  # memory may be ahead of the disk: only a restart is safe
            raise
        if self._orders or self._fills:
            self.history.note_account(self.now(), self._view())
            for before, order in self._orders.values():
                self.history.note_order(before, order)
        if publish:
            at = self.now()
            for ticker in sorted(self._moved & self.engines.keys()):
                changes = self.engines[ticker].book.drain()
                if changes and self._listener is not None:
                    self._listener.book_changed(ticker, changes, at)
            self._tell()

    def _write(self) -> None:
        for _, order in self._orders.values():
            self.store.put_order(order)
        for fill in self._fills:
            self.store.put_fill(fill)
        for ticker in self._moved:
            if ticker in self.account.positions:
                self.store.put_position(ticker, self.account.positions[ticker])
            if ticker in self.engines:
                self.store.put_taken(ticker, self._applied, self.engines[ticker].book.taken)
        if self._fills:
            self.store.put("cash", str(self.account.signed_cash))

    def _tell(self) -> None:
        fills, orders = self._fills, self._orders
        self._fills, self._orders, self._moved = [], {}, set()
        if self._listener is not None:
            for fill in fills:
                self._listener.filled(fill)
            for _, order in orders.values():
                self._listener.order_changed(order)

    # -- what anyone may see ----------------------------------------------------------------------------------------

    def best(self, ticker: str, side: BookSide) -> tuple[int, int] | None:
        """Best YES bid, or best YES ask (1 − best NO bid), as (YES price, size)."""
        book = self.engines[ticker].book
        if side == "bid":
            return book.best("yes")
        found = book.best("no")
        return None if found is None else (1_000_000 - found[0], found[1])

    def levels(self, ticker: str) -> Mapping[str, list[tuple[int, int]]]:
        """The visible book: bids of each side, lowest first, (price on its own side, size)."""
        book = self.engines[ticker].book
        return {"yes": book.levels("yes"), "no": book.levels("no")}


def _ended(order: Order, reason: str) -> Order:
    return msgspec.structs.replace(order, remaining=0, status="canceled", reason=reason)


def _part(size: int, fraction: Decimal, step: int) -> int:
    whole = int((Decimal(size) * fraction).to_integral_value(ROUND_FLOOR))
    return whole - whole % step
