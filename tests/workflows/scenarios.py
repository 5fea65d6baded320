"""Any trade at all: random books that move, random faults at every call, a person who may speak; and what must hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from domain.exposure import split
from domain.orders import Purpose, Side, Verdict
from domain.trade import TradeState
from tests.ledger.samples import START, A, B, D
from tests.workflows.rehearsal import MS, Levels, Rehearsal, words
from venues.fake import Fault
from workflows.fake_desk import Lost

CALM_MS = 3_600_000
"""When faults end and both books turn generous, so that whatever stands alone can be repaired."""

_HONEST = [None, None, *(fault for fault in Fault if fault is not Fault.MISCOUNT)]
_READ = [None, None, Fault.UNAVAILABLE]
_ANY = [None, None, None, *Lost]


@dataclass(frozen=True)
class Change:
    at_ms: int
    market: str
    bids: Levels
    asks: Levels
    open: bool


@dataclass(frozen=True)
class Scenario:
    size: str
    budget: str
    dust: str
    cash: str
    lag_ms: int
    fills_lag_ms: int
    changes: tuple[Change, ...]
    venue: dict[str, list[Fault | None]]
    desk: dict[str, list[Lost | None]]
    commands: tuple[int, ...]


_moments = st.one_of(st.integers(0, 60), st.integers(0, 4_000), st.integers(0, 700_000))
_sizes = st.integers(1, 2_000).map(lambda hundredths: str(D(hundredths) / 100))


@st.composite
def _mostly(draw: st.DrawFn, usual: Any, *others: Any) -> Any:
    """`usual` three times in four; a strategy among the others is drawn from."""
    if draw(st.integers(0, 3)):
        return usual
    other = draw(st.sampled_from(others))
    return draw(other) if isinstance(other, st.SearchStrategy) else other


@st.composite
def _levels(draw: st.DrawFn, near: int, step: int) -> Levels:
    """Up to three levels from about `near` cents outwards."""
    price = near - step * draw(st.integers(-4, 4))
    levels: Levels = []
    for _ in range(draw(st.integers(0, 3))):
        if 1 <= price <= 99:
            levels.append((str(D(price) / 100), draw(_sizes)))
        price += step * draw(st.integers(1, 20))
    return levels


@st.composite
def _changes(draw: st.DrawFn) -> Change:
    market = draw(st.sampled_from([A, B]))
    bid, ask = (36, 40) if market == A else (51, 55)
    is_open = draw(st.sampled_from([True, True, True, True, False]))
    return Change(draw(_moments), market, draw(_levels(bid, -1)), draw(_levels(ask, 1)), is_open)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    calm_start = (
        draw(st.integers(0, 3)) > 0
    )  # leg A is let through more often than not: what follows is the harder part
    checks = draw(_mostly([], [Fault.UNAVAILABLE], [None, Fault.UNAVAILABLE]))
    return Scenario(
        size=draw(_mostly("10", "0.01", "0.37", "1")),
        budget=draw(st.sampled_from(["5", "1", "0.10", "0.02"])),
        dust=draw(_mostly("0", "0.20")),
        cash=draw(_mostly("1000", "3")),
        lag_ms=draw(_mostly(0, 40, 700, 2_500)),
        fills_lag_ms=draw(_mostly(0, 300)),
        changes=tuple(draw(st.lists(_changes(), min_size=draw(st.integers(0, 2)), max_size=5))),
        venue={"submit": [None] * calm_start + draw(st.lists(st.sampled_from(_HONEST), max_size=6))}
        | {call: draw(st.lists(st.sampled_from(_READ), max_size=4)) for call in ("evidence", "quote")}
        | {"market": checks, "cash": checks},
        desk={"submit": [None] * calm_start + draw(st.lists(st.sampled_from(_ANY), max_size=5))}
        | {
            call: draw(st.lists(st.sampled_from(_ANY), max_size=5))
            for call in ("evidence", "quote", "cancel", "settle", "record")
        },
        commands=tuple(draw(_mostly([], st.lists(_moments, min_size=1, max_size=2)))),
    )


def staged(scenario: Scenario) -> Rehearsal:
    stage = Rehearsal(size=scenario.size, cash=scenario.cash, loss_budget=D(scenario.budget), dust=D(scenario.dust))
    stage.venue.lag_ms, stage.venue.fills_lag_ms = scenario.lag_ms, scenario.fills_lag_ms
    for call, faults in scenario.venue.items():
        stage.venue.script(call, *faults)
    for call, lost in scenario.desk.items():
        stage.desk.script(call, *lost)

    def turn(change: Change) -> None:
        stage.venue.set_book(change.market, change.bids, change.asks)
        stage.venue.specs[change.market] = replace(stage.venue.specs[change.market], open=change.open)

    for change in scenario.changes:
        stage.desk.at(START + change.at_ms * MS, lambda change=change: turn(change))  # type: ignore[misc]
    for market in (A, B):
        calm = Change(CALM_MS, market, [("0.99", "1000")], [("0.01", "1000")], open=True)
        stage.desk.at(START + CALM_MS * MS, lambda calm=calm: turn(calm))  # type: ignore[misc]
    for at_ms in scenario.commands:
        stage.unwind_at(at_ms)
    return stage


async def must_hold(scenario: Scenario) -> None:
    """Everything a trade promises, whatever happened to it. Raises AssertionError with what was broken."""
    stage = staged(scenario)
    record = await stage.run()
    told = f"\n{scenario}\n{stage.story()}\n{stage.sent()}"
    assert record.state is TradeState.CLOSED, told
    assert record.outcome is not None, told
    assert not (wrong := await stage.broken()), f"{wrong}{told}"
    assert record.residual <= D(scenario.dust), told
    assert all(order.settled for order in record.orders), told
    assert all(settlement.agrees for settlement in stage.desk.settlements), f"an honest venue was contradicted{told}"
    assert not await _too_large(stage), told
    asked = len(stage.states) > len(stage.refusals)
    if not asked:
        dust = record.residual * stage.intent.payoff  # left alone with the policy's leave
        assert await stage.pnl() >= -D(scenario.budget) - dust, f"lost {await stage.pnl()}{told}"
    else:
        bought = _bought_after_asking(stage)
        assert not bought, f"bought after a person asked to unwind: {bought}{told}"
    denied_first = bool(record.orders) and record.orders[0].result is not None
    if denied_first and record.orders[0].result.verdict is Verdict.DENIED:  # type: ignore[union-attr]
        assert len(stage.desk.submits) == 1, told


async def _too_large(stage: Rehearsal) -> list[str]:
    """Orders that asked for more than stood alone as they were decided."""
    wrong = []
    for submit in stage.desk.submits:
        mine = submit.ticket.client_order_id
        before = [f for f in await stage.fills() if f.at <= submit.decided_at and f.client_order_id != mine]
        if submit.ticket.purpose is not Purpose.OPEN and submit.ticket.size > split(stage.intent, before).residual:
            wrong.append(words(submit.ticket))
    return wrong


def _bought_after_asking(stage: Rehearsal) -> list[str]:
    """Buys decided after the command: one already on its way as it came is let through."""
    late = [submit for submit in stage.desk.submits if submit.decided_at > stage.asked_at]
    return [words(submit.ticket) for submit in late if submit.ticket.side is Side.BUY]
