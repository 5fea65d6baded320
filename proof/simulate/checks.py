"""What must hold after any run, whatever happened in it. Each check returns what is wrong, in words.

    | check       | promise                                                                                      |
    |-------------|----------------------------------------------------------------------------------------------|
    | invariants  | all of `domain.invariants`, for every venue; and the same seven promises, fees and limits    |
    |             | once more by judges that share no code with what they judge (`proof.simulate.verdicts`)    |
    | closed      | every trade is closed, with an outcome, and every order of it settled                        |
    | truth       | the record's shares are those of the venue's fills                                           |
    | nothing_new | no new order reaches a venue after the trade has closed                                      |
    | bounded     | no repair is larger than what stood alone when it was decided; no order leaves more than     |
    |             | eight times unless a person asks                                                             |
    | sends       | no order adds more than was planned, gives back more than is there or in larger pieces than   |
    |             | the trade's, and no more than forty leave without a person                                   |
    | budget      | the loss is within the budget, unless a person asked: save by what a choice counted on a     |
    |             | fill to bring that the venue voided afterwards, and by what cannot be sold since a person    |
    |             | sold it by hand                                                                              |
    | heard       | every wish that was taken is on record, whatever the code then did                           |
    | obeyed      | nothing is bought after an unwind was asked for, nothing sent while holding                  |
    | solvent     | no venue's cash was ever below zero, unless a person traded by hand: save by the collateral  |
    |             | of shares that were sold and whose purchase the venue voided afterwards                      |
    | proven      | no count is contradicted at the end by a venue that takes nothing back: failure is not guessed |
    | hurried     | shares stand alone for no longer than the policy's deadlines, unless STUCK is shown          |
    | well_formed | no venue ever refused an order as malformed                                                  |

Halts and replays are checked while the world runs (`world`, `durable`).
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from domain.evidence import Fill, FillStatus
from domain.intent import Intent
from domain.operator import Action
from domain.orders import OrderTicket, Purpose, Side, Verdict
from domain.trade import TradeState
from proof.simulate.durable import Command, Kind
from proof.simulate.judge_fees import Match, trade_fee
from proof.simulate.judge_money import sets
from proof.simulate.life import Life
from proof.simulate.scenario import START
from proof.simulate.verdicts import limits, rates_of, sends, verdicts
from proof.simulate.world import World

_ZERO = Decimal(0)

T = TypeVar("T")
_ENDED = frozenset({TradeState.STUCK, TradeState.SETTLING, TradeState.CLOSED, TradeState.HEDGED, TradeState.MISSED})
_FEE_UNIT = Decimal("0.0001")
_MOST_COPIES = 8  # of one order, as long as no person asks for more
_LAST_WORD_US = 60_000_000
_SLACK_MS = 60_000  # waits between looks, calls that take their time, retries


def check(world: World) -> list[str]:
    """Everything that does not hold after `world.run()`."""
    wrong = list(world.broken)
    if wrong:
        return wrong  # a run that broke off tells nothing about its end
    for exchange in world.venues.values():
        exchange.speak(world.now() + _LAST_WORD_US)  # nobody may have closed on a fill that was void in the end
    ledger = _now(world.ledger.snapshot()).facts
    accounts = {venue: _now(exchange.account()) for venue, exchange in world.venues.items()}
    wrong += verdicts(world, ledger, accounts)
    for venue, exchange in world.venues.items():
        voided = (fill for fill in accounts[venue].fills if fill.status is FillStatus.VOID and fill.side is Side.BUY)
        if exchange.purse.least < -sum((fill.size for fill in voided), _ZERO) and not (world.hands or world.overfilled):
            wrong.append(f"solvent: the cash at {venue} once stood at ${exchange.purse.least}")
        wrong += [f"well_formed: {venue} refused {ticket} as malformed" for ticket in exchange.malformed]
    for life in world.lives:
        fills = [fill for account in accounts.values() for fill in account.fills if _owns(life, fill)]
        wrong += [f"{found} (trade {life.plan.intent.id[2:8]})" for found in _trade(world, life, fills)]
    return wrong


def _trade(world: World, life: Life, fills: list[Fill]) -> Iterator[str]:
    intent, record = life.plan.intent, life.history.record
    if record is None or record.state is not TradeState.CLOSED or record.outcome is None:
        yield f"closed: it ended as {record and record.state}, outcome {record and record.outcome}"
        return
    if unsettled := [order.ticket for order in record.orders if not order.settled]:
        yield f"closed: orders are not settled: {unsettled}"
    truth = sets(intent, [fill for fill in fills if fill.status is not FillStatus.VOID])
    if (record.hedged, record.unwound, record.residual) != truth:
        yield f"truth: the record says {record.hedged} {record.unwound} {record.residual}, the fills {truth}"
    yield from _nothing_new(world, life)
    yield from _bounded(world, life, fills)
    asked = [
        (n, event.value[0])
        for n, event in enumerate(life.history.every_event())
        if event.kind is Kind.SAID and not event.refused and event.seen_at
    ]
    if len(asked) != len(record.commands):
        yield f"heard: {len(asked)} wishes were taken, the record has {len(record.commands)}"
    for order in record.orders if not asked else ():
        if (copies := world.copies[order.ticket.client_order_id]) > _MOST_COPIES:
            yield f"bounded: {order.ticket} left {copies} times"
    yield from _obeyed(life, asked)
    yield from sends(world, life, fills)
    yield from limits(world, life, fills, asked=bool(asked))
    early = (world.scenario.paid_early and record.residual) or world.overfilled
    floor = min(-intent.policy.loss_budget, _as_planned(intent)) - _too_small(intent, record.residual)
    floor -= _voided_gain(world, intent, fills) + _paid_less(world, intent, fills)
    if not asked and not early and not _sold_by_hand(world, intent) and record.pnl < floor:
        yield f"budget: it made ${record.pnl}, allowed ${floor} with a budget of ${intent.policy.loss_budget}"
    if life.disagreed and not any(fill.status is FillStatus.VOID for fill in fills):
        yield f"proven: its counts were contradicted {life.disagreed} times by a venue that took nothing back"
    yield from _hurried(world, life)


def _nothing_new(world: World, life: Life) -> Iterator[str]:
    for exchange in world.venues.values():
        for order in exchange.placed():
            late = life.closed_at is not None and order.at > life.closed_at
            if order.ticket.intent_id == life.plan.intent.id and late:
                yield f"nothing_new: {order.ticket} reached the venue after the trade had closed"


def _too_small(intent: Intent, residual: Decimal) -> Decimal:
    """What may be lost for want of an order small enough: dust by the policy, or less than the venue takes."""
    least = max(leg.min_size for leg in intent.legs)
    return residual if residual <= intent.policy.dust or residual < least * (len(intent.legs) - 1) else _ZERO


def _as_planned(intent: Intent) -> Decimal:
    """The P&L of the plan at its limits, a rounding for each of many fills: no budget forbids what was decided."""
    total = intent.payoff * intent.size
    for leg in intent.legs:
        slack = intent.policy.leg_b_slack
        price = leg.limit + slack if leg.side is Side.BUY else leg.limit - slack
        total += -price * leg.size if leg.side is Side.BUY else price * leg.size
        fee = trade_fee(rates_of(leg.fees), Match(leg.limit, leg.size))
        total -= Decimal(fee.numerator) / fee.denominator + 5 * (leg.fees.unit + _FEE_UNIT)
    return total


def _voided_gain(world: World, intent: Intent, fills: list[Fill]) -> Decimal:
    """How much better than planned, or than the best offer before the calm, the trade's voided fills were.

    While they stood, a repair was right to set that gain against the loss of another order.
    """
    legs = {(leg.venue, leg.market): leg for leg in intent.legs}
    gain = _ZERO
    for fill in fills:
        if fill.status is not FillStatus.VOID:
            continue
        limit = legs[fill.venue, fill.market].limit
        buying = fill.side is Side.BUY
        offers = [limit, *world.scenario.best_offers(fill.venue, fill.market, fill.side.opposite)]
        gain += max(max(offers) - fill.price if buying else fill.price - min(offers), _ZERO) * fill.size
    return gain


def _paid_less(world: World, intent: Intent, fills: list[Fill]) -> Decimal:
    """How much less the whole sets that were not handed back were paid than the intent was told they would be."""
    paid = world.scenario.payment.payouts
    each = sum((paid[leg.venue][leg.market] * (1 if leg.side is Side.BUY else -1) for leg in intent.legs), _ZERO)
    whole, _, _ = sets(intent, [fill for fill in fills if fill.status is not FillStatus.VOID])
    merged = sum((fill.size for fill in fills if fill.merged and fill.market == intent.legs[0].market), _ZERO)
    return max(intent.payoff - each, _ZERO) * (whole - merged)


def _sold_by_hand(world: World, intent: Intent) -> bool:
    """Whether a person sold, at a venue that sells nothing short, shares of a market the trade trades in."""
    markets = {(leg.venue, leg.market) for leg in intent.legs}
    return not world.scenario.shorts and any(
        order.ticket.client_order_id in world.hands and order.ticket.side is Side.SELL and order.fills
        for exchange in world.venues.values()
        for order in exchange.placed()
        if (exchange.venue, order.ticket.market) in markets
    )


def _bounded(world: World, life: Life, fills: list[Fill]) -> Iterator[str]:
    """By the venue's fills when the order was decided. What it had taken back by then, and what a person traded by
    hand, the trade may have known of or not."""
    seen: set[str] = set()
    for command in life.history.every_command():
        if command.name != "submit":
            continue
        ticket: OrderTicket = command.arguments[0]
        if ticket.purpose in (Purpose.OPEN, Purpose.MERGE) or ticket.client_order_id in seen:
            continue
        seen.add(ticket.client_order_id)
        if ticket.purpose is Purpose.UNWIND and _sells_while_parked(life, command):
            continue  # a minute after a person's word it sells beside an order whose outcome is open
        before = [f for f in fills if f.at <= command.at and f.client_order_id != ticket.client_order_id]
        room = _room(world, life.plan.intent, ticket, before, command.at)
        if ticket.purpose is Purpose.HEDGE:  # for what the venue itself has answered, if that was possible
            room = max(room, *(told for at, told in _answered(life) if at <= command.at), _ZERO)
        if ticket.size > room:
            yield f"bounded: {ticket} was decided while {room} stood alone"


def _sells_while_parked(life: Life, command: Command) -> bool:
    """Whether a parked run decided it, and a person had said to unwind."""
    parked = [is_parked for began, is_parked in life.parks if began <= command.at]
    return bool(parked and parked[-1]) and any(
        event.kind is Kind.SAID and event.value[0] in (Action.UNWIND, Action.FORCE_FLAT) and not event.refused
        for event in life.history.every_event()[: command.after]
    )


def _answered(life: Life) -> Iterator[tuple[int, Decimal]]:
    """When the venue accepted an order, and how many shares it said had filled."""
    for at, answer in life.answers:
        if answer.verdict is Verdict.ACCEPTED:
            yield at, answer.filled


def _room(world: World, intent: Intent, ticket: OrderTicket, fills: list[Fill], at: int) -> Decimal:
    """The most that an order on this leg can repair: up to the fullest leg, down to the emptiest."""
    least = {leg.name: _ZERO for leg in intent.legs}
    most = dict(least)
    legs = {(leg.venue, leg.market): leg for leg in intent.legs}
    for fill in fills:
        if fill.merged:
            continue
        leg = legs[fill.venue, fill.market]
        signed = fill.size if fill.side is leg.side else -fill.size
        doubtful = world.voids.get((fill.venue, fill.trade_id), at + 1) <= at or fill.client_order_id in world.hands
        least[leg.name] += min(signed, _ZERO) if doubtful else signed
        most[leg.name] += max(signed, _ZERO) if doubtful else signed
    leg = next(one for one in intent.legs if one.name == ticket.leg)
    if ticket.side is leg.side:
        return max(*most.values(), _ZERO) - least[leg.name]
    return most[leg.name] - max(min(least.values()), _ZERO)


def _obeyed(life: Life, asked: list[tuple[int, Action]]) -> Iterator[str]:
    """Orders decided after a person's word that it forbids. Buying back what was sold too often is no purchase."""
    if not asked:
        return
    seen: set[str] = set()
    for command in life.history.every_command():
        if command.name != "submit":
            continue
        ticket: OrderTicket = command.arguments[0]
        mode = None
        for n, action in asked:
            if n < command.after and action is not Action.ADOPT:
                mode = action
        if ticket.client_order_id in seen:
            continue  # once more the same bytes, to learn what became of the first
        seen.add(ticket.client_order_id)
        if mode is Action.HOLD and ticket.purpose is not Purpose.MERGE:
            yield f"obeyed: {ticket} was decided after a person said to hold"
        if mode in (Action.UNWIND, Action.FORCE_FLAT) and ticket.purpose in (Purpose.OPEN, Purpose.HEDGE):
            yield f"obeyed: {ticket} was decided after a person said to unwind"


def _hurried(world: World, life: Life) -> Iterator[str]:
    """The longest stretch with shares alone and no word of being stuck, against the sum of the policy's deadlines."""
    intent, policy = life.plan.intent, life.plan.intent.policy
    rests = sum(leg.rest_ms for leg in intent.legs)
    orders = len(intent.legs) + 1
    bound = orders * (policy.unknown_deadline_ms + policy.max_leg_delay_ms) + policy.repair_deadline_ms + rests
    bound += _SLACK_MS + life.down_ms + world.scenario.calm_ms
    since: int | None = None
    for at, state, residual in life.states:
        if residual > policy.dust and state not in _ENDED:
            since = at if since is None else since
            if at - since > bound * 1000:
                yield f"hurried: shares stood alone for {(at - since) // 1000} ms by {at - START} µs, allowed {bound}"
                return
        else:
            since = None


def _owns(life: Life, fill: Fill) -> bool:
    record = life.history.record
    return record is not None and any(order.ticket.client_order_id == fill.client_order_id for order in record.orders)


def _now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise RuntimeError("a read of what is in memory waited")
