"""The decision engine: exchange frames in, intents and suppressed opportunities out.

Pure and synchronous. It has no clock (time comes with the frames), does no I/O, and runs each frame to its end before
it returns; callbacks are called from inside `on_frame`. So a recorded order of calls replays to the same decisions.

The host calls `on_frame` for every frame of a venue's order-book feed, `on_state` when a venue's feed goes down or
comes up, `on_users` when its private channel does, `on_link_lost` when one of several connections is gone, `on_spot`
for every frame of a spot feed, `on_halts` when the halts in force change, `on_condition` when anything else begins or
ceases to hold that trading rests on (`ingest.readiness`), and `trade_closed` when a trade of a set is over. When a
market's book can no longer be believed (`venues.market_events.Doubt`: a message missing, a frame that cannot be read,
best prices that contradict the venue's) the market is *gapped* and `on_gapped` names it: ask the venue for a snapshot.
Until one comes its opportunities are seen, counted and not taken.

A frame is one event however many changes it holds: all are applied before anything is decided on them.

Everything created on the way is small, short-lived and mostly invisible to the garbage collector; a host that calls
`gc.freeze()` once its books stand keeps full collections out of the path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from domain.admission import Admission, AdmissionLimits, Load
from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.depth import SetQuote
from domain.features.feature import FeatureVector
from domain.features.params import FeatureParams
from domain.intent import Intent
from domain.limits import GateLimits
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.answers import reason_of
from ingest.gates import Bounds, Halts, Moment, bounds_of, explain, shut_gate
from ingest.guard import FirewallRules, Guard
from ingest.opportunity import Episode, Refusal
from ingest.readiness import Change, Pauses, Readiness
from ingest.spot_side import SpotSide
from ingest.strategy import Strategy
from ingest.view import View
from ingest.warm import WarmState
from ingest.watched import Event, OpenTrades, Watch
from ingest.why import Answer, Reason
from venues.book_feed import Counters, Feed, Told
from venues.market_events import Doubt, Malformed, News, TickChange
from venues.registry import ADAPTERS

__all__ = ["Counters", "Engine"]

_FRESH_US = 500_000  # for so long a decision counts as under way whether or not the ledger knows of it


class Engine:
    """Watches what `strategies` look for, within `limits` (a venue's own where `venue_limits` has some).

    `on_intent` gets each decision to trade, `on_suppressed` each opportunity that ended without one, once for every
    gate that was shut meanwhile. `on_gapped` gets the markets of a venue that need a snapshot and why, each time they
    lose one's belief; `on_news` what a feed says besides books; `on_dead` each message that could not be used and why,
    by venue or spot feed. `yes_price` says how Kalshi's feed writes NO levels (see `venues.kalshi.market_data`).
    `features` say which markets follow a spot price; `spot` keeps what they see. `settle` is for how many
    microseconds of our clock everything that trading rests on must have held, a book among it, before it is traded
    on. `firewall` says which books stand behind the quote firewall, `on_phase` hears of each change of the process's
    phase; `admission` is how much may be under way when a trade is opened.
    """

    def __init__(
        self,
        strategies: Iterable[Strategy],
        limits: GateLimits,
        on_intent: Callable[[Intent], None],
        on_suppressed: Callable[[Suppression], None],
        *,
        venue_limits: Mapping[Venue, GateLimits] | None = None,
        on_gapped: Callable[[Venue, tuple[str, ...], Doubt], None] = lambda venue, markets, doubt: None,
        on_news: Callable[[News], None] = lambda news: None,
        on_dead: Callable[[str, bytes, str, int], None] = lambda source, raw, why, at: None,
        yes_price: bool = True,
        features: FeatureParams | None = None,
        settle: int = 0,
        firewall: FirewallRules = FirewallRules(),  # noqa: B008 - frozen
        on_phase: Callable[[Change], None] = lambda change: None,
        admission: AdmissionLimits = AdmissionLimits(None, None),  # noqa: B008 - frozen
    ) -> None:
        self.limits = limits
        self.readiness = Readiness(settle, on_phase)
        self.counters = Counters()
        self.last_malformed = ""
        self._on_intent = on_intent
        self._on_suppressed = on_suppressed
        self._on_gapped = on_gapped
        self._on_dead = on_dead
        self._now = 0
        self._guard = Guard(firewall)
        self._feeds: dict[Venue, Feed] = {
            one.venue: one.book_feed(self.counters, self._told(one.venue, on_news), yes_price=yes_price)
            for one in ADAPTERS
        }
        self.spot = SpotSide(features or FeatureParams(), lambda feed, raw, why: on_dead(feed, raw, why, self._now))
        self._following = self._guarding = False
        self._watches: list[Watch] = []
        self._by_book: dict[Book, list[Watch]] = {}
        self._open: dict[str, OpenTrades] = {}
        self._admission = Admission(admission)
        self._load = Load()
        self._fresh: deque[int] = deque()
        self._busy = ""
        for strategy in strategies:
            self._watch(strategy, venue_limits or {})

    def _told(self, venue: Venue, on_news: Callable[[News], None]) -> Told:
        def dead(raw: bytes, why: str) -> None:
            self._on_dead(venue, raw, why, self._now)

        def doubt(markets: Iterable[str], venue: Venue, why: Doubt) -> None:
            self.on_gap(markets, venue, why)

        def news(said: News) -> None:
            if isinstance(said, TickChange):
                self._guard.regrid(said)
            on_news(said)

        return Told(doubt=doubt, news=news, dead=dead)

    def _watch(self, strategy: Strategy, venue_limits: Mapping[Venue, GateLimits]) -> None:
        specs = strategy.markets
        for other in self._watches:
            known = other.strategy
            if (known.name, known.pair, known.markets, known.sides) == (
                strategy.name, strategy.pair, specs, strategy.sides,
            ):  # fmt: skip
                raise ValueError(f"strategy {strategy.name} on {strategy.pair} is given twice; expected each once")
        books = tuple(self._feeds[spec.venue].watch(spec.market) for spec in specs)
        feeds = tuple(self._feeds[venue] for venue in dict.fromkeys(spec.venue for spec in specs))
        opened = self._open.setdefault(strategy.pair, OpenTrades())
        bounds = bounds_of(specs, self.limits, venue_limits, self.readiness.settle)
        watch = Watch(strategy, View(books, features=self.features), feeds, opened, bounds)
        self._watches.append(watch)
        for spec, book in zip(specs, books, strict=True):
            self._by_book.setdefault(book, []).append(watch)
            self._guard.watch(spec, book)
            self.spot.follow(spec, book)
        self._following, self._guarding = self.spot.follows, bool(self._guard)

    # -- the feeds ----------------------------------------------------------------------------------------------

    def on_frame(self, raw: bytes, received_at: int, venue: Venue, link: int = 0) -> None:
        """One frame as it came from the wire of `venue`; `received_at` our wall clock in microseconds, `link` the
        number of the connection where a venue has several. Never raises for input."""
        self.counters.frames += 1
        self._now = received_at
        feed = self._feeds[venue]
        try:
            touched = feed.take(raw, received_at, link)
        except Malformed as wrong:
            self._malformed(feed, raw, str(wrong), link)
            return
        if self._following:
            self.spot.touched(touched)
        if self._guarding:
            self._guard.touched(touched)
        for touching in touched:
            for watch in self._by_book[touching]:
                if touching is not touched[0] and touched[0] in watch.books:
                    continue  # looked at already, with the whole frame applied
                # Whether the best prices alone cost less than the ceiling: the check nearly every frame ends with.
                cost = 0
                for book in watch.buys:
                    if book.best_ask is None:
                        break
                    cost += book.best_ask
                else:
                    for book in watch.sells:
                        if book.best_bid is None:
                            break
                        cost -= book.best_bid
                    else:
                        if cost < watch.ceiling:
                            self._look(watch, feed, received_at)
                            continue
                if watch.episode is not None:
                    self._close(watch)

    def on_gap(self, markets: Iterable[str], venue: Venue, doubt: Doubt = Doubt.LOST) -> None:
        """These markets can no longer be believed: distrust their books until the next snapshot of each. `on_gapped`
        hears of each market once; a host whose request for a snapshot failed finds it in `unready`."""
        books = self._feeds[venue].books
        gapped = tuple(market for market in markets if market in books and not books[market].gapped)
        if not gapped:
            return
        self.counters.gaps += 1
        for market in gapped:
            books[market].gapped = True
            books[market].doubt = doubt.words
        self.spot.lost(books[market] for market in gapped)
        self._guard.lost(books[market] for market in gapped)
        self._on_gapped(venue, gapped, doubt)

    def on_link_lost(self, link: int, venue: Venue) -> None:
        """One of a venue's connections is gone; its markets wait for the snapshot another one brings."""
        self._feeds[venue].link_lost(link)

    def on_state(self, up: bool, reason: str, venue: Venue) -> None:
        """A venue's feed went down or came up. Down, every book of it waits for a snapshot and the next connection
        numbers its messages anew; opportunities that stood are counted as not ready, with `reason`."""
        feed = self._feeds[venue]
        if up:
            feed.up = True
            return
        for watch in self._watches:
            if watch.episode is not None and feed in watch.feeds:
                at = max(book.exchange_at for book in watch.books)
                watch.episode.refusals.setdefault(Gate.NOT_READY, Refusal(at, reason, 0, 0))
                self._close(watch)
        feed.down()
        self._guard.lost(feed.books.values())
        self.spot.lost(feed.books.values())

    def on_spot(self, feed: SpotFeed, raw: bytes, received_at: int, link: int = 1) -> None:
        """One frame of a spot feed as it came, `link` the number of its connection. It decides nothing by itself: what
        it says is there for the next book change. Never raises for input."""
        self._now = received_at
        self.spot.take(feed, raw, received_at, link)

    def on_warm(self, state: WarmState) -> int:
        """What features had learned before this engine was made, to go on with; before the first spot frame, or it is
        too late. What does not fit is left out; how many spot prices went on."""
        return self.spot.restore(state)

    def warm_state(self, at: int) -> WarmState:
        """What features have learned by now; `at` our wall clock (µs)."""
        return self.spot.state(at)

    def features(self, market: str, at: int) -> FeatureVector:
        """The features of a watched market at exchange time `at` (µs), computed when asked for; of a market that
        follows no spot every one is missing."""
        return self.spot.vector(market, at)

    def on_users(self, up: bool, reason: str, venue: Venue) -> None:
        """A venue's private channel, which tells of our fills, is acknowledged or gone. While it is gone, opportunities
        that need the venue are seen, counted and not taken. Never called, as in a replay, it is there."""
        self._feeds[venue].unheard = "" if up else f"the private channel of {venue} is not acknowledged: {reason}"

    def _malformed(self, feed: Feed, raw: bytes, why: str, link: int) -> None:
        """A frame that cannot be read may have been a change of any market it names, or, naming none, of all."""
        self.counters.malformed += 1
        self.last_malformed = f"{why}; frame {raw[:200]!r}"
        self._on_dead(feed.venue, raw, why, self._now)
        self.on_gap(feed.damaged(raw, link), feed.venue, Doubt.MALFORMED)

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
        self._admit()

    def on_halts(self, halts: Halts) -> None:
        """The halts in force changed, or can no longer be read: what they cover is seen, counted and not taken. Never
        called, as in a replay, nothing is halted."""
        for watch in self._watches:
            watch.halt = halts.over(watch.strategy.markets, watch.strategy.name)

    def on_load(self, load: Load) -> None:
        """What the ledger says is under way, in this process and all others. Never called, as in a replay of frames
        alone, nothing is."""
        self._load = load
        self._admit()

    def _admit(self) -> None:
        """Judge what is under way anew; what was decided here just now and is not over counts, known to the ledger or
        not. Nothing but what a recording keeps calls this, so that replays agree."""
        while self._fresh and self._fresh[0] < self._now - _FRESH_US:
            self._fresh.popleft()
        unheard = min(len(self._fresh), sum(trades.opened + trades.announced for trades in self._open.values()))
        self._busy = self._admission.busy(replace(self._load, trading=self._load.trading + unheard))

    # -- readiness ----------------------------------------------------------------------------------------------

    def expect(self, name: str, pauses: Pauses = Pauses.ALL, *, feed: bool = False) -> None:
        """Nothing is taken before `name` has been said to hold. Before the first frame."""
        self.readiness.expect(name, pauses, feed=feed)

    def on_condition(self, name: str, ok: bool, why: str, at: int, pauses: Pauses = Pauses.ALL) -> None:
        """Something that trading rests on holds or does not, at `at` (our clock, µs), and why not. Never called, as in
        a replay of frames alone, everything holds."""
        self.readiness.say(name, ok, why, at, pauses)

    def on_time(self, at: int) -> None:
        """It is `at` by our clock (µs): called now and then, so that phases change, and books that wait for the rest of
        an instant are doubted, where nothing else happens."""
        for feed in self._feeds.values():
            feed.on_time(at)
        self.readiness.step(at)

    def on_stop(self, at: int) -> None:
        """The process was told to stop at `at` (our clock, µs): from now on nothing is taken."""
        self.readiness.stop(at)

    # -- opportunities ------------------------------------------------------------------------------------------

    def _look(self, watch: Watch, feed: Feed, received_at: int) -> None:
        view, at = watch.view, feed.at
        view.at = at
        proposal = watch.strategy.on_event(view)
        episode = watch.episode
        if proposal is None:
            if episode is not None:
                self._close(watch)
            return
        if episode is None:
            episode = watch.episode = Episode(at)
        quote = proposal.quote
        if self._fresh and self._fresh[0] < received_at - _FRESH_US:
            self._admit()
        event = Event(feed.venue, at, received_at)
        moment = watch.moment(event, quote.size, self._guard, self.readiness, proposal.against, busy=self._busy)
        gate = shut_gate(moment, watch.bounds)
        if gate is None:
            episode.taken = True
            watch.open.announced += 1
            self.counters.intents += 1
            self._fresh.append(received_at)
            self._admit()
            self._on_intent(watch.strategy.intent(view, proposal))
        elif not episode.taken:
            _note(episode, gate, quote, moment, watch.bounds)

    def _close(self, watch: Watch) -> None:
        episode, watch.episode = watch.episode, None
        if episode is not None:
            for suppression in episode.suppressions(watch.strategy.name, watch.strategy.pair):
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
            for suppression in watch.episode.suppressions(watch.strategy.name, watch.strategy.pair)
        )

    def reasons(self, now: int) -> tuple[Reason, ...]:
        """Why each strategy trades nothing at `now` (our clock, µs), or that it would; see `ingest.why`."""
        return tuple(
            reason_of(watch, self._feeds, self._guard, self.readiness, now, busy=self._busy) for watch in self._watches
        )

    def answer(self, now: int, *, brief: bool = False) -> Answer:
        """The whole of it at `now`: the process, its conditions, what changed; unless `brief`, every strategy."""
        ready = self.readiness
        conditions = tuple(replace(condition) for condition in ready.conditions.values())
        changes, phase = tuple(ready.changes), ready.phase_at(now)
        return Answer(now, phase, ready.waits_for(now), conditions, changes, () if brief else self.reasons(now))

    def feed(self, venue: Venue) -> Feed:
        """The feed of `venue`, to read: its books, and the time of its last event."""
        return self._feeds[venue]

    def books(self, venue: Venue) -> Iterable[Book]:
        """The books of `venue` that are watched."""
        return self._feeds[venue].books.values()

    def doubted(self, venue: Venue) -> tuple[str, ...]:
        """Markets of `venue` that wait for a snapshot because they are not believed. `on_gapped` names each once; a
        host asks again for those that stay, since a request or its answer may be lost too."""
        books = self._feeds[venue].books.values()
        return tuple(book.market for book in books if book.gapped and book.ready)

    def unready(self) -> tuple[str, ...]:
        """Markets whose book has no snapshot, is not believed, or has resolved: none of their edges is taken."""
        books = (book for feed in self._feeds.values() for book in feed.books.values())
        return tuple(book.market for book in books if book.gapped or not book.ready)


def _note(episode: Episode, gate: Gate, quote: SetQuote, moment: Moment, bounds: Bounds) -> None:
    refusal = episode.refusals.get(gate)
    if refusal is None:
        episode.refusals[gate] = Refusal(moment.at, explain(gate, moment, bounds), quote.edge, quote.size)
    elif quote.edge > refusal.edge:
        refusal.edge, refusal.size = quote.edge, quote.size
