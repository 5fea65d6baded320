"""Counts below what is known: a list that leaves a fill out and counts it short is not sold by; a void is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.evidence import FillStatus, OrderEvidence, OrderStatus
from domain.operator import Action
from domain.orders import OrderTicket
from domain.requests import Position
from domain.trade import Outcome
from tests.ledger.samples import D
from tests.workflows.rehearsal import BOTH, START, Rehearsal, closed


def lists_less(stage: Rehearsal, leg: str, count: str, *, from_ms: int, until_ms: int, void: bool = False) -> None:
    """The list counts `count` of a leg's first order, with as many fills; the rest is void by it, or left out."""
    honest = stage.venue.evidence

    async def evidence(ticket: OrderTicket, **asked: object) -> OrderEvidence:
        seen = await honest(ticket, **asked)  # type: ignore[arg-type]
        wrong = from_ms * 1000 <= stage.desk.now() - START < until_ms * 1000
        if not (wrong and ticket.leg == leg and ticket.attempt == 1 and seen.status is OrderStatus.DONE and seen.fills):
            return seen
        fill = seen.fills[0]
        rest = replace(fill, trade_id="rest", size=fill.size - D(count), status=FillStatus.VOID)
        left = (replace(fill, size=D(count)),) if D(count) else ()
        return replace(seen, filled=D(count), fills=(*left, rest) if void else left)

    stage.venue.evidence = evidence  # type: ignore[method-assign]


def has(stage: Rehearsal, leg: str, shares: str | None) -> None:
    """The account's position in a leg's market; None: nobody answers."""
    honest = stage.desk.position
    market = next(one.market for one in stage.intent.legs if one.name == leg)

    async def position(venue: str, where: str, intent_id: str) -> Position | None:
        if where != market:
            return await honest(venue, where, intent_id)
        return None if shares is None else Position(venue, where, D(shares), Decimal(0), Decimal(0))

    stage.desk.position = position  # type: ignore[method-assign]


@pytest.mark.parametrize("count", ["0", "3", "9.99"])
@pytest.mark.parametrize("leg", ["A", "B"])
async def test_a_list_that_leaves_a_fill_out_and_counts_it_short_moves_nothing(leg: str, count: str) -> None:
    stage = Rehearsal()
    lists_less(stage, leg, count, from_ms=0, until_ms=300_000)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert "neither a void fill nor the position says what became of the rest" in stage.story()


async def test_a_position_that_cannot_be_read_keeps_the_known_count_too() -> None:
    stage = Rehearsal()
    has(stage, "B", None)
    lists_less(stage, "B", "3", from_ms=0, until_ms=300_000)
    await closed(stage, Outcome.HEDGED, *BOTH)


async def test_what_an_unwind_sold_is_not_sold_again_by_such_a_list() -> None:
    stage = Rehearsal()
    stage.book_b()
    stage.unwind_at(50)
    lists_less(stage, "A", "10", from_ms=0, until_ms=1)
    honest = stage.venue.evidence

    async def evidence(ticket: OrderTicket, **asked: object) -> OrderEvidence:
        seen = await honest(ticket, **asked)  # type: ignore[arg-type]
        if ticket.side is stage.intent.legs[0].side or stage.desk.now() > START + 300_000_000 or not seen.fills:
            return seen
        return replace(seen, filled=D(4), fills=(replace(seen.fills[0], size=D(4)),))

    stage.venue.evidence = evidence  # type: ignore[method-assign]
    record = await stage.run()
    sold = [one.ticket for one in stage.desk.submits if one.ticket.leg == "A" and one.ticket.attempt > 1]
    assert [ticket.size for ticket in sold] == [D(10)], stage.story()
    assert record.outcome is Outcome.UNWOUND
    assert await stage.broken() == []


async def test_what_the_venue_lists_as_void_is_believed_at_once() -> None:
    stage = Rehearsal()
    lists_less(stage, "B", "3", from_ms=0, until_ms=10**9, void=True)
    has(stage, "B", "10")
    seen = stage.look_at(30_000)
    stage.ask_at(60_000, Action.ACCEPT)
    await stage.run()
    assert seen[0].hedged == D(3), stage.story()


async def test_what_the_position_says_too_is_believed_at_once() -> None:
    stage = Rehearsal()
    lists_less(stage, "B", "3", from_ms=0, until_ms=10**9)
    has(stage, "B", "3")
    seen = stage.look_at(30_000)
    stage.ask_at(60_000, Action.ACCEPT)
    await stage.run()
    assert seen[0].hedged == D(3), stage.story()


async def test_what_every_look_of_ten_minutes_says_is_believed_in_the_end() -> None:
    stage = Rehearsal()
    lists_less(stage, "B", "3", from_ms=0, until_ms=10**9)
    has(stage, "B", "10")
    early, late = stage.look_at(500_000), stage.look_at(1_800_000)
    stage.ask_at(1_900_000, Action.ACCEPT)
    await stage.run()
    assert early[0].hedged == D(10), stage.story()
    assert late[0].hedged == D(3), stage.story()
