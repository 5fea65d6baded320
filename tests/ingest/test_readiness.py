"""The machine that says when the process may trade, and what a market's book says of the market."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.market import Venue
from ingest.readiness import Change, Pauses, Phase, Readiness, market_phase
from venues.book_feed import Counters, Told
from venues.kalshi.book_feed import KalshiFeed

S = 1_000_000
SETTLE = 1 * S


def machine(feeds: Pauses = Pauses.VENUE) -> Readiness:
    ready = Readiness(SETTLE)
    ready.expect("feed kalshi", feeds, feed=True)
    ready.expect("feed polymarket", feeds, feed=True)
    ready.expect("temporal")
    return ready


def warm(ready: Readiness, at: int = 10 * S) -> Readiness:
    """Everything expected holds at `at`."""
    for name in list(ready.conditions):
        ready.say(name, True, "", at)
    return ready


def test_a_process_of_which_nothing_is_expected_runs_as_a_replay_does() -> None:
    ready = Readiness(SETTLE)
    assert ready.step(0) is Phase.RUNNING
    assert ready.obstacle(0, features=True) == ""


def test_it_starts_until_every_feed_has_come_and_warms_until_all_the_rest_holds_for_long_enough() -> None:
    ready = machine()
    assert ready.phase is Phase.STARTING
    ready.say("feed kalshi", True, "", 1 * S)
    ready.say("temporal", True, "", 2 * S)
    assert ready.phase is Phase.STARTING
    ready.say("feed polymarket", True, "", 3 * S)
    assert ready.phase is Phase.WARMING
    assert ready.obstacle(3 * S + SETTLE - 1, features=False) == "warming: everything has held for 1.0 s of 1 s"
    assert ready.obstacle(3 * S + SETTLE, features=False) == ""
    assert ready.step(3 * S + SETTLE) is Phase.RUNNING


def test_what_is_expected_and_never_heard_of_keeps_it_from_running() -> None:
    ready = machine()
    ready.say("feed kalshi", True, "", 1)
    ready.say("feed polymarket", True, "", 1)
    assert ready.step(3_600 * S) is Phase.WARMING
    assert ready.obstacle(3_600 * S, features=False) == "warming: temporal: not heard of yet"


def test_one_condition_that_fails_degrades_at_once_and_the_way_back_takes_its_time() -> None:
    changes: list[Change] = []
    ready = Readiness(SETTLE, changes.append)
    ready.expect("temporal")
    warm(ready)
    ready.step(12 * S)
    ready.say("temporal", False, "it does not answer", 20 * S)
    assert ready.obstacle(20 * S, features=False) == "degraded: temporal: it does not answer"
    ready.say("temporal", True, "", 21 * S)
    assert ready.obstacle(21 * S + SETTLE - 1, features=False).startswith("degraded: everything has held for")
    assert ready.waits_for(21 * S + SETTLE // 2) == "everything has held for 0.5 s of 1 s"
    assert ready.waits_for(21 * S + SETTLE) == ""
    ready.step(21 * S + SETTLE)
    assert [(change.before, change.after, change.at) for change in changes] == [
        (Phase.STARTING, Phase.WARMING, 10 * S),
        (Phase.WARMING, Phase.RUNNING, 12 * S),
        (Phase.RUNNING, Phase.DEGRADED, 20 * S),
        (Phase.DEGRADED, Phase.RUNNING, 22 * S),
    ]
    assert list(ready.changes) == changes


def test_what_comes_and_goes_never_trades_in_between() -> None:
    ready = warm(machine())
    ready.step(12 * S)
    for beat in range(40):
        at = 20 * S + beat * SETTLE // 2
        ready.say("temporal", beat % 2 == 1, "flapping", at)
        assert ready.obstacle(at, features=False)
    assert ready.obstacle(20 * S + 39 * SETTLE // 2 + SETTLE, features=False) == ""


def test_a_condition_that_pauses_nothing_degrades_nothing() -> None:
    ready = warm(machine())
    ready.say("ledger", False, "Postgres is gone", 20 * S, Pauses.NOTHING)
    assert ready.step(20 * S) is Phase.RUNNING
    ready.say("ledger", True, "", 30 * S, Pauses.NOTHING)
    assert ready.obstacle(30 * S, features=True) == ""


def test_a_spot_feed_that_is_gone_pauses_only_what_looks_at_features() -> None:
    ready = warm(machine())
    ready.step(12 * S)
    ready.say("spot coinbase", False, "no tick for 5.0 s", 20 * S, Pauses.FEATURES)
    assert ready.phase is Phase.DEGRADED
    assert ready.obstacle(20 * S, features=True) == "degraded: spot coinbase: no tick for 5.0 s"
    assert ready.obstacle(20 * S, features=False) == ""


def test_a_venues_feed_degrades_the_process_and_leaves_other_venues_to_their_own_gates() -> None:
    ready = warm(machine())
    ready.step(12 * S)
    ready.say("feed polymarket", False, "no frame for 10 s", 20 * S, Pauses.VENUE)
    assert ready.phase is Phase.DEGRADED
    assert ready.obstacle(20 * S, features=False) == ""


def test_a_spot_feed_that_comes_and_goes_holds_up_nothing_that_looks_at_none() -> None:
    ready = warm(machine())
    ready.step(12 * S)
    for beat in range(20):
        at = 20 * S + beat * SETTLE // 2
        ready.say("spot coinbase", beat % 2 == 1, "flapping", at, Pauses.FEATURES)
        assert ready.obstacle(at, features=False) == ""
        assert ready.obstacle(at, features=True)


def test_before_it_first_runs_everything_waits_for_every_feed() -> None:
    ready = machine()
    ready.say("feed kalshi", True, "", 1 * S)
    ready.say("temporal", True, "", 1 * S)
    assert ready.obstacle(60 * S, features=False) == "starting: feed polymarket: not heard of yet"


def test_a_condition_nobody_expected_counts_from_its_first_failure() -> None:
    ready = warm(machine())
    ready.say("clock kalshi", True, "", 20 * S)
    assert ready.obstacle(20 * S, features=False) == ""
    ready.say("clock kalshi", False, "ours is 0.700 s behind the venue's", 21 * S)
    assert ready.obstacle(21 * S, features=False) == "degraded: clock kalshi: ours is 0.700 s behind the venue's"


@pytest.mark.parametrize("begun", [machine, lambda: warm(machine())])
def test_a_process_that_was_told_to_stop_takes_nothing_more(begun: object) -> None:
    ready = begun()  # type: ignore[operator]
    ready.stop(20 * S)
    warm(ready, 21 * S)
    assert ready.step(3_600 * S) is Phase.STOPPING
    assert ready.obstacle(3_600 * S, features=False) == "the process is stopping"


words = st.tuples(
    st.sampled_from(["feed kalshi", "feed polymarket", "temporal", "clock"]), st.booleans(), st.integers(0, 2 * S)
)


@given(st.lists(words, max_size=60))
def test_it_runs_only_after_everything_has_held_for_the_whole_settling_time(said: list[tuple[str, bool, int]]) -> None:
    ready, now = machine(Pauses.ALL), 10 * S
    holds = dict.fromkeys(ready.conditions, False)
    whole_since: int | None = None
    for name, ok, later in said:
        now += later
        before = whole_since is not None and now - whole_since >= SETTLE
        assert (ready.step(now) is Phase.RUNNING) is before
        ready.say(name, ok, "", now)
        holds[name] = ok
        if not all(holds.values()):
            whole_since = None
        elif whole_since is None:
            whole_since = now
    asked = ready.obstacle(now, features=True)
    assert (asked == "") is (ready.step(now) is Phase.RUNNING), "asking and stepping agree"


@given(st.lists(words, max_size=40), st.lists(st.integers(0, 120 * S), max_size=20))
def test_looking_at_it_changes_nothing(said: list[tuple[str, bool, int]], looks: list[int]) -> None:
    """A recording holds what was said, not who asked: both must come to the same phases."""
    plain, asked, now = machine(), machine(), 10 * S
    for name, ok, later in said:
        now += later
        plain.say(name, ok, "", now)
        asked.say(name, ok, "", now)
        for look in looks:
            asked.obstacle(now + look, features=False)
        assert (plain.phase, plain.obstacle(now, features=True)) == (asked.phase, asked.obstacle(now, features=True))


# ---------------------------------------------------------------------- a market


def kalshi() -> KalshiFeed:
    return KalshiFeed(Counters(), Told(lambda *_: None, lambda _: None, lambda *_: None))


def shown(book: Book, at: int) -> None:
    book.replace([(440_000, 10 * S)], [(460_000, 10 * S)], at, at)


def test_a_market_warms_after_its_first_snapshot_and_degrades_with_its_book() -> None:
    feed = kalshi()
    book = feed.watch("KXCUP-A")
    seen = [market_phase(book, feed, SETTLE, 1 * S)]
    shown(book, 10 * S)
    seen += [market_phase(book, feed, SETTLE, 10 * S + SETTLE - 1), market_phase(book, feed, SETTLE, 11 * S)]
    book.gapped, book.doubt = True, "lost a message"
    seen += [market_phase(book, feed, SETTLE, 20 * S)]
    shown(book, 30 * S)
    seen += [market_phase(book, feed, SETTLE, 30 * S), market_phase(book, feed, SETTLE, 31 * S)]
    assert seen == [
        (Phase.STARTING, "waits for its first snapshot"),
        (Phase.WARMING, "believed for 1.0 s of 1 s"),
        (Phase.RUNNING, ""),
        (Phase.DEGRADED, "lost a message and waits for its snapshot"),
        (Phase.DEGRADED, "believed for 0.0 s of 1 s"),
        (Phase.RUNNING, ""),
    ]


def test_a_feed_that_went_down_degrades_its_markets_until_each_has_a_snapshot() -> None:
    feed = kalshi()
    book = feed.watch("KXCUP-A")
    shown(book, 10 * S)
    feed.down()
    down = market_phase(book, feed, SETTLE, 20 * S)
    feed.up = True
    waiting = market_phase(book, feed, SETTLE, 21 * S)
    stopping = market_phase(book, feed, SETTLE, 21 * S, stopping=True)
    assert (down, waiting, stopping) == (
        (Phase.DEGRADED, f"the feed of {Venue.KALSHI} is down"),
        (Phase.DEGRADED, "waits for a snapshot after its feed was lost"),
        (Phase.STOPPING, "the process is stopping"),
    )


def test_a_crossed_book_degrades_its_market() -> None:
    feed = kalshi()
    book = feed.watch("KXCUP-A")
    shown(book, 10 * S)
    book.set_bid(470_000, 5 * S, 11 * S, 11 * S)
    assert market_phase(book, feed, SETTLE, 20 * S) == (Phase.DEGRADED, "is crossed")


def test_a_snapshot_of_a_book_that_is_believed_starts_no_new_wait() -> None:
    feed = kalshi()
    book = feed.watch("KXCUP-A")
    shown(book, 10 * S)
    shown(book, 20 * S)
    assert market_phase(book, feed, SETTLE, 20 * S) == (Phase.RUNNING, "")
