"""Trades brought to a chosen moment and held there by the exchange, whichever process carries them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import psutil
from temporalio.client import Client

from domain.book import Book
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec
from domain.money import MICRO
from domain.orders import client_order_id
from ingest.sets import OutcomeSet
from ingest.strategies.basket import BasketStrategy
from workers.chaos.system import System, until
from venues.recording.session import BookDelta, BookReset, RecordedSession
from venues.recording.tickers import market
from workers.starter import search_attributes
from workers.trading import wall_clock_us
from workflows import names

START = 1_767_225_600 * MICRO
_CENT = 10_000
_DEEP = 100_000 * MICRO
_ANSWER_WAIT_MS = 12_000  # less than an order activity may take; the exchange lets go when its faults are cleared
_PER_CASE = 5


class Moment(StrEnum):
    """Where a trade is when the lights go out."""

    A_UNANSWERED = "A sent and unanswered"
    BETWEEN = "A filled and B's recheck under way"
    B_UNANSWERED = "B sent and unanswered"


# ------------------------------------------------------------------ books that stand

_CALM = (market("CALM-1-RED", "CALM-1", "Red beats Blue"), market("CALM-1-BLUE", "CALM-1", "Blue beats Red"))


def calm_session() -> RecordedSession:
    """One pair that stays a few cents below a dollar, deep, for ever: worth little, so that ingest leaves it alone."""
    books = [_book(START, spec, bid=44, ask=45, size=_DEEP * (1 + n)) for n, spec in enumerate(_CALM)]
    return RecordedSession("calm", _CALM, (*books, _touch(START + MICRO, _CALM[0], 43)))


def crowd_session(pairs: int) -> RecordedSession:
    """So many pairs, each once offering ten shares far below what they pay, a few milliseconds apart."""
    markets: list[MarketSpec] = []
    opening: list[BookReset | BookDelta] = []
    offers: list[BookReset | BookDelta] = []
    for n in range(pairs):
        event = f"CROWD-{n:02d}"
        red, blue = market(f"{event}-RED", event, "Red beats Blue"), market(f"{event}-BLUE", event, "Blue beats Red")
        markets += [red, blue]
        opening += [_book(START, red, bid=15, ask=52, size=_DEEP), _book(START, blue, bid=48, ask=52, size=_DEEP)]
        at = START + 4 * MICRO + n * 5_000
        # Selling YES at 20 cents is a NO bid at 80. Ten shares: leg A takes them all, and the offer is gone.
        offers += [_touch(at, blue, 47), BookDelta(at + 1, red.market, "no", 80 * _CENT, 10 * MICRO)]
    return RecordedSession("crowd", tuple(markets), (*opening, *offers))


def _book(at: int, spec: MarketSpec, *, bid: int, ask: int, size: int) -> BookReset:
    """Eight levels a side, a cent apart."""
    return BookReset(
        at,
        spec.market,
        tuple(((bid - rung) * _CENT, size) for rung in range(8)),
        tuple(((100 - ask - rung) * _CENT, size) for rung in range(8)),
    )


def _touch(at: int, spec: MarketSpec, bid: int) -> BookDelta:
    return BookDelta(at, spec.market, "yes", bid * _CENT, MICRO)


# ------------------------------------------------------------------ trades held at a moment

_moments = itertools.count(wall_clock_us())


def calm_intent() -> Intent:
    """Five shares of the calm pair, decided now by the real strategy; no two are alike."""
    books = []
    for n, spec in enumerate(_CALM):
        shown = _book(START, spec, bid=44, ask=45, size=_DEEP * (1 + n))
        book = Book(spec.market)
        book.reset(shown.yes, shown.no, START, START)
        books.append(book)
    params = SetParams(max_size=SetParams().min_size * 5, ttl_ms=8_000)
    strategy = BasketStrategy(OutcomeSet(_CALM), params, GateLimits(), LegPolicy())
    quote = strategy.quote(books)
    assert quote is not None
    return strategy.intent(books, quote, max(wall_clock_us(), next(_moments)))


@dataclass(slots=True)
class Held:
    """Trades that wait at one moment, and by process name the trades it carries."""

    intents: list[Intent]
    carriers: dict[str, list[str]]


async def hold_trades(system: System, client: Client, moment: Moment) -> Held:
    """Start trades until worker and ingest both carry one, and all of them are held at `moment`."""
    await system.ask("DELETE", "/faults")
    held = Held([], {})
    if moment is Moment.BETWEEN:
        leg_b = calm_intent().legs[1].market
        reads = {"method": "GET", "path_prefix": f"/trade-api/v2/markets/{leg_b}/orderbook"}
        await system.hold(reads, ms=_ANSWER_WAIT_MS, times=1_000)
    while len(held.intents) < _PER_CASE or len(held.carriers) < 2:
        assert len(held.intents) < 40, f"one process takes every trade: {held.carriers.keys()}"
        fresh = [calm_intent() for _ in range(_PER_CASE)]
        if moment is not Moment.BETWEEN:
            leg = "A" if moment is Moment.A_UNANSWERED else "B"
            orders = [{"method": "POST", "client_order_id": client_order_id(i.id, leg, 1)} for i in fresh]
            await system.hold(*orders, ms=_ANSWER_WAIT_MS)
        for intent in fresh:
            await client.start_workflow(
                names.TRADE_WORKFLOW,
                intent,
                id=intent.id,
                task_queue=names.TRADE_QUEUE,
                search_attributes=search_attributes(intent),
            )
        held.intents += fresh

        async def all_held(wanted: int = len(held.intents)) -> bool:
            return await system.held() == wanted

        await until(all_held, f"{len(held.intents)} trades at: {moment}")
        for intent in fresh:
            name = await _carrier(system, client, intent.id)
            held.carriers.setdefault(name, []).append(intent.id)
    return held


async def _carrier(system: System, client: Client, trade: str) -> str:
    """The process that runs the trade's order activity, by the pid in its worker's identity."""
    described = await client.get_workflow_handle(trade).describe()
    (pending,) = described.raw_description.pending_activities
    pid = int(pending.last_worker_identity.partition("@")[0])
    return next((name for name, record in system.records().items() if record.pid == pid), psutil.Process(pid).name())


def leg_orders(intents: Sequence[Intent], leg: str) -> set[str]:
    """Client order ids of the first order of `leg` of each trade."""
    return {client_order_id(intent.id, leg, 1) for intent in intents}
