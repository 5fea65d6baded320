"""The code broken on purpose, once for each function here; `test_mutants` shows that the simulator notices each.

Each takes a `MonkeyPatch`, and says in its name what the broken code believes or does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from activities import orders as activity_orders
from activities import settlement
from domain import fees, residual
from domain.evidence import OrderEvidence, OrderStatus, Redemption
from domain.halt import Halt, Scope
from domain.intent import Intent, IntentLeg
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Purpose, Side, SubmitResult
from domain.trade import TradeState
from venues.fake import FakeVenue
from workers.simulate import durable
from workers.simulate.durable import Process
from workers.simulate.ledgers import StormyLedger
from workers.simulate.wire import Wire
from workflows import bounds, lifecycle, orders
from workflows.commands import Commands
from workflows.driver import Driver
from workflows.lifecycle import Trade
from workflows.orders import Order, OrderBook, Sender
from workflows.parked import Parked
from workflows.repair import Repairs
from workflows.state import Fault, TradeMemory
from workflows.tail import Tail

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]

# ---------------------------------------------------------------------- orders and evidence


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


def a_list_outweighs_fills_in_hand(patch: Patch) -> None:
    for module in (activity_orders, settlement):
        patch.setattr(module, "held_against", lambda hand, ticket, evidence, now: evidence)


def _without_bounds(patch: Patch) -> None:
    """Nothing holds an order to what may be out and what is surely held."""

    async def unheld(*asked: Any) -> str:
        return ""

    async def taken_on_trust(*asked: Any) -> bool:
        return True

    patch.setattr(activity_orders, "beyond_bounds", unheld)
    patch.setattr(bounds, "refusal", lambda *asked, **given: "")
    patch.setattr(bounds, "corroborate", taken_on_trust)


def a_lost_sign_is_bounded_by_nothing(patch: Patch) -> None:
    """Answers lose the sign of their count, past the edge, and no bound holds what repairs make of it."""
    honest = activity_orders.judged_result

    def lost(*judged: Any) -> SubmitResult:
        result = honest(*judged)
        return replace(result, filled=-result.filled) if result.filled else result

    _without_bounds(patch)
    patch.setattr(activity_orders, "judged_result", lost)


def a_refused_copy_speaks_for_the_first(patch: Patch) -> None:
    again: Callable[..., Any] = Sender._send_again

    async def believe(sender: Sender, order: Order, *, proven_absent: bool) -> None:
        await again(sender, order, proven_absent=True)

    patch.setattr(Sender, "_send_again", believe)


def the_hedge_is_as_planned_not_as_filled(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def planned(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, leg.size if purpose is Purpose.HEDGE else size, *limit)

    patch.setattr(Trade, "new_order", planned)


def attempt_numbers_start_over(patch: Patch) -> None:
    patch.setattr(OrderBook, "next_attempt", lambda book, leg: 1)


def bytes_depend_on_the_moment(patch: Patch) -> None:
    patch.setattr(
        Wire, "body", lambda wire, ticket: FakeVenue.body(wire.venue, ticket) + str(wire.venue.clock()).encode()
    )


# ---------------------------------------------------------------------- repair


def a_repair_may_cost_anything(patch: Patch) -> None:
    patch.setattr(residual._Bounds, "allow", lambda *a, **k: True)


def fees_are_forgotten_while_unsettled(patch: Patch) -> None:
    def gross(order: Order) -> Decimal:
        price = order.price if order.price is not None else order.ticket.limit
        return price * (order.filled if order.ticket.side is Side.SELL else -order.filled)

    patch.setattr(Order, "cash", property(gross))


def what_stands_alone_is_left(patch: Patch) -> None:
    async def leave(repairs: Repairs, last: object) -> None:
        return None

    patch.setattr(Repairs, "run", leave)
    patch.setattr(Trade, "may_stay", lambda trade: True)


def a_repair_sells_too_much(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def double(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, size * 2 if purpose is Purpose.UNWIND else size, *limit)

    patch.setattr(Trade, "new_order", double)


def no_net_catches_what_a_command_raises(patch: Patch) -> None:
    """The wish that broke the code is answered as kept, and is not."""

    def forget(driver: Driver, action: Action, command: OperatorCommand, fault: Fault) -> str:
        driver._break_off(fault)
        return "kept"

    patch.setattr(Driver, "_kept", forget)


def a_parked_trade_is_never_let_go_on(patch: Patch) -> None:
    obey: Callable[..., str] = Parked._obey

    def stay(parked: Parked, action: Action, command: OperatorCommand) -> str:
        answer = obey(parked, action, command)
        parked._going_on = False
        return answer

    patch.setattr(Parked, "_obey", stay)
    patch.setattr(Parked, "resume", lambda parked, build: None)


def what_a_parked_trade_knew_is_lost(patch: Patch) -> None:
    def poor(memory: TradeMemory) -> TradeMemory:
        return replace(memory, orders=memory.orders[:1])

    patch.setattr(durable, "carried", poor)


def another_orders_row_will_do(patch: Patch) -> None:
    patch.setattr(
        settlement, "judged_evidence", lambda ticket, seen, now: replace(seen, client_order_id=ticket.client_order_id)
    )


def stuck_is_the_end(patch: Patch) -> None:
    pause = Process.pause

    async def sleep_on(desk: Process, ms: int) -> bool:
        month = 30 * 86_400_000
        return await pause(desk, month if desk.trade.memory.state is TradeState.STUCK else ms)

    patch.setattr(Process, "pause", sleep_on)


# ---------------------------------------------------------------------- people and halts


def a_wish_does_not_stop_what_is_in_doubt(patch: Patch) -> None:
    patch.setattr(Trade, "wants", lambda trade, order: True)


def a_wish_is_recorded_and_forgotten(patch: Patch) -> None:
    obey: Callable[..., str] = Commands._obey

    def nod(commands: Commands, action: Action, *rest: Any) -> str:
        answer = obey(commands, action, *rest)
        commands._memory.mode = None
        return answer

    patch.setattr(Commands, "_obey", nod)


def hold_holds_nothing(patch: Patch) -> None:
    patch.setattr(Commands, "holding", False)


def halts_are_not_heard_of(patch: Patch) -> None:
    async def nod(ledger: StormyLedger, halt: Halt) -> Halt:
        return halt

    async def clear(ledger: StormyLedger, *args: Any) -> None:
        return None

    patch.setattr(StormyLedger, "set_halt", nod)
    patch.setattr(StormyLedger, "clear_halt", clear)


def a_halt_of_a_venue_looks_at_the_first_leg_only(patch: Patch) -> None:
    _believe(patch, Scope.VENUE, lambda halt, intent: intent.legs[0].venue == halt.target)


def a_halt_of_a_market_looks_at_the_first_leg_only(patch: Patch) -> None:
    _believe(patch, Scope.MARKET, lambda halt, intent: intent.legs[0].market == halt.target.rpartition("/")[2])


def a_halt_of_a_market_does_not_know_its_venue(patch: Patch) -> None:
    _believe(patch, Scope.MARKET, lambda halt, intent: any(leg.market == halt.target for leg in intent.legs))


def _believe(patch: Patch, scope: Scope, covered: Callable[[Halt, Intent], bool]) -> None:
    """Halts of one scope cover what `covered` says."""
    covers = Halt.covers
    patch.setattr(
        Halt, "covers", lambda halt, intent: covered(halt, intent) if halt.scope is scope else covers(halt, intent)
    )


# ---------------------------------------------------------------------- money and the end


def polymarkets_fee_is_floored(patch: Patch) -> None:
    def floored(rate: int, exponent: int, price: int, size: int) -> int:
        exact: int = rate * size * (price * (1_000_000 - price)) ** exponent
        unit: int = 10 ** (6 + 12 * exponent) * 10
        return exact // unit * 10

    _fee(patch, "power_fee", floored)


def kalshis_fee_is_rounded_to_the_nearest(patch: Patch) -> None:
    def nearest(rate: int, price: int, size: int) -> int:
        unit = 10**20
        return (2 * rate * size * price * (1_000_000 - price) + unit) // (2 * unit) * 100

    _fee(patch, "quadratic_fee", nearest)


def _fee(patch: Patch, name: str, wrong: Callable[..., int]) -> None:
    fees._trade_fee.cache_clear()  # known answers are right ones
    patch.setattr(fees, name, wrong)
    patch.setattr(fees, "_trade_fee", fees._trade_fee.__wrapped__)


def a_hedge_knows_no_limit_of_capital(patch: Patch) -> None:
    _without_bounds(patch)
    patch.setattr(lifecycle, "hedgeable", lambda intent, leg, limit, wanted, out: wanted)


def the_opening_is_larger_than_planned(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def larger(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, size + Decimal("0.5") if purpose is Purpose.OPEN else size, *limit)

    _without_bounds(patch)
    patch.setattr(Trade, "new_order", larger)


def nothing_is_reserved(patch: Patch) -> None:
    patch.setattr(Intent, "worst_cost_at", lambda intent, venue: Decimal(0))


def closed_without_the_final_word(patch: Patch) -> None:
    async def close(tail: Tail) -> object:
        trade = tail._trade
        trade.memory.state, trade.memory.outcome = TradeState.CLOSED, tail._ending()
        trade.final = trade.record()
        return trade.final

    patch.setattr(Tail, "run", close)


def provisional_means_final(patch: Patch) -> None:
    patch.setattr(OrderEvidence, "provisional", property(lambda evidence: False))


def voids_are_not_noticed(patch: Patch) -> None:
    patch.setattr(settlement, "_agree", lambda record, evidence: True)


def fills_need_not_explain_the_count(patch: Patch) -> None:
    """A fill listed twice counts twice, one listed late not at all."""
    patch.setattr(OrderEvidence, "complete", property(lambda evidence: evidence.status is OrderStatus.DONE))


def shares_held_short_are_paid_for(patch: Patch) -> None:
    patch.setattr(Redemption, "cash", property(lambda redemption: abs(redemption.shares) * redemption.payout))


# ---------------------------------------------------------------------- durability


def a_trade_reads_the_wall_clock(patch: Patch) -> None:
    patch.setattr(Process, "now", lambda desk: desk._server.now())


def what_was_said_is_lost_in_a_crash(patch: Patch) -> None:
    hear: Callable[..., None] = Process._hear

    def deaf(desk: Process, event: Any, *, old: bool) -> None:
        if not old:
            hear(desk, event, old=old)

    patch.setattr(Process, "_hear", deaf)


def _as_seen(patch: Patch, seen: OrderStatus, believed: OrderStatus) -> None:
    evidence = Process.evidence

    async def misread(desk: Process, *args: Any) -> OrderEvidence | None:
        found = await evidence(desk, *args)
        return replace(found, status=believed) if found is not None and found.status is seen else found

    patch.setattr(Process, "evidence", misread)


MUTANTS: tuple[Mutant, ...] = (
    unknown_means_failed,
    not_listed_means_absent,
    copies_are_sent_without_end,
    absence_needs_no_grace,
    working_means_done,
    a_cancel_needs_no_second_look,
    a_refused_copy_speaks_for_the_first,
    the_hedge_is_as_planned_not_as_filled,
    attempt_numbers_start_over,
    bytes_depend_on_the_moment,
    a_list_outweighs_fills_in_hand,
    a_lost_sign_is_bounded_by_nothing,
    a_repair_may_cost_anything,
    fees_are_forgotten_while_unsettled,
    what_stands_alone_is_left,
    a_repair_sells_too_much,
    stuck_is_the_end,
    no_net_catches_what_a_command_raises,
    a_parked_trade_is_never_let_go_on,
    what_a_parked_trade_knew_is_lost,
    another_orders_row_will_do,
    a_wish_does_not_stop_what_is_in_doubt,
    a_wish_is_recorded_and_forgotten,
    hold_holds_nothing,
    halts_are_not_heard_of,
    a_halt_of_a_venue_looks_at_the_first_leg_only,
    a_halt_of_a_market_looks_at_the_first_leg_only,
    a_halt_of_a_market_does_not_know_its_venue,
    polymarkets_fee_is_floored,
    kalshis_fee_is_rounded_to_the_nearest,
    a_hedge_knows_no_limit_of_capital,
    the_opening_is_larger_than_planned,
    nothing_is_reserved,
    closed_without_the_final_word,
    provisional_means_final,
    voids_are_not_noticed,
    fills_need_not_explain_the_count,
    shares_held_short_are_paid_for,
    a_trade_reads_the_wall_clock,
    what_was_said_is_lost_in_a_crash,
)
