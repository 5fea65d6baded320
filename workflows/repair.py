"""Repair: shrink what stands alone until nothing, or nothing that matters, does.

Each round looks at the books, compares what can be done (`domain.residual`), tells the numbers, and sends one order;
its outcome is settled before the next look. What cannot be repaired in the policy's time is parked as STUCK with its
exposure reserved, and looked at ever more slowly; a person, a fill, a void or a better book ends that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from domain import residual
from domain.evidence import OrderStatus
from domain.intent import Way
from domain.money import plain
from domain.orders import Guard, Purpose, Quote, Side, SubmitResult, Verdict
from domain.outlook import dollars, outlook, refusals, sellable
from domain.send_bounds import BOUND
from domain.trade import TradeState
from workflows import bounds, fewer
from workflows.at_hand import TradeAtHand
from workflows.orders import SEND_WINDOW_US
from workflows.state import RepairState

_SLOWEST_LOOK_MS = 2_000
_STUCK_LOOK_MS = 5_000
_SLOWEST_STUCK_LOOK_MS = 900_000  # a stuck trade may look for weeks; each look grows its history
_FRUITLESS = 3
"""How many orders of one way on one leg may bring nothing before the other is tried: a venue may say no politely."""
_VOIDED = 2  # purchases on a leg that were voided, before the other way is tried first

# A venue that says we lack what its own fills say we have keeps a balance of its own, which lags. Nobody tells when it
# is refreshed: (for so long, looked at least this often) in ms.
_LAGGING = ((600_000, 4_000), (3_600_000, 10_000), (6 * 3_600_000, 30_000))
_SLOWEST_LAGGING_LOOK_MS = 300_000
_LAGGING_SALES = 6  # of so many tries all but one are sales
_LACKING = "insufficient_balance"


class Repairs:
    """The repairs of one trade. `run` comes back when what stands alone may stay so."""

    def __init__(self, trade: TradeAtHand) -> None:
        self._trade = trade
        self._desk = trade.desk
        self._policy = trade.intent.policy
        self._standing: residual.Residual | None = None  # as last looked at

    async def run(self, last: SubmitResult | None) -> None:
        """`last` is the answer to the last hedge, if this follows one: a recheck that refused has just seen that leg's
        book, and a venue that refused the hedge will refuse a completion too."""
        trade = self._trade
        seen = {last.quote.market: last.quote} if last is not None and last.quote is not None else {}
        if last is not None and last.verdict is not Verdict.DENIED:
            seen = {}  # the order has taken from what was seen
        effort = self._effort()
        if last is not None and last.verdict is Verdict.REJECTED:
            effort.refused.append((Way.COMPLETE, ""))  # the way as a whole; no leg of it is barred for good
        while not trade.may_stay():
            if not self._wished(effort):
                effort = self._begin()
            if trade.commands.holding:
                await self._hold(effort)
                continue
            if not effort.parked:
                trade.enter(TradeState.UNWIND if trade.commands.unwinding else TradeState.REBALANCE)
            self._desk.show(trade.record())
            await self._costs_known()
            found = await self._look(seen, effort)
            seen = {}
            await self._desk.heard()  # what a person said before this is sent counts
            if not self._wished(effort) or trade.may_stay():
                continue  # asked, or paid, during the look: what it found is no longer wanted
            if found.best is not None:
                if await self._send(found.best, found.why, effort):
                    continue
            elif self._by_policy(found):
                continue
            elif effort.refused and not self._waits(effort):
                self._try_again(effort)
                continue  # there is no other way: the one the venue refused is tried once more, a wait later
            if not effort.parked and self._desk.now() > effort.deadline:
                trade.tell(f"No repair so far: {found.why}.")
                await trade.park(self._why_stuck(effort))
                effort.parked, effort.look_ms, effort.slowest_ms = True, _STUCK_LOOK_MS, _SLOWEST_STUCK_LOOK_MS
            effort.woken = await self._rest(effort)
            effort.look_ms = min(effort.look_ms * 2, effort.slowest_ms)
        trade.memory.repair = None

    def _wished(self, effort: RepairState) -> bool:
        """Whether people still want what this effort began with."""
        return (effort.mode, effort.retries) == (self._trade.commands.mode, self._trade.retries)

    def _effort(self) -> RepairState:
        """The effort that the trade was in the middle of, or a new one."""
        going_on = self._trade.memory.repair
        return going_on if going_on is not None else self._begin()

    def _begin(self) -> RepairState:
        effort = RepairState(
            deadline=self._desk.now() + self._policy.repair_deadline_ms * 1000,
            look_ms=self._policy.ladder_wait_ms,
            slowest_ms=_SLOWEST_LOOK_MS,
            mode=self._trade.commands.mode,
            retries=self._trade.retries,
        )
        if self._trade.edition > 1:  # what is voided each time is no way out, however often it is accepted
            voided = self._trade.memory.voided
            effort.refused += [(Way.COMPLETE, leg) for leg, times in sorted(voided.items()) if times >= _VOIDED]
        self._trade.memory.repair = effort
        return effort

    def _try_again(self, effort: RepairState) -> None:
        """Forget what was refused; of a venue whose balance lags mostly the sale alone: that is the way that opens."""
        effort.lag_looks += 1
        if effort.lagging_since and effort.lag_looks % _LAGGING_SALES:
            effort.refused[:] = [refused for refused in effort.refused if refused[0] is not Way.UNWIND]
        else:
            effort.refused.clear()

    def _lagging_look_ms(self, effort: RepairState) -> int:
        """How long to wait at most while a venue's balance lags behind its fills."""
        if not effort.lagging_since:
            return effort.slowest_ms
        return _paced((self._desk.now() - effort.lagging_since) // 1000)

    async def _rest(self, effort: RepairState) -> bool:
        """Until the next look. A market that takes no orders is asked about meanwhile, which costs none: once it takes
        them again, what was refused is tried at once. True if a message, or that, ended the wait."""
        trade, wait_ms = self._trade, min(effort.look_ms, self._lagging_look_ms(effort))
        if trade.edition < 3 or not effort.refused or effort.lagging_since:
            return await trade.rest(wait_ms)
        until = self._desk.now() + wait_ms * 1000
        while await self._shut(effort):
            left_ms = (until - self._desk.now()) // 1000
            pace_ms = _paced((self._desk.now() - effort.shut_since) // 1000)
            if await trade.rest(max(min(pace_ms, left_ms), 1)) or not self._wished(effort):
                return True
            if left_ms <= pace_ms:
                return False
        if effort.shut_since:
            effort.shut_since, effort.look_ms = 0, _STUCK_LOOK_MS if effort.parked else self._policy.ladder_wait_ms
            effort.refused.clear()
            trade.tell("A market that took no orders takes them again; tried at once.")
            return True
        return await trade.rest(wait_ms)

    def _waits(self, effort: RepairState) -> bool:
        """Whether nothing is sent into a market that takes no orders. At the slowest pace it is tried all the same:
        what a venue says of a market may be wrong too."""
        return bool(effort.shut_since) and not (effort.parked and effort.look_ms >= effort.slowest_ms)

    async def _shut(self, effort: RepairState) -> bool:
        """Whether a market that refused takes no orders at all. What cannot be asked is as it was."""
        refused = {leg for _, leg in effort.refused}
        for leg in self._trade.intent.legs:
            if leg.name in refused or "" in refused:
                takes = await self._desk.takes_orders(leg.venue, leg.market)
                if takes is False or (takes is None and effort.shut_since):
                    effort.shut_since = effort.shut_since or self._desk.now()
                    return True
        return False

    async def _hold(self, effort: RepairState) -> None:
        """A person said: nothing. The trade shows as stuck, since somebody must end it."""
        if not effort.parked:
            effort.parked, effort.look_ms = True, _STUCK_LOOK_MS
            await self._trade.park("held by a person; `surefoot retry`, `accept` or `unwind` ends that")
        await self._counts_changed(effort)
        await self._markets_paid()
        effort.woken = await self._trade.rest(effort.look_ms)
        effort.look_ms = min(effort.look_ms * 2, _SLOWEST_STUCK_LOOK_MS)

    # ------------------------------------------------------------------ look

    async def _look(self, seen: Mapping[str, Quote], effort: RepairState) -> residual.Options:
        """The books now, and what each way would bring."""
        trade, policy = self._trade, self._policy
        asked, any_price = trade.commands.unwinding, trade.commands.at_any_price
        ways = {Way.UNWIND} if asked else set(policy.ways)
        doubted = effort.parked or effort.rejected
        effort.rejected = False
        if doubted:
            await self._markets_paid()
        if doubted or effort.woken:
            await self._counts_changed(effort)
        stands = [await self._stand(n, seen, asked=asked) for n in range(len(trade.intent.legs))]
        ticks = policy.ladder_ticks[min(effort.rung, len(policy.ladder_ticks) - 1)]
        standing = residual.Residual(
            legs=tuple(stands),
            cash=trade.orders.cash(),
            payoff=trade.intent.payoff,
            # What was decided is never forbidden: a plan that was to lose more is completed at its own prices.
            floor=None if any_price else min(-policy.loss_budget, trade.intent.edge),
            ways=frozenset(ways - {way for way, _ in effort.refused}),
            hold_discount=policy.hold_discount,
            extra_ticks=0 if self._least is not None else ticks,
            most=trade.intent.size if trade.orders.overfilled() else None,
            spare=None if any_price or trade.edition == 1 else self._spare(),
        )
        self._standing = standing
        found = residual.options(standing)
        if found.best is not None or found.hold or not effort.refused:
            return found
        # No way is open to all legs: what the venue refuses for one may be had for the others.
        return residual.options(replace(standing, ways=frozenset(ways), refused=frozenset(effort.refused)))

    def _spare(self) -> Decimal:
        """What is left of the reservation: a share held short has a dollar of it, less what it was sold for."""
        trade = self._trade
        short = sum((trade.held(leg) for leg in trade.intent.legs if leg.side is Side.SELL), Decimal(0))
        return trade.intent.worst_cost - sum(trade.orders.out().values(), Decimal(0)) - max(short, Decimal(0))

    async def _stand(self, n: int, seen: Mapping[str, Quote], *, asked: bool) -> residual.Stand:
        """One leg with its book; a book that cannot matter is not read."""
        trade = self._trade
        leg = trade.intent.legs[n]
        shares = trade.shares(leg)
        missing = shares < max(trade.shares(other) for other in trade.intent.legs)
        needed = shares > trade.hedged() or shares < 0 or (missing and not asked)
        least = self._least if shares > 0 else None  # what was given back too often is bought back at any price
        quote = seen.get(leg.market) if needed else None
        if needed and quote is None:
            quote = await self._desk.quote(leg.venue, leg.market)
        return residual.Stand(
            name=leg.name,
            side=leg.side,
            shares=shares,
            take=residual.levels_of(quote, leg.side),
            give=sellable(residual.levels_of(quote, leg.side.opposite), leg.side.opposite, least),
            fees=leg.fees,
            tick=leg.tick,
            min_size=leg.min_size,
            lot=leg.lot,
            bands=leg.bands,
        )

    # ------------------------------------------------------------------ act

    async def _send(self, best: residual.Repair, why: str, effort: RepairState) -> bool:
        """One order of the best plan. True if something filled: look again at once."""
        trade = self._trade
        leg = next(leg for leg in trade.intent.legs if leg.name == best.leg)
        size, before = bounds.piece(trade, leg, best.side, best.size), trade.shares(leg)
        why_not = await bounds.why_not(trade, leg, best, size)
        if why_not is None:
            await trade.put_on_record()
        if trade.shares(leg) != before or not self._wished(effort):
            return True  # evidence that was asked for says something else, or a person does
        if why_not is not None:
            await self._kept_back(why_not, effort)
            return False
        trade.tell(f"{plain(trade.alone())} shares stand alone. {why}. Chosen: {best.purpose} {best.leg}.")
        order = trade.new_order(leg, best.purpose, best.side, size, best.limit)
        guard = Guard(not_after=self._desk.now() + SEND_WINDOW_US)
        result = await trade.sender.send(order, guard)  # dangerous: may have filled
        effort.sent += result.sent
        if result.code == BOUND:  # by the ledger: it may have heard less than the trade
            trade.memory.unrecorded = True
            await self._kept_back(bounds.Refusal(result.detail, may_pass=False), effort)
            return False
        tried = (Way.COMPLETE if best.purpose is Purpose.COMPLETE else Way.UNWIND, leg.name)
        if order.filled:
            effort.rung = 0 if order.filled >= order.ticket.size else effort.rung + 1
            effort.lagging_since = 0
            _drop(effort.refused, tried)  # others stay refused: else what this took is given back to try them
            _drop(effort.fruitless, tried)
            return True
        if result.verdict is Verdict.REJECTED:  # a wider limit does not help where the venue says no
            effort.rung, effort.rejected = 0, True
            _add(effort.refused, tried)
            said = f"{leg.venue} {result.code or 'without a word'}"
            effort.refusals[said] = effort.refusals.get(said, 0) + 1
            if trade.edition > 1 and result.code == _LACKING and best.purpose is Purpose.UNWIND:
                effort.lagging_since = effort.lagging_since or self._desk.now()
        else:
            effort.rung += 1
            self._brought_nothing(tried, effort)
        return False

    @property
    def _least(self) -> Decimal | None:
        """What a share must bring, by a person's word, while its unwind holds."""
        return self._trade.memory.least if self._trade.commands.unwinding else None

    def _why_stuck(self, effort: RepairState) -> str:
        """In the venues' words where they refused, what each way would bring now, and when it looks next."""
        if self._trade.edition < 3:
            return "the residual could be neither completed nor unwound within the loss budget in time"
        said = [(*words.partition(" "), times) for words, times in sorted(effort.refusals.items())]
        why = refusals([(venue, code, times) for venue, _, code, times in said], effort.sent)
        if not why or sum(effort.refusals.values()) < effort.sent:
            limit = (
                f"{dollars(self._policy.loss_budget)} of loss" if self._least is None else "the price that was asked"
            )
            why = f"{why}; " if why else ""
            why += f"what stands alone could be neither completed nor unwound within {limit} in time"
        told = [why]
        if self._standing is not None:
            ways = (Way.UNWIND,) if self._trade.commands.unwinding else (Way.COMPLETE, Way.UNWIND)
            told += [_sentence(outlook(self._standing, way).words) for way in ways]
        next_look = datetime.fromtimestamp(self._desk.now() // 1_000_000 + _STUCK_LOOK_MS // 1000, UTC)
        told.append(f"It goes on by itself once it can: next look at {next_look:%H:%M:%S} UTC, then ever more slowly")
        return ". ".join(told)

    async def _kept_back(self, why: bounds.Refusal, effort: RepairState) -> None:
        """A bound refuses, or a second source is missing still: people are told which numbers do not fit."""
        trade = self._trade
        text = f"{plain(trade.alone())} shares stand alone. Not sent: {why.text}."
        if trade.memory.story[-1].text != text:
            trade.tell(text)
        if not why.may_pass and not effort.parked:
            await trade.park(f"a bound refuses what a repair asks for: {why.text}")
            effort.parked, effort.look_ms, effort.slowest_ms = True, _STUCK_LOOK_MS, _SLOWEST_STUCK_LOOK_MS

    def _brought_nothing(self, tried: tuple[Way, str], effort: RepairState) -> None:
        """Whatever way brings nothing, however politely the venue says so, gives way to the other."""
        effort.fruitless.append(tried)
        if self._trade.edition > 1 and effort.fruitless.count(tried) >= _FRUITLESS:
            _drop(effort.fruitless, tried)
            _add(effort.refused, tried)

    def _by_policy(self, found: residual.Options) -> bool:
        """Whether the policy's own rule lets what stands alone stay, and if so notes it."""
        trade = self._trade
        alone = trade.alone()
        if found.hold and not trade.commands.unwinding:
            trade.tell(f"{plain(alone)} shares stand alone. {found.why}. Chosen: hold.")
        elif found.too_small and found.affordable_loss:
            trade.tell(f"{plain(alone)} shares stand alone: less than the venue's smallest order on every way. Dust.")
        else:
            return False
        trade.commands.keep(alone)
        return True

    async def _costs_known(self) -> None:
        """An answer may state averages alone, and its cash is a bound then: what filled is asked for, once an order."""
        for order in self._trade.orders.orders:
            if order.settled and order.cost_is_a_bound and not order.cost_asked:
                order.cost_asked = True
                seen = await self._desk.evidence(
                    order.ticket, order.order_id, order.sent_at, self._policy.absence_grace_ms
                )
                if seen is None or seen.status is not OrderStatus.DONE or seen.beyond:
                    continue
                if seen.complete:
                    self._trade.adopt(order, seen)
                elif seen.filled == order.filled:  # its fills lag, what it cost does not
                    order.paid, order.fees_paid = seen.paid, seen.fees_paid

    async def _counts_changed(self, effort: RepairState) -> None:
        """What a trade stands on may change without it: a venue voids a fill, or counts one more. Every order is asked
        for until its fills are final, and again when a message came; what cannot be read now is read next time.

        An adopted order was dead when it came, and has no name of ours to be found by: the tail asks for it.
        """
        trade, woken, effort.woken = self._trade, effort.woken, False
        grace_ms = self._policy.absence_grace_ms
        for order in trade.orders.orders:
            ticket = order.ticket
            if (order.final and not woken) or not order.may_have_filled or ticket.purpose is Purpose.ADOPTED:
                continue
            seen = await self._desk.evidence(ticket, order.order_id, order.sent_at, grace_ms)
            if seen is None or seen.status is not OrderStatus.DONE or not seen.complete:
                continue
            if seen.beyond and trade.edition > 1 and await trade.counted(order, seen) != seen.filled:
                continue
            if await fewer.believed(trade, order, seen):
                trade.adopt(order, seen)

    async def _markets_paid(self) -> None:
        """A market that has paid trades no more: what stood alone there is cash, for better or worse."""
        trade = self._trade
        for leg in trade.intent.legs:
            if not trade.held(leg):
                continue
            paid = await self._desk.resolution(leg.venue, leg.market)
            if paid is None or paid.payout is None:
                return
        alone = trade.alone()
        if alone:
            trade.tell(f"Every market has paid; the {plain(alone)} shares that stood alone are cash.")
            trade.commands.keep(alone)


def _paced(for_ms: int) -> int:
    """How soon to look again at what a venue has kept from us for so long."""
    return next((look_ms for until_ms, look_ms in _LAGGING if for_ms < until_ms), _SLOWEST_LAGGING_LOOK_MS)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _add(ways: list[tuple[Way, str]], way: tuple[Way, str]) -> None:
    if way not in ways:
        ways.append(way)


def _drop(ways: list[tuple[Way, str]], way: tuple[Way, str]) -> None:
    ways[:] = [other for other in ways if other != way]
