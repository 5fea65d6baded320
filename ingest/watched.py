"""What the engine keeps of each strategy: its books, the opportunity that stands, the open trades of its pair."""

from __future__ import annotations

from typing import NamedTuple

from domain.market import Venue
from domain.orders import Side
from ingest.gates import Bounds, Moment
from ingest.guard import Guard
from ingest.opportunity import Episode
from ingest.readiness import Readiness
from ingest.strategy import Strategy
from ingest.view import View
from venues.book_feed import Feed


class OpenTrades:
    """The trades of one pair that are open, whichever strategy took them."""

    __slots__ = ("announced", "opened")

    def __init__(self) -> None:
        self.announced = 0  # intents emitted whose trade the host has not called open yet
        self.opened = 0


class Event(NamedTuple):
    """The frame that is decided on: whose it is, its exchange time and our time of receipt (µs)."""

    venue: Venue
    at: int
    received_at: int


class Watch:
    """One strategy: its books, the opportunity that stands, and the pair's open trades."""

    __slots__ = (
        "books", "bounds", "buys", "ceiling", "episode", "featured", "feeds", "halt", "open", "sells", "strategy",
        "view",
    )  # fmt: skip

    def __init__(
        self, strategy: Strategy, view: View, feeds: tuple[Feed, ...], opened: OpenTrades, bounds: Bounds
    ) -> None:
        self.strategy = strategy
        self.view = view
        self.featured = bool(strategy.features)
        self.books = books = tuple(view.books)
        # Without a ceiling nothing is compared: no price costs 0, which is always below 1.
        sides = [] if strategy.ceiling is None else list(zip(books, strategy.sides, strict=True))
        self.buys = tuple(book for book, side in sides if side is Side.BUY)
        self.sells = tuple(book for book, side in sides if side is Side.SELL)
        self.ceiling = 1 if strategy.ceiling is None else strategy.ceiling
        self.feeds = feeds
        self.open = opened
        self.bounds = bounds
        self.episode: Episode | None = None
        self.halt = ""

    def moment(
        self, event: Event, size: int, guard: Guard, readiness: Readiness, against: str = "", *, busy: str = ""
    ) -> Moment:
        """What the gates look at when `size` is offered; `against` is what the strategy itself says against it, `busy`
        what is under way already."""
        return Moment(
            books=self.books,
            venue=event.venue,
            at=event.at,
            received_at=event.received_at,
            feed_up=all(each.up for each in self.feeds),
            size=size,
            min_size=self.strategy.min_size,
            open_trades=self.open.announced + self.open.opened,
            halt=self.halt,
            unheard=next((each.unheard for each in self.feeds if each.unheard), ""),
            refused=guard.refused(self.books, event.at),
            against=(self.flaw() or against) if self.featured else against,
            paused=readiness.obstacle(event.received_at, features=self.featured),
            busy=busy,
        )

    def flaw(self) -> str:
        """Which feature that the strategy stands on is not valid, and why; empty if none."""
        strategy = self.strategy
        flawed = self.view.features(strategy.markets[0].market).first_flaw(*strategy.features)
        if flawed is None:
            return ""
        name, feature = flawed
        return f"{name} is {feature.flaw}" + (f": {feature.detail}" if feature.detail else "")
