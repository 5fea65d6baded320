"""The story of one trade in plain words: what was planned, what was sent, what the venue said, how it ended.

Two clocks tell it. Steps and sends carry our clock and count from the first of them; decisions and fills carry the
exchange's and count from the decision. They are not mixed: a replay's exchange clock may be months behind ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.evidence import Fill, FillStatus, Redemption
from domain.exposure import own_fills, payoff_due, realised_pnl, unhedged_notional_seconds
from domain.intent import Intent
from domain.money import tidy
from domain.naming import shown
from domain.operator import CommandRecord
from domain.orders import Side, Verdict
from domain.snapshot import OrderFacts, TradeFacts
from domain.trade import Outcome, TradeState
from domain.workflow_fault import WorkflowFault
from ledger.story import SentBody, TradeStory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAME_SESSION_US = 3_600_000_000

_ENDINGS = {
    Outcome.HEDGED: "every filled share has its other side",
    Outcome.UNWOUND: "what filled was given back, nothing is left",
    Outcome.REDUCED: "part is hedged, the rest was given back",
    Outcome.MISSED: "the first leg did not fill, nothing happened",
    Outcome.DENIED: "refused before anything was sent",
    Outcome.RESIDUAL: "what stands alone was kept: as dust, by the policy's rule, or by a person",
}


def render(story: TradeStory, names: Mapping[str, str] | None = None) -> list[str]:
    """Lines of text, without colour or markup; every number exact. `names` say by token id what tokens stand for."""
    intent = story.intent
    lines = [f"Trade {intent.id}", f"  run {story.run_id}, pair {intent.pair}, {_strategy(intent)}"]
    lines += [f"  NOW: {fault.words}" for fault in story.faults if fault.cleared_at is None]
    lines += ["", "Plan"]
    lines += [f"  {line}" for line in _plan(intent, names or {})]
    timeline = _timeline(story)
    if timeline:
        lines += ["", f"What happened, from {_clock(timeline[0][0])} (our clock)"]
        zero = timeline[0][0]
        lines += [f"  {_after(at - zero)}  {text}" for at, text in timeline]
    if story.orders:
        lines += ["", "Orders"]
        for order in story.orders:
            lines += [f"  {line}" for line in _order(order, story.fills, intent)]
    if story.commands:
        lines += ["", "Commands", *(f"  {_command(command)}" for command in story.commands)]
    if story.faults:
        lines += ["", "Workflow faults", *(f"  {_fault(fault)}" for fault in story.faults)]
    if story.redemptions:
        lines += ["", "Paid", *(f"  {_redemption(paid)}" for paid in story.redemptions)]
    lines += ["", "Result", *(f"  {line}" for line in _result(story))]
    return lines


def _strategy(intent: Intent) -> str:
    return f"strategy {intent.strategy} version {intent.strategy_version}"


def _plan(intent: Intent, names: Mapping[str, str]) -> Iterable[str]:
    for leg in intent.legs:
        yield (
            f"{leg.side} {_count(leg.size)} of {shown(leg.market)} at {tidy(leg.limit)} or better, "
            f"${tidy(leg.expected_cost)} with fees (leg {leg.name}, {leg.venue})"
        )
        if shown(leg.market) != leg.market:
            name = f"{names[leg.market]}, " if leg.market in names else ""
            yield f"    {shown(leg.market)} is {name}token {leg.market}"
    if intent.claim:
        yield f"the legs are one claim by {intent.claim}; see `surefoot claims show {intent.claim.partition('@')[0]}`"
    payoff = intent.payoff * intent.size  # shares held short pay the negative of theirs
    yield (
        f"together they pay ${tidy(payoff)} for certain and cost ${tidy(intent.planned_cost)}: "
        f"${tidy(intent.edge)} expected after fees"
    )
    ttl = intent.expires_at - intent.decided_at
    yield f"decided {_clock(intent.decided_at)} (exchange clock), valid for {_seconds(ttl)}"
    for book in intent.evidence:
        bid, ask = (tidy(side) if side is not None else "none" for side in (book.bid, book.ask))
        age = _seconds(max(intent.decided_at - book.exchange_at, 0))
        yield f"seen: {shown(book.market)} bid {bid}, ask {ask}, last changed {age} before"
    yield (
        f"a repair may lose up to ${tidy(intent.policy.loss_budget)}; "
        f"at worst ${tidy(intent.worst_cost)} is out at once"
    )


def _timeline(story: TradeStory) -> list[tuple[int, str]]:
    """Steps and sends by our clock; of one instant, the send comes first: a step tells what came of it."""
    names = {order.client_order_id: f"{order.ticket.leg}{order.ticket.attempt}" for order in story.orders}
    told = [(step.at, 1, f"{step.state:<9}  {step.text}") for step in story.steps]
    sent = [(send.at, 0, _sent(send, names.get(send.client_order_id, "?"))) for send in story.sends]
    last = max((step.at for step in story.steps), default=0)
    heard = [(order.last_sent_at, 1, _heard(order)) for order in story.orders if order.last_sent_at > last]
    answered = [line for line in heard if line[2]]
    return [(at, text) for at, _, text in sorted([*told, *sent, *answered], key=lambda event: event[:2])]


def _heard(order: OrderFacts) -> str:
    """What became of an order that its trade has not told of yet: its activity has, as the answer came."""
    if order.verdict is None:
        return ""
    name = f"{order.ticket.purpose} {order.ticket.leg}{order.ticket.attempt}"
    filled = f", {_count(order.filled)} filled" if order.filled else ""
    why = f" ({order.code})" if order.code else ""
    return f"← answer   {name}: {order.verdict}{why}{filled}: {order.detail}".rstrip(": ")


def _sent(send: SentBody, name: str) -> str:
    again = "" if send.n == 1 else f", copy {send.n} of the same bytes"
    return f"→ wire     {name} is about to leave, {len(send.body.encode())} bytes, sha256 {send.sha256[:12]}{again}"


def _order(order: OrderFacts, fills: Iterable[Fill], intent: Intent) -> Iterable[str]:
    ticket = order.ticket
    yield (
        f"{ticket.leg}{ticket.attempt} ({ticket.purpose}): {ticket.side} {_count(ticket.size)} {shown(ticket.market)} "
        f"at {tidy(ticket.limit)} or better, {ticket.tif.replace('_', ' ')}"
    )
    verdict = order.verdict or "no answer recorded"
    reason = f" ({order.code})" if order.code else ""
    detail = f": {order.detail}" if order.detail else ""
    yield f"    {verdict}{reason}{detail}"
    settled = "settled" if order.settled else "not settled: only the venue's evidence can tell"
    stayed = order.sends == 0 or order.verdict is Verdict.DENIED
    copies = "never left" if stayed else f"sent {order.sends} time{'s' if order.sends > 1 else ''}"
    if ticket.foreign_id:
        copies = "placed elsewhere and adopted"
    yield f"    {copies}; filled {_count(order.filled)}, {settled}"
    yield f"    client order id {order.client_order_id}, venue order id {order.order_id or 'unknown'}"
    for fill in fills:
        if fill.client_order_id == order.client_order_id or (order.order_id and fill.order_id == order.order_id):
            yield f"    {_fill(fill, intent)}"


def _command(command: CommandRecord) -> str:
    return f"{_clock(command.at)}  {command.action}, {command.author}: {command.reason} → {command.answer}"


def _fault(fault: WorkflowFault) -> str:
    ended = "still" if fault.cleared_at is None else f"until {_clock(fault.cleared_at)}"
    tries = f", attempt {fault.attempt}" if fault.attempt else ""
    return f"{_clock(fault.first_seen)}  {fault.kind} {ended}, version {fault.build}{tries}: {fault.text}"


def _redemption(paid: Redemption) -> str:
    held = "short of" if paid.shares < 0 else "of"
    cash = f"${tidy(abs(paid.cash))} {'given back' if paid.cash < 0 else 'received'}"
    paying = f"{shown(paid.market)} paid ${tidy(paid.payout)}"
    return f"{_clock(paid.at)}  {paying}: {_count(abs(paid.shares))} {held} it, {cash}"


def _fill(fill: Fill, intent: Intent) -> str:
    since = fill.at - intent.decided_at
    near = abs(since) < _SAME_SESSION_US
    when = f"{_seconds(abs(since))} {'after' if since >= 0 else 'before'} the decision" if near else _clock(fill.at)
    done = "handed back" if fill.merged else "bought" if fill.side is Side.BUY else "sold"
    cash = f"${tidy(abs(fill.cash))} {'paid' if fill.cash < 0 else 'received'}"
    status = "" if fill.status is FillStatus.FINAL else f", {fill.status}"
    return (
        f"{done} {_count(fill.size)} at {tidy(fill.told_price)}, fee ${tidy(fill.fee)}: {cash}, {when} "
        f"(exchange clock), trade {fill.trade_id}{status}"
    )


def _result(story: TradeStory) -> Iterable[str]:
    trade = story.trade
    if trade is None:
        yield "no order was ever begun for this intent"
        return
    yield _standing(trade)
    hedged, unwound, residual = (_count(shares) for shares in (trade.hedged, trade.unwound, trade.residual))
    yield f"{hedged} hedged, {unwound} unwound, {residual} standing alone (shares)"
    fills = own_fills(story.intent, story.fills)
    fees = sum((fill.fee for fill in fills), Decimal(0))
    pnl = realised_pnl(story.intent, fills, story.redemptions)
    due = payoff_due(story.intent, fills, story.redemptions)
    yield f"P&L ${tidy(pnl)} against ${tidy(story.intent.edge)} expected; fees ${tidy(fees)}"
    if due:
        yield f"of it ${tidy(due)} is still to be paid by the markets: what hedged shares are certain of"
    alone = unhedged_notional_seconds(story.intent, fills, trade.at)
    yield f"${tidy(alone)}·s unhedged (price × shares × seconds without the other side)"
    if trade.reserved:
        what = "locked until the markets pay" if trade.state is TradeState.SETTLING else "still reserved"
        yield f"${tidy(trade.reserved)} {what}"


def _standing(trade: TradeFacts) -> str:
    if trade.outcome is not None:
        waits = "; its markets have not paid yet" if trade.state is TradeState.SETTLING else ""
        return f"{trade.state}, {trade.outcome}: {_ENDINGS[trade.outcome]}{waits}"
    if trade.state is TradeState.STUCK:
        return (
            f"{trade.state}: waits for evidence or a person; `surefoot unwind {trade.id} --reason …`, "
            "or retry, accept, adopt"
        )
    return f"{trade.state}: under way when the ledger last heard of it, {_clock(trade.at)}"


def _count(shares: Decimal) -> str:
    """Shares without idle zeros: `10`, `2.5`."""
    return tidy(shares).removesuffix(".00")


def _clock(at: int) -> str:
    moment = _EPOCH + timedelta(microseconds=at)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"


def _after(us: int) -> str:
    """`+0.014 s`, aligned to nine columns."""
    sign = "-" if us < 0 else "+"
    return f"{sign + _seconds(abs(us)):>11}"


def _seconds(us: int) -> str:
    """Microseconds as seconds to the millisecond, rounded down, in whole-number arithmetic."""
    return f"{us // 1_000_000}.{us % 1_000_000 // 1000:03} s"
