"""A recording plays as if it happened now, goes on after a restart, and is refused when it is wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadInput
from paper.core.metrics import Metrics
from paper.kalshi.exchange import Exchange
from paper.kalshi.placing import create
from paper.kalshi.request import parse
from paper.kalshi.store import Store
from paper.polymarket.exchange import Clob
from paper.polymarket.modes import Modes
from paper.polymarket.settlement import Pace
from paper.polymarket.store import ClobStore
from paper.server import PaperConfig, start
from paper.session.floor import Floor
from paper.session.playback import Playback, Spec
from recording.sources.session import BookDelta, BookReset, RecordedSession
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, T0, books, levels, micros, session, spec, ticket, until

SECOND = 1_000_000


def change(after: int, price: str, size: int, ticker: str = AAA, side: Any = "yes") -> BookDelta:
    return BookDelta(T0 + after, ticker, side, micros(price), size * SECOND)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Told:
    """What the listener heard, with the times it was given."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, Any]] = []

    def book_changed(self, ticker: str, changes: Any, at: int) -> None:
        self.changes += [(at, change) for change in changes]

    def book_replaced(self, ticker: str) -> None: ...

    def filled(self, fill: Any) -> None: ...

    def order_changed(self, order: Any) -> None: ...

    def market_changed(self, listing: Any, event: Any) -> None: ...

    def group_changed(self, group: Any, event: Any, at: int) -> None: ...

    def position_changed(self, ticker: str, held: Any) -> None: ...


async def opened(folder: Path, plays: RecordedSession, clock: Clock) -> tuple[Exchange, Playback, Told]:
    exchange = Exchange(Store(folder), opening_cash=10_000 * SECOND, unit=100, clock=clock)
    told = Told()
    exchange.listen(told)
    clob = Clob(ClobStore(folder), opening_cash=0, pace=Pace(1, 1), modes=Modes(1), clock=clock)
    return exchange, Playback(Floor(exchange, clob), lambda _: plays, Metrics()), told


async def test_exchange_time_is_the_anchor_plus_recorded_time_over_speed(tmp_path: Path) -> None:
    clock = Clock()
    plays = session(change(2 * SECOND, "0.40", 5), change(4 * SECOND, "0.40", 6))
    exchange, playback, told = await opened(tmp_path, plays, clock)
    began = clock.now
    await playback.play(Spec(recording="r", speed=Decimal("2")))

    async def heard() -> bool:
        return len(told.changes) == 2

    clock.now += 3 * SECOND  # six recorded seconds
    await until(heard)
    assert [at - began for at, _ in told.changes] == [1 * SECOND, 2 * SECOND]
    assert playback.status()["position"] == T0 + 6 * SECOND
    assert playback.state == "playing"
    await playback.stop()
    exchange.store.close()


async def test_a_restart_goes_on_where_the_wall_clock_says_with_what_was_taken_still_taken(tmp_path: Path) -> None:
    clock = Clock()
    plays = session(
        change(1 * SECOND, "0.51", 20, side="no"),
        change(60 * SECOND, "0.51", -70, side="no"),
        change(120 * SECOND, "0.30", 9),
    )
    exchange, playback, _ = await opened(tmp_path, plays, clock)
    await playback.play(Spec(recording="r"))
    await playback.stop()
    exchange.apply(plays.log[2], clock.now)  # the first change, as playback would: 100 at 0.49

    body = json.dumps(ticket(count="60.00")).encode()
    create(exchange, parse(body), body)
    assert exchange.levels(AAA)["no"][-1] == (510_000, 40 * SECOND)
    exchange.store.close()

    clock.now += 90 * SECOND
    again, resumed, told = await opened(tmp_path, plays, clock)
    await resumed.resume()
    # Recorded 30 are left at 0.49, and of those at most the 60 we took: nothing to see, nothing to take.
    assert again.engines[AAA].book.taken["no"] == {510_000: 30 * SECOND}
    assert again.levels(AAA)["no"] == [(500_000, 40 * SECOND)]
    assert told.changes == []
    assert resumed.status()["events"] == 4
    assert again.account.positions[AAA].shares == 60 * SECOND
    await resumed.stop()
    again.store.close()


