"""The decision engine: exchange frames in, intents and suppressed opportunities out.

Pure and synchronous. It has no clock (time comes with the frames), does no I/O, and runs each frame to its end before
it returns; callbacks are called from inside `on_frame`. So a recorded order of calls replays to the same decisions.

The host calls `on_frame` for every frame of the order-book feed, `on_state` when the feed goes down or comes up,
`on_halts` when the halts in force change, and `trade_closed` when a trade of a set is over. When a market's messages
have a hole (a sequence number missing, a frame that cannot be read, a level below zero) the market is *gapped* and
`on_gapped` names it: ask the venue for a snapshot. Until one comes its opportunities are seen, counted and not taken.

Everything created on the way is small, short-lived and mostly invisible to the garbage collector; a host that calls
`gc.freeze()` once its books stand keeps full collections out of the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.depth import SetQuote
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.orders import Side
from ingest.decode import Delta, Malformed, Snapshot, decode
from ingest.gates import Halts, Moment, explain, shut_gate
from ingest.opportunity import Episode, Refusal
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy


@dataclass(slots=True)
class Counters:
    """What the engine has seen since it was made. `passed_over` are other messages and markets of no set."""

    frames: int = 0
    snapshots: int = 0
    deltas: int = 0
    passed_over: int = 0
    malformed: int = 0
    gaps: int = 0
    intents: int = 0


class _Open:
    """The trades of one set that are open, whichever side they took."""

    __slots__ = ("announced", "opened")

    def __init__(self) -> None:
        self.announced = 0  # intents emitted whose trade the host has not called open yet
        self.opened = 0


class _Watch:
    """One side of one set: its books, its strategy, the opportunity that stands, and the set's open trades."""

    __slots__ = ("books", "buys", "episode", "halt", "name", "open", "payoff", "strategy")

    def __init__(self, strategy: BasketStrategy, books: tuple[Book, ...], opened: _Open) -> None:
        self.name = strategy.outcomes.name
        self.strategy = strategy
        self.books = books
        self.buys = strategy.side is Side.BUY
        self.payoff = strategy.terms.payoff
        self.open = opened
        self.episode: Episode | None = None
        self.halt = ""


