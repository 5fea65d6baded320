"""What became of an order: unknown, absent, working, done, and the bytes it was sent with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from activities import settlement
from domain.evidence import OrderEvidence, OrderStatus
from domain.orders import OrderTicket
from proof.simulate.durable import Process
from proof.simulate.wire import Wire
from testing.venue import FakeVenue
from tests.proof.simulate.mutants import Mutant, Patch
from workflows import orders
from workflows.orders import Order, OrderBook, Sender


def unknown_means_failed(patch: Patch) -> None:
    async def give_up(sender: Sender, order: Order) -> None:
        order.settle(Decimal(0))

    patch.setattr(Sender, "resolve", give_up)


def not_listed_means_absent(patch: Patch) -> None:
    _as_seen(patch, OrderStatus.UNSEEN, OrderStatus.ABSENT)


def copies_are_sent_without_end(patch: Patch) -> None:
    patch.setattr(orders, "MOST_COPIES", 1_000)
    patch.setattr(orders, "SAME_REFUSALS", 1_000)


def absence_needs_no_grace(patch: Patch) -> None:
    evidence = Process.evidence

    async def hasty(
        desk: Process, ticket: OrderTicket, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence | None:
        return await evidence(desk, ticket, order_id, 0, 0)

    patch.setattr(Process, "evidence", hasty)


def working_means_done(patch: Patch) -> None:
    _as_seen(patch, OrderStatus.RESTING, OrderStatus.DONE)


def a_cancel_needs_no_second_look(patch: Patch) -> None:
    """What was last seen before the cancel is taken for the final count."""
    evidence, cancel = Process.evidence, Process.cancel
    last: dict[tuple[int, str], OrderEvidence] = {}
    cancelled: set[tuple[int, str]] = set()

    async def look(desk: Process, ticket: OrderTicket, *rest: Any) -> OrderEvidence | None:
        key = (id(desk), ticket.client_order_id)
        if key in cancelled:
            return replace(last[key], status=OrderStatus.DONE)
        found = await evidence(desk, ticket, *rest)
        if found is not None:
            last[key] = found
        return found

    async def take_out(desk: Process, ticket: OrderTicket, order_id: str) -> None:
        await cancel(desk, ticket, order_id)
        cancelled.add((id(desk), ticket.client_order_id))

    patch.setattr(Process, "evidence", look)
    patch.setattr(Process, "cancel", take_out)


def a_refused_copy_speaks_for_the_first(patch: Patch) -> None:
    again: Callable[..., Any] = Sender._send_again

    async def believe(sender: Sender, order: Order, *, proven_absent: bool) -> None:
        await again(sender, order, proven_absent=True)

    patch.setattr(Sender, "_send_again", believe)


def attempt_numbers_start_over(patch: Patch) -> None:
    patch.setattr(OrderBook, "next_attempt", lambda book, leg: 1)


def bytes_depend_on_the_moment(patch: Patch) -> None:
    patch.setattr(
        Wire, "body", lambda wire, ticket: FakeVenue.body(wire.venue, ticket) + str(wire.venue.clock()).encode()
    )


def _as_seen(patch: Patch, seen: OrderStatus, believed: OrderStatus) -> None:
    evidence = Process.evidence

    async def misread(desk: Process, *args: Any) -> OrderEvidence | None:
        found = await evidence(desk, *args)
        return replace(found, status=believed) if found is not None and found.status is seen else found

    patch.setattr(Process, "evidence", misread)


def another_orders_row_will_do(patch: Patch) -> None:
    patch.setattr(
        settlement, "judged_evidence", lambda ticket, seen, now: replace(seen, client_order_id=ticket.client_order_id)
    )


MUTANTS: tuple[Mutant, ...] = (
    unknown_means_failed,
    not_listed_means_absent,
    copies_are_sent_without_end,
    absence_needs_no_grace,
    working_means_done,
    a_cancel_needs_no_second_look,
    a_refused_copy_speaks_for_the_first,
    attempt_numbers_start_over,
    bytes_depend_on_the_moment,
    another_orders_row_will_do,
)