async def test_a_resting_order_survives_the_restart_and_trades_on_the_book_it_comes_back_to(tmp_path: Path) -> None:

    clock = Clock()
    plays = session(change(10 * SECOND, "0.53", 4, side="no"))
    exchange, playback, _ = await opened(tmp_path, plays, clock)
    await playback.play(Spec(recording="r"))
    await playback.stop()
    body = json.dumps(ticket(price="0.4800", count="5.00", time_in_force="good_till_canceled")).encode()
    order = create(exchange, parse(body), body)
    exchange.store.close()

    clock.now += 20 * SECOND
    again, resumed, _ = await opened(tmp_path, plays, clock)
    await resumed.resume()
    back = again.working[order.order_id]
    assert (back.filled, back.remaining) == (4 * SECOND, 1 * SECOND)
    assert (48 * 10_000, 1 * SECOND) in again.levels(AAA)["yes"]
    await resumed.stop()
    again.store.close()


async def test_at_the_end_the_last_book_stays_and_orders_are_still_taken(launch: Launch) -> None:
    short = RecordedSession("short", (spec(AAA), spec(BBB)), (*books(), change(200_000, "0.40", 7)))
    venue = await launch(short)

    async def ended() -> bool:
        return bool((await venue.admin("GET", "/status")).body["state"] == "ended")

    await until(ended)
    status = (await venue.admin("GET", "/status")).body
    assert (status["progress"], status["position"]) == (1.0, status["end"])
    assert (await venue.order()).body["fill_count"] == "1.00"


async def test_playing_what_already_plays_changes_nothing_and_another_session_replaces_it(launch: Launch) -> None:
    venue = await launch(play=False)
    assert (await venue.admin("GET", "/status")).body["state"] == "idle"
    first = (await venue.admin("POST", "/play", {"recording": "a", "speed": 2})).body
    resting = (await venue.order(price="0.4500", time_in_force="good_till_canceled")).body["order_id"]
    assert (await venue.admin("POST", "/play", {"recording": "a", "speed": 2})).body["anchor"] == first["anchor"]
    assert (await venue.get(f"/portfolio/orders/{resting}"))["order"]["status"] == "resting"
    await venue.order(count="10.00")
    again = (await venue.admin("POST", "/play", {"recording": "a", "speed": 2, "replace": True})).body
    second = (await venue.admin("POST", "/play", {"recording": "b"})).body
    assert second["anchor"] > again["anchor"] > first["anchor"]
    assert (await venue.get(f"/portfolio/orders/{resting}"))["order"]["status"] == "canceled"
    book = (await venue.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"]
    assert book["no_dollars"][-1] == ["0.5100", "80.00"]
    assert (await venue.get("/portfolio/positions"))["market_positions"][0]["position_fp"] == "10.00"


async def test_a_lead_shows_the_opening_books_before_time_begins(launch: Launch) -> None:
    venue = await launch(session(change(1, "0.40", 7)), play=False)
    shown = (await venue.admin("POST", "/play", {"recording": "a", "lead_ms": 60000})).body
    assert (shown["position"], shown["events"]) == (shown["start"], 2)
    assert (await venue.order()).body["fill_count"] == "1.00"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"recording": "a", "speed": 0}, "above 0"),
        ({"recording": "a", "sped": 1}, "sped"),
        ({"game": "X"}, "recording"),
        ({"recording": "a", "lead_ms": -1}, "lead_ms"),
    ],
)
async def test_a_play_request_that_makes_no_sense_is_refused_by_name(
    launch: Launch, body: dict[str, Any], words: str
) -> None:
    venue = await launch(play=False)
    answer = await venue.admin("POST", "/play", body)
    assert answer.status == 400
    assert words in answer.body["error"]["message"]
    assert (await venue.admin("GET", "/status")).body["state"] == "idle"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ((), "no events"),
        ((*books(), change(5, "0.40", 1), change(4, "0.40", 1)), "time order"),
        ((change(0, "0.40", 1),), "whole book first"),
        ((BookReset(T0, "KXOTHER-1-Z", (), ()),), "one of"),
        ((BookReset(T0, AAA, levels(("1.00", 1)), ()),), "between 0 and 1"),
        ((BookReset(T0, AAA, ((400_000, 1),), ()),), "steps of 0.01"),
    ],
)
async def test_a_session_that_breaks_its_contract_is_refused_before_it_plays(
    launch: Launch, log: tuple[Any, ...], words: str
) -> None:
    venue = await launch(RecordedSession("broken", (spec(AAA), spec(BBB)), log), play=False)
    answer = await venue.admin("POST", "/play", {"recording": "a"})
    assert (answer.status, words in answer.body["error"]["message"]) == (400, True)


async def test_a_missing_recording_is_named(tmp_path: Path, public_pem: str) -> None:

    server = await start(PaperConfig(state_dir=tmp_path / "s", api_keys={"k": public_pem}))
    try:
        with pytest.raises(BadInput, match="no-such-folder"):
            await server.playback.play(Spec(recording=str(tmp_path / "no-such-folder")))
    finally:
        await server.stop()
