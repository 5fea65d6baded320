"""What a way out brings at the books: counted apart from what decides, and told in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.fees import FeeSchedule
from domain.intent import Way
from domain.orders import Side
from domain.outlook import dollars, outlook, refusals
from domain.residual import Levels, Residual, Stand
from tests.ledger.samples import D

FEES = FeeSchedule(taker=D("0.07"))


def stand(name: str, shares: str, *, take: Levels = (), give: Levels = (), side: Side = Side.BUY) -> Stand:
    return Stand(name, side, D(shares), take, give, FEES, D("0.01"), D(1), D("0.01"))


def on_one_leg(*, give: Levels, take: Levels = ()) -> Residual:
    legs = (stand("A", "10", give=give), stand("B", "0", take=take))
    return Residual(legs, D("-4.168"), D(1), None, frozenset({Way.COMPLETE, Way.UNWIND}))


def test_both_ways_are_told_with_size_worst_price_cash_and_the_profit_or_loss_then() -> None:
    residual = on_one_leg(give=((D("0.39"), D(4)), (D("0.38"), D(20))), take=((D("0.55"), D(10)),))
    back, on = outlook(residual, Way.UNWIND), outlook(residual, Way.COMPLETE)
    assert back.final == D("-4.168") + back.parts[0].cash
    assert back.words == "unwinding now: sell 10 of A down to 0.38 for $3.67, P&L then -$0.49"
    assert on.words == "completing now: buy 10 of B up to 0.55 for $5.67, P&L then $0.16"


def test_what_the_bids_do_not_hold_has_no_profit_or_loss_and_says_how_much_goes() -> None:
    residual = on_one_leg(give=((D("0.39"), D(4)),))
    assert outlook(residual, Way.UNWIND).final is None
    assert outlook(residual, Way.UNWIND).words.startswith("unwinding now: sell 4 of 10 of A down to 0.39 for $1.49")
    assert outlook(residual, Way.COMPLETE).words == "completing now: buy 10 of B: no offers"
    assert outlook(on_one_leg(give=()), Way.UNWIND).words == "unwinding now: sell 10 of A: nobody bids"


def test_a_lowest_price_takes_the_levels_below_it_away() -> None:
    residual = on_one_leg(give=((D("0.39"), D(4)), (D("0.20"), D(20))))
    assert outlook(residual, Way.UNWIND, D("0.39")).parts[0].size == D(4)
    assert outlook(residual, Way.UNWIND, D("0.40")).words == "unwinding now: sell 10 of A: no price is good enough"


def test_a_share_held_short_is_bought_back_for_at_most_a_dollar_less_the_bound() -> None:
    short = stand("A", "10", give=((D("0.60"), D(4)), (D("0.75"), D(6))), side=Side.SELL)
    residual = replace(on_one_leg(give=()), legs=(short, stand("B", "0")))
    (part,) = outlook(residual, Way.UNWIND, D("0.30")).parts
    assert (part.side, part.size, part.worst) == (Side.BUY, D(4), D("0.60"))


@pytest.mark.parametrize(
    ("counted", "sent", "words"),
    [
        ([("kalshi", "trading_paused", 8)], 8, "kalshi refused all 8 orders (trading_paused)"),
        ([("kalshi", "trading_paused", 1)], 1, "kalshi refused the order (trading_paused)"),
        (
            [("kalshi", "trading_paused", 3), ("polymarket", "closed_only", 1)],
            5,
            "kalshi refused 3 of 5 orders (trading_paused); polymarket refused 1 of 5 orders (closed_only)",
        ),
        ([], 3, ""),
    ],
)
def test_refusals_are_told_in_the_venues_words(counted: list[tuple[str, str, int]], sent: int, words: str) -> None:
    assert refusals(counted, sent) == words


def test_dollars_carry_their_sign_before_the_mark() -> None:
    assert [dollars(D(text)) for text in ("-6.1249", "0", "1.37")] == ["-$6.12", "$0.00", "$1.37"]
