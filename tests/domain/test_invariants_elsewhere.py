"""The invariants where markets pay, shares are held short, money is moved and orders are placed elsewhere."""

from __future__ import annotations

from dataclasses import replace

from domain.evidence import Redemption
from domain.invariants import (
    cash_and_positions_balance,
    check_all,
    no_orphan_orders,
    same_bytes,
)
from domain.market import Venue
from domain.orders import Purpose, Side
from domain.snapshot import (
    Arrival,
    CashEntry,
    WorkingOrder,
)
from domain.trade import TradeState
from tests.domain.facts import PLANNED, RECORD, TICKETS, arrivals, broken, ledger, order, trade, venue
from tests.ledger.samples import OPENING, START, A, B, D, order_id

# ---------------------------------------------------------------------- payment, shorts, orders placed elsewhere


def paid(market: str, shares: int, payout: str) -> Redemption:
    return Redemption(Venue.KALSHI, market, PLANNED.id, D(shares), D(payout), START + 9)


def settlement(one: Redemption) -> CashEntry:
    return CashEntry(one.venue, "settlement", f"{one.market}/{one.intent_id}", one.cash, one.at, one.intent_id)


def test_what_markets_paid_is_cash_and_no_position_any_more() -> None:
    payments = (paid(A, 10, "1"), paid(B, 10, "0"))
    known = ledger(
        redemptions=payments,
        cash=(*ledger().cash, *(settlement(one) for one in payments)),
        positions={(Venue.KALSHI, A): D(0), (Venue.KALSHI, B): D(0)},
    )
    account = venue(cash=venue().cash + 10, positions={})
    assert all(finding.holds for finding in check_all(known, account, arrivals()))
    broken(cash_and_positions_balance(known, venue(positions={})), "$-10.0000 unexplained")
    broken(cash_and_positions_balance(replace(known, cash=ledger().cash), account), "settlement", A)
    broken(cash_and_positions_balance(replace(known, positions=ledger().positions), account), A)


def test_a_market_that_paid_otherwise_than_certain_shows_in_the_booked_pnl() -> None:
    payments = (paid(A, 10, "0.5"), paid(B, 10, "0"))
    known = ledger(redemptions=payments, cash=(*ledger().cash, *(settlement(one) for one in payments)))
    broken(cash_and_positions_balance(known, None), PLANNED.id, "earned $-4.8413")


def test_a_share_held_short_locks_a_dollar_of_the_venues_cash() -> None:
    sold = replace(RECORD.fills[1], side=Side.SELL)
    ref = f"{sold.trade_id}/{sold.order_id}"
    opening, bought = ledger().cash[:2]
    intent_ = replace(PLANNED, legs=(PLANNED.legs[0], replace(PLANNED.legs[1], side=Side.SELL)), payoff=D(0))
    known = ledger(
        trades=(replace(trade(pnl=RECORD.fills[0].cash + sold.cash), intent=intent_),),
        fills=(RECORD.fills[0], sold),
        cash=(opening, bought, CashEntry(Venue.KALSHI, "fill", ref, sold.cash, START)),
        positions={(Venue.KALSHI, A): D(10), (Venue.KALSHI, B): D(-10)},
    )
    cash = OPENING + RECORD.fills[0].cash + sold.cash
    account = venue(cash=cash - 10, positions={A: D(10), B: D(-10)}, fills=known.fills)
    assert cash_and_positions_balance(known, account).holds
    broken(
        cash_and_positions_balance(known, replace(account, cash=cash)),
        "$1001.1587 less $10 of collateral",
        "$10.0000 unexplained",
    )


def test_a_transfer_counts_in_the_balance_and_is_no_fill() -> None:
    moved = CashEntry(Venue.KALSHI, "transfer", "wire-7", D("-40"), START)
    known = ledger(cash=(*ledger().cash, moved))
    assert cash_and_positions_balance(known, venue(cash=venue().cash - 40)).holds


def test_an_order_placed_elsewhere_may_arrive_once_a_trade_has_adopted_it() -> None:
    theirs = Arrival("typed-by-hand", 1, ("f" * 64,))
    broken(same_bytes(ledger(), [theirs]), "typed-by-hand", "never recorded")
    adopted = replace(TICKETS[1], attempt=2, purpose=Purpose.ADOPTED, foreign_id="typed-by-hand")
    facts = replace(order(1), ticket=adopted, client_order_id="typed-by-hand", sends=0, first_sent_at=0)
    assert same_bytes(ledger(orders=(*ledger().orders, facts)), [theirs]).holds


def test_a_settling_trade_has_no_order_left_open_either() -> None:
    working = (WorkingOrder(order_id(TICKETS[0]), TICKETS[0].client_order_id, A, D(5)),)
    settling = (trade(state=TradeState.SETTLING),)
    broken(no_orphan_orders(ledger(trades=settling), venue(working=working)), "is settling")
    broken(no_orphan_orders(ledger(trades=settling, orders=(order(0, settled=False),)), None), "is settling")
