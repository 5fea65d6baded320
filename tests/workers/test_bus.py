"""The bus between real threads: nothing lost, order kept, a failing handler tried again and given up, halts."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable

from prometheus_client import REGISTRY

from domain.errors import BadInput, Unavailable
from ingest.bus import Policy, Topic
from tests.patience import PATIENCE_S
from workers.bus import Bus, Consumer, GivenUp

NEWS = Topic("test_news", Policy.NEVER_DROP, 1_000)
REPORTS = Topic("test_reports", Policy.COALESCE, 10)
CONTROL = Topic("test_control", Policy.HALT, 3)
QUICK = (0.0, 0.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


def nobody_dies(given_up: GivenUp) -> None:
    raise AssertionError(given_up)


async def test_what_other_threads_put_arrives_whole_and_in_order_within_each_market() -> None:
    seen: dict[str, list[tuple[int, int]]] = defaultdict(list)
    working: set[str] = set()

    async def hear(body: tuple[str, int, int]) -> None:
        market, thread, number = body
        assert market not in working
        working.add(market)
        await asyncio.sleep(0)
        working.discard(market)
        seen[market].append((thread, number))

    bus = Bus([Consumer(NEWS, "hear", hear)], on_dead=nobody_dies)

    def talk(thread: int) -> None:
        for number in range(400):
            market = f"M{number % 7}"
            bus.put(NEWS, (market, thread, number), market=market)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(3)]
    threads[0].start()
    bus.attach()
    for thread in threads[1:]:
        thread.start()
    await until(lambda: sum(map(len, seen.values())) == 1_200)
    for thread in threads:
        thread.join()
    for heard in seen.values():
        for thread in range(3):
            numbers = [number for who, number in heard if who == thread]
            assert numbers == sorted(numbers)
    await bus.close()


async def test_a_batch_takes_one_wake_up() -> None:
    heard: list[object] = []
    bus = Bus([Consumer(NEWS, "hear", heard.append)], on_dead=nobody_dies)
    bus.attach()
    await until(lambda: not bus._woken)
    loop, woken = asyncio.get_running_loop(), []
    real = loop.call_soon_threadsafe

    def counted(*arguments: object) -> object:
        woken.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
    try:
        for number in range(600):  # more than one batch of the loop's
            bus.put(NEWS, number, market=str(number % 5))
        await until(lambda: len(heard) == 600)
    finally:
        del loop.call_soon_threadsafe
    assert len(woken) == 1
    await bus.close()


async def test_a_slow_market_and_a_failing_one_block_nobody_else() -> None:
    gate, heard, dead = asyncio.Event(), [], []

    async def hear(body: str) -> None:
        if body == "slow":
            await gate.wait()
        if body == "failing":
            raise Unavailable("the ledger is away")
        heard.append(body)

    bus = Bus([Consumer(NEWS, "hear", hear, (0.0, 3600.0))], on_dead=dead.append)
    bus.attach()
    for market in ("slow", "failing", "fine"):
        bus.put(NEWS, market, market=market)
        bus.put(NEWS, f"after {market}", market=market)
    await until(lambda: len(heard) == 2)
    assert heard == ["fine", "after fine"]
    gate.set()
    await until(lambda: len(heard) == 4)
    assert heard[2:] == ["slow", "after slow"]
    assert dead == []
    await bus.close(0)
    assert [(one.message.body, one.attempts) for one in dead] == [("failing", 2), ("after failing", 0)]
    assert "before ingest stopped" in dead[0].error


async def test_a_handler_that_keeps_failing_gives_its_message_up_and_goes_on_with_the_next() -> None:
    tried, dead = [], []

    def hear(body: str) -> None:
        tried.append(body)
        if body == "bad":
            raise Unavailable("the ledger is away")

    bus = Bus([Consumer(NEWS, "books.hear", hear, QUICK)], on_dead=dead.append)
    bus.attach()
    bus.put(NEWS, "bad", market="A")
    bus.put(NEWS, "good", market="A")
    await until(lambda: "good" in tried)
    assert tried == ["bad", "bad", "bad", "good"]
    (one,) = dead
    assert (one.handler, one.error, one.attempts) == ("books.hear", "Unavailable: the ledger is away", 3)
    await bus.close()


async def test_what_will_never_be_better_is_not_tried_again() -> None:
    tried, dead = [], []

    async def hear(body: str) -> None:
        tried.append(body)
        raise BadInput("not a fill")

    bus = Bus([Consumer(NEWS, "hear", hear, (3600.0,))], on_dead=dead.append)
    bus.attach()
    bus.put(NEWS, "bad")
    await until(lambda: dead)
    assert (tried, dead[0].attempts) == (["bad"], 1)
    await bus.close()


async def test_a_handler_that_recovers_has_handled_it_and_says_of_which_letter() -> None:
    failures, handled = [Unavailable("away"), Unavailable("away")], []

    def hear(body: str) -> None:
        if failures:
            raise failures.pop()

    bus = Bus([Consumer(NEWS, "hear", hear, QUICK)], on_dead=nobody_dies, on_handled=handled.append)
    bus.attach()
    bus.put(NEWS, "x", letter="d-1")
    await until(lambda: handled == ["d-1"])
    (depth,) = bus.depths()
    assert (depth.counted.retried, depth.counted.handled, depth.waiting) == (2, 1, 0)
    await bus.close()


async def test_an_overflow_of_control_halts_until_the_loop_has_drained_it() -> None:
    heard: list[int] = []
    bus = Bus([Consumer(CONTROL, "obey", heard.append)], on_dead=nobody_dies)
    for number in range(4):  # nobody listens yet, as while a loop is stuck
        bus.put(CONTROL, number)
    assert bus.halting == "more than 3 messages of test_control wait"
    bus.attach()
    await until(lambda: heard == [0, 1, 2, 3])
    assert bus.halting == ""
    await bus.close()


async def test_a_control_message_that_cannot_be_obeyed_halts_for_good() -> None:
    dead: list[GivenUp] = []

    def obey(body: object) -> None:
        raise BadInput("no such halt")

    bus = Bus([Consumer(CONTROL, "obey", obey)], on_dead=dead.append)
    bus.attach()
    bus.put(CONTROL, "halts")
    await until(lambda: dead)
    assert "could not be handled" in bus.halting
    await bus.close()


async def test_what_is_pending_can_be_handled_by_a_loop_that_is_busy_with_something_else() -> None:
    heard: list[int] = []
    bus = Bus([Consumer(CONTROL, "obey", heard.append)], on_dead=nobody_dies)
    bus.attach()
    await until(lambda: not bus.pending)
    bus.put(CONTROL, 1)
    assert (bus.pending, heard) == (True, [])
    bus.handle_now()  # without a turn of the loop in between
    assert (bus.pending, heard) == (False, [1])
    await bus.close()


async def test_earlier_consumers_go_first() -> None:
    heard: list[str] = []
    bus = Bus([Consumer(CONTROL, "obey", heard.append), Consumer(NEWS, "hear", heard.append)], on_dead=nobody_dies)
    bus.put(NEWS, "news")
    bus.put(CONTROL, "control")
    bus.attach()
    await until(lambda: len(heard) == 2)
    assert heard == ["control", "news"]
    await bus.close()


async def test_the_metrics_page_shows_each_topic() -> None:
    def read(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"surefoot_bus_{name}", {"topic": "test_reports", **labels}) or 0.0

    heard: list[str] = []
    now = [0]
    bus = Bus([Consumer(REPORTS, "report", heard.append)], on_dead=nobody_dies, clock=lambda: now[0])
    for body in ("old", "new"):
        bus.put(REPORTS, body, market="A", key="x")
    now[0] = 2_500_000_000
    bus.measure()
    assert (read("depth"), read("age_seconds"), read("messages_total", fate="coalesced")) == (1, 2.5, 1)
    bus.attach()
    await until(lambda: heard == ["new"])
    for _ in range(2):
        bus.measure()
    assert (read("depth"), read("age_seconds"), read("messages_total", fate="handled")) == (0, 0, 1)
    await bus.close()


async def test_a_message_for_a_loop_that_is_over_is_no_trouble() -> None:
    bus = Bus([Consumer(NEWS, "hear", lambda body: None)], on_dead=nobody_dies)

    async def short() -> None:
        bus.attach()
        await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(short(),))
    thread.start()
    await asyncio.to_thread(thread.join)
    bus.put(NEWS, "late")
    assert bus.depths()[0].waiting == 1
