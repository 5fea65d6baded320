"""Order within a market, turns between markets, and what each policy does at its bound."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bus import Message, Policy, Topic, TopicQueue

LOSSLESS = (Policy.NEVER_DROP, Policy.HALT)


def queue(policy: Policy, most: int = 3) -> TopicQueue:
    return TopicQueue(Topic("news", policy, most))


def put(to: TopicQueue, body: object, market: str = "A", *, key: object = None, at: int = 0) -> None:
    to.put(Message(to.topic, market, body, at, key))


def taken(of: TopicQueue) -> list[object]:
    """Everything, each handled at once."""
    bodies = []
    while (message := of.take()) is not None:
        bodies.append(message.body)
        of.done(message)
    return bodies


def test_a_market_whose_message_is_in_work_waits_and_the_others_do_not() -> None:
    of = queue(Policy.NEVER_DROP, 100)
    for number in range(2):
        for market in "ABC":
            put(of, f"{market}{number}", market)
    stuck = of.take()
    assert stuck is not None
    assert stuck.body == "A0"
    assert taken(of) == ["B0", "C0", "B1", "C1"]
    of.done(stuck)
    assert taken(of) == ["A1"]
    assert of.idle


def test_markets_take_turns_so_that_a_noisy_one_does_not_starve_a_quiet_one() -> None:
    of = queue(Policy.NEVER_DROP, 100)
    for number in range(5):
        put(of, number, "noisy")
    put(of, "quiet", "quiet")
    assert taken(of).index("quiet") == 1


def test_at_its_bound_a_dropping_topic_loses_the_oldest_of_that_market_alone() -> None:
    of = queue(Policy.DROP_OLDEST)
    put(of, "kept", "B")
    for number in range(5):
        put(of, number)
    assert (of.depth, of.counted.dropped) == (4, 2)
    assert sorted(map(str, taken(of))) == ["2", "3", "4", "kept"]


def test_a_bound_of_one_keeps_the_newest() -> None:
    of = queue(Policy.DROP_OLDEST, 1)
    for number in range(3):
        put(of, number)
    assert taken(of) == [2]


def test_a_newer_message_of_the_same_key_takes_the_place_and_the_age_of_the_one_that_waits() -> None:
    of = queue(Policy.COALESCE)
    put(of, "old", key="x", at=1)
    put(of, "other", key="y", at=2)
    put(of, "new", key="x", at=3)
    assert (of.depth, of.counted.coalesced, of.oldest()) == (2, 1, 1)
    assert taken(of) == ["new", "other"]


def test_a_message_in_work_is_not_changed_by_a_newer_one() -> None:
    of = queue(Policy.COALESCE)
    put(of, "old", key="x")
    working = of.take()
    put(of, "new", key="x")
    assert working is not None
    assert (working.body, of.counted.coalesced) == ("old", 0)
    of.done(working)
    assert taken(of) == ["new"]


def test_different_keys_beyond_the_bound_drop_the_oldest() -> None:
    of = queue(Policy.COALESCE)
    for key in "abcde":
        put(of, key, key=key)
    assert (taken(of), of.counted.dropped) == (["c", "d", "e"], 2)


def test_a_control_topic_that_overflows_halts_until_nothing_of_it_waits_or_works() -> None:
    of = queue(Policy.HALT)
    for number in range(3):
        put(of, number)
    assert of.halting == ""
    put(of, 3)
    assert of.halting == "more than 3 messages of news wait"
    for _ in range(3):
        message = of.take()
        assert message is not None
        of.done(message)
        assert of.halting
    last = of.take()
    assert last is not None
    assert (last.body, bool(of.halting)) == (3, True)
    of.done(last)
    assert (of.halting, of.counted.dropped) == ("", 0)


def test_a_control_message_that_is_tried_again_halts_meanwhile_and_one_given_up_for_good() -> None:
    of = queue(Policy.HALT)
    put(of, "halt")
    message = of.take()
    assert message is not None
    of.failed(message)
    assert "tried again" in of.halting
    of.done(message)
    assert of.halting == ""
    put(of, "another", "B")
    message = of.take()
    assert message is not None
    of.give_up(message, "no")
    assert "could not be handled: no; restart ingest" in of.halting
    put(of, "fine", "B")
    assert taken(of) == ["fine"]
    assert of.halting


def test_a_topic_that_loses_nothing_says_that_it_overflows_and_halts_nobody() -> None:
    of = queue(Policy.NEVER_DROP)
    for number in range(10):
        put(of, number)
    assert (of.overflowed, of.halting, of.depth) == (True, "", 10)
    assert taken(of) == list(range(10))
    assert not of.overflowed


def test_what_was_given_up_does_not_hold_up_what_comes_after_it() -> None:
    of = queue(Policy.NEVER_DROP)
    put(of, "bad")
    put(of, "good")
    bad = of.take()
    assert bad is not None
    of.give_up(bad, "no")
    assert taken(of) == ["good"]
    assert (of.counted.dead, of.counted.handled) == (1, 1)


def test_the_oldest_is_looked_for_in_work_too() -> None:
    of = queue(Policy.NEVER_DROP)
    put(of, 1, "A", at=5)
    put(of, 2, "B", at=9)
    working = of.take()
    assert of.oldest() == 5
    assert [message.body for message in of.unhandled()] == [1, 2]
    assert working is not None
    of.done(working)
    assert of.oldest() == 9


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("ABC")),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.sampled_from(["done", "fail", "give up"]), st.integers(0, 5)),
    ),
    max_size=80,
)


@pytest.mark.parametrize("policy", Policy)
@given(steps=STEPS, most=st.integers(1, 4))
def test_whatever_the_interleaving_a_market_is_served_in_order_one_at_a_time(
    policy: Policy, steps: list[tuple[str, object]], most: int
) -> None:
    of, numbers = queue(policy, most), count()
    working: list[Message] = []
    served: dict[str, list[int]] = defaultdict(list)
    for what, which in steps:
        if what == "put":
            assert isinstance(which, str)
            number = next(numbers)
            put(of, number, which, key=number % 2)
        elif what == "take" and (message := of.take()) is not None:
            assert message.market not in {other.market for other in working}
            working.append(message)
            served[message.market].append(message.body)
        elif what != "take" and working:
            assert isinstance(which, int)
            message = working[which % len(working)]
            if what == "fail":
                of.failed(message)
                continue
            working.remove(message)
            if what == "done":
                of.done(message)
            else:
                of.give_up(message, "no")
        assert len(of.unhandled()) == of.depth + len(working)
        if policy in (Policy.DROP_OLDEST, Policy.COALESCE):
            assert of.depth <= 3 * most
    for message in working:
        of.done(message)
    while (message := of.take()) is not None:  # type: ignore[assignment]
        served[message.market].append(message.body)
        of.done(message)
    assert of.idle
    assert of.depth == 0
    assert not of.overflowed
    if policy is not Policy.COALESCE:
        assert all(bodies == sorted(bodies) for bodies in served.values())
    counted = of.counted
    assert counted.handled + counted.dead + counted.dropped + counted.coalesced == counted.put
    if policy in LOSSLESS:
        assert sorted(body for bodies in served.values() for body in bodies) == list(range(counted.put))