class Engine:
    """Watches `sets` and decides by `params` within `limits`; `policy` is pinned into every intent.

    `on_intent` gets each decision to trade, `on_suppressed` each opportunity that ended without one, once for every
    gate that was shut meanwhile. `on_gapped` gets the markets that need a snapshot, each time they lose a message.
    `yes_price` says how the feed writes NO levels (see `ingest.decode`).
    """

    def __init__(  # noqa: PLR0917 - what it watches, four rules, and where its two kinds of answer go
        self,
        sets: Sequence[OutcomeSet],
        params: SetParams,
        limits: GateLimits,
        policy: LegPolicy,
        on_intent: Callable[[Intent], None],
        on_suppressed: Callable[[Suppression], None],
        *,
        on_gapped: Callable[[tuple[str, ...]], None] = lambda markets: None,
        yes_price: bool = True,
    ) -> None:
        self.limits = limits
        self.counters = Counters()
        self.books: dict[str, Book] = {}
        self.last_malformed = ""
        self._on_intent = on_intent
        self._on_suppressed = on_suppressed
        self._on_gapped = on_gapped
        self._yes_price = yes_price
        self._up = True
        self._seqs: dict[int, int] = {}
        self._markets_of: dict[int, dict[str, None]] = {}  # a set in order of arrival
        self._watches: list[_Watch] = []
        self._by_market: dict[str, list[_Watch]] = {}
        self._open: dict[str, _Open] = {}
        for outcomes in sets:
            books = tuple(self.books.setdefault(spec.market, Book(spec.market)) for spec in outcomes.markets)
            opened = self._open.setdefault(outcomes.name, _Open())
            for side in (Side.BUY, Side.SELL) if params.sell else (Side.BUY,):
                watch = _Watch(BasketStrategy(outcomes, params, limits, policy, side), books, opened)
                self._watches.append(watch)
                for book in books:
                    self._by_market.setdefault(book.market, []).append(watch)

    # -- the feed -----------------------------------------------------------------------------------------------

    def on_frame(self, raw: bytes, received_at: int) -> None:
        """One frame as it came from the wire; `received_at` our wall clock in microseconds. Never raises for input."""
        counters = self.counters
        counters.frames += 1
        try:
            event = decode(raw, yes_price=self._yes_price)
        except Malformed as wrong:
            self._malformed(raw, str(wrong))
            return
        sid, seq = event.sid, event.seq
        if sid and seq:
            last = self._seqs.get(sid)
            self._seqs[sid] = seq
            if last is not None and seq != last + 1:
                self.on_gap(self._markets_of.get(sid, ()))
        if isinstance(event, Delta):
            counters.deltas += 1
            book = self.books.get(event.market)
            if book is None or not book.ready:
                counters.passed_over += 1
                return
            at = event.at
            change = book.change_bid if event.bid else book.change_ask
            if not change(event.price, event.delta, at, received_at):
                self.on_gap((event.market,))
        elif isinstance(event, Snapshot):
            counters.snapshots += 1
            book = self.books.get(event.market)
            if book is None:
                counters.passed_over += 1
                return
            self._markets_of.setdefault(sid, {})[event.market] = None
            at = received_at  # a snapshot carries no time; it is what the exchange shows as it is sent
            book.reset(event.yes, event.no, at, received_at)
        else:
            counters.passed_over += 1
            return
        for watch in self._by_market[event.market]:
            best = 0
            if watch.buys:
                for book in watch.books:
                    if book.best_ask is None:
                        break
                    best += book.best_ask
                else:
                    if best < watch.payoff:
                        self._look(watch, at, received_at)
                        continue
            else:
                for book in watch.books:
                    if book.best_bid is None:
                        break
                    best += book.best_bid
                else:
                    if best > watch.payoff:
                        self._look(watch, at, received_at)
                        continue
            if watch.episode is not None:
                self._close(watch)

    def on_gap(self, markets: Iterable[str]) -> None:
        """Messages of these markets were lost: distrust their books until the next snapshot of each. `on_gapped` hears
        of each market once; a host whose request for a snapshot failed finds it in `unready`."""
        gapped = tuple(market for market in markets if market in self.books and not self.books[market].gapped)
        if not gapped:
            return
        self.counters.gaps += 1
        for market in gapped:
            self.books[market].gapped = True
        self._on_gapped(gapped)

    def on_state(self, up: bool, reason: str) -> None:
        """The feed went down or came up. Down, every book waits for a snapshot and the next connection numbers its
        messages anew; opportunities that stood are counted as not ready, with `reason`."""
        self._up = up
        if up:
            return
        self._seqs.clear()
        self._markets_of.clear()
        for watch in self._watches:
            if watch.episode is not None:
                at = max(book.exchange_at for book in watch.books)
                watch.episode.refusals.setdefault(Gate.NOT_READY, Refusal(at, reason, 0, 0))
                self._close(watch)
        for book in self.books.values():
            book.ready = False

    def _malformed(self, raw: bytes, why: str) -> None:
        """A frame that cannot be read may have been a change of any market it names, or, naming none, of all."""
        self.counters.malformed += 1
        self.last_malformed = f"{why}; frame {raw[:200]!r}"
        named = [market for market in self.books if b'"' + market.encode() + b'"' in raw]
        # Its sequence number is lost with it: the next frame sets the count again instead of gapping everything.
        self._seqs.clear()
        self.on_gap(named or list(self.books))

    # -- trades -------------------------------------------------------------------------------------------------

    def trade_opened(self, pair: str) -> None:
        """A trade of the set `pair` is open. An emitted intent counts as open from the start, so this confirms it;
        without one, it is a trade found again after a restart and counts in addition. Unknown sets are ignored."""
        trades = self._open.get(pair)
        if trades is None:
            return
        trades.opened += 1
        if trades.announced:
            trades.announced -= 1

    def trade_closed(self, pair: str) -> None:
        """A trade of the set `pair` is over, or its intent could not be started. The set may trade again, and an
        opportunity that still stands may be taken again at its next book change."""
        trades = self._open.get(pair)
        if trades is None:
            return
        if trades.opened:
            trades.opened -= 1
        elif trades.announced:
            trades.announced -= 1

    def on_halts(self, halts: Halts) -> None:
        """The halts in force changed, or can no longer be read: what they cover is seen, counted and not taken. Never
        called, as in a replay, nothing is halted."""
        for watch in self._watches:
            watch.halt = halts.over(watch.strategy.outcomes.markets, watch.strategy.name)

    # -- opportunities ------------------------------------------------------------------------------------------

    def _look(self, watch: _Watch, at: int, received_at: int) -> None:
        books = watch.books
        quote = watch.strategy.quote(books)
        episode = watch.episode
        if quote is None:
            if episode is not None:
                self._close(watch)
            return
        if episode is None:
            episode = watch.episode = Episode(at)
        moment = Moment(
            books=books,
            at=at,
            received_at=received_at,
            feed_up=self._up,
            size=quote.size,
            min_size=watch.strategy.min_size,
            open_trades=watch.open.announced + watch.open.opened,
            halt=watch.halt,
        )
        gate = shut_gate(moment, self.limits)
        if gate is None:
            episode.taken = True
            watch.open.announced += 1
            self.counters.intents += 1
            self._on_intent(watch.strategy.intent(books, quote, at))
        elif not episode.taken:
            _note(episode, gate, quote, moment, self.limits)

    def _close(self, watch: _Watch) -> None:
        episode, watch.episode = watch.episode, None
        if episode is not None:
            for suppression in episode.suppressions(watch.strategy.name, watch.name):
                self._on_suppressed(suppression)

    def finish(self) -> None:
        """No more frames will come: what still stands ends here and is counted."""
        for watch in self._watches:
            self._close(watch)

    def standing(self) -> tuple[Suppression, ...]:
        """Opportunities that stand right now and are refused, as they would be counted if they ended here."""
        return tuple(
            suppression
            for watch in self._watches
            if watch.episode is not None
            for suppression in watch.episode.suppressions(watch.strategy.name, watch.name)
        )

    def unready(self) -> tuple[str, ...]:
        """Markets whose book has no snapshot or lost a message since: a host trades only when this is empty."""
        return tuple(book.market for book in self.books.values() if book.gapped or not book.ready)


def _note(episode: Episode, gate: Gate, quote: SetQuote, moment: Moment, limits: GateLimits) -> None:
    refusal = episode.refusals.get(gate)
    if refusal is None:
        episode.refusals[gate] = Refusal(moment.at, explain(gate, moment, limits), quote.edge, quote.size)
    elif quote.edge > refusal.edge:
        refusal.edge, refusal.size = quote.edge, quote.size
