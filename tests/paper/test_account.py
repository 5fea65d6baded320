"""Cash, positions, reservations and fees, to the last micro-dollar."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeSchedule
from paper.core.records import Order
from paper.kalshi.account import Account, Commitment

CENT, LOT = 10_000, 1_000_000
OPENING = 1_000 * LOT
FEES = FeeSchedule()


def order(side: str, count: int, price: int = 50 * CENT) -> Order:
    return Order(
        seq=1,
        order_id="o",
        client_order_id="c",
        ticker="M-E-T",
        side=side,
        price=price,
        count=count,
        remaining=count,
        status="resting",
        time_in_force="immediate_or_cancel",
        self_trade="taker_at_cross",
        created_at=0,
        updated_at=0,
    )


def trade(account: Account, side: str, price: int, size: int, fees: FeeSchedule = FEES) -> int:
    return account.fill(order(side, size), price, size, fees, taker=True, at=1)[1]


def test_a_bought_share_costs_its_price_and_the_recorded_fee() -> None:
    account = Account(OPENING, 100)
    assert trade(account, "bid", 52 * CENT, LOT) == 17_500
    assert account.cash == OPENING - 520_000 - 17_500


def test_selling_what_is_not_held_costs_as_much_as_the_no_share() -> None:
    account = Account(OPENING, 100)
    fee = trade(account, "ask", 40 * CENT, 10 * LOT)
    assert account.cash == OPENING - 6 * LOT - fee
    assert account.positions["M-E-T"].shares == -10 * LOT
    assert account.positions["M-E-T"].cost == 6 * LOT


def test_buying_back_frees_the_collateral_and_realises_the_difference() -> None:
    account = Account(OPENING, 100)
    fees = trade(account, "ask", 40 * CENT, 10 * LOT) + trade(account, "bid", 30 * CENT, 10 * LOT)
    assert account.positions["M-E-T"].realized == 1 * LOT
    assert account.cash == OPENING + 1 * LOT - fees


def test_a_cent_member_pays_whole_cents() -> None:
    account = Account(OPENING, 10_000)
    assert trade(account, "bid", 50 * CENT, LOT) == 20_000  # 0.0175 and 0.0025 of rounding
    assert account.cash % 10_000 == 0


def test_a_working_bid_holds_back_its_limit_and_fee_unless_it_closes_a_short() -> None:
    account = Account(OPENING, 100)
    bid = Commitment("bid", 40 * CENT, 10 * LOT, 5_000)
    assert account.reserve("M-E-T", [bid]) == 4 * LOT + 5_000
    trade(account, "ask", 50 * CENT, 10 * LOT)
    assert account.reserve("M-E-T", [bid]) == 0
    # Ten shares close, whichever they are; the cheapest are counted as closing, so two at 0.40 remain.
    assert account.reserve("M-E-T", [bid, Commitment("bid", 30 * CENT, 2 * LOT, 0)]) == 800_000 + 5_000


_TRADES = st.lists(
    st.tuples(
        st.sampled_from(["bid", "ask"]),
        st.integers(1, 9_999).map(lambda n: n * 100),
        st.integers(1, 50_000).map(lambda n: n * 10_000),
    ),
    max_size=30,
)


@given(trades=_TRADES, unit=st.sampled_from([100, 10_000]), maker=st.sampled_from(["0", "0.0175"]), taker=st.booleans())
def test_cash_positions_and_fees_conserve_to_the_last_micro(
    trades: list[tuple[str, int, int]], unit: int, maker: str, taker: bool
) -> None:
    account = Account(OPENING, unit)
    schedule = FeeSchedule(maker=Decimal(maker))
    signed = 0
    for side, price, size in trades:
        fee = account.fill(order(side, size), price, size, schedule, taker=taker, at=1)[1]
        value = price * size // LOT
        signed += (-value if side == "bid" else value) - fee
        held = account.positions["M-E-T"]
        assert account.signed_cash == OPENING + signed
        # Nothing is lost: cash, what the position cost, and what trading brought, add up.
        assert account.cash + held.cost == OPENING + held.realized - held.fees
        assert held.cost >= 0
        if not held.shares:
            assert held.cost == 0
        if unit == 100:
            assert account.cash % 100 == 0


@given(trades=_TRADES, unit=st.sampled_from([100, 10_000]))
def test_a_fee_is_at_least_the_exact_fee_less_a_cent_and_at_most_two_roundings_above(
    trades: list[tuple[str, int, int]], unit: int
) -> None:
    account = Account(OPENING, unit)
    for side, price, size in trades:
        exact_micros = 7 * price * (LOT - price) * size // (100 * LOT * LOT)
        fee = trade(account, side, price, size)
        assert exact_micros - 10_000 <= fee <= exact_micros + 1 + 100 + unit


@given(
    held=st.integers(-500, 500),
    working=st.lists(
        st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 99), st.integers(1, 300)), min_size=1, max_size=4
    ),
    shuffle=st.randoms(use_true_random=False),
)
def test_the_reservation_covers_every_order_of_fills(
    held: int, working: list[tuple[str, int, int]], shuffle: object
) -> None:
    account = Account(OPENING * 1000, 100)
    if held:
        trade(account, "bid" if held > 0 else "ask", 50 * CENT, abs(held) * LOT)
    commitments = [
        Commitment(
            side,
            price * CENT,
            size * LOT,
            account.fee_bound(FEES, side, price * CENT, size * LOT, taker=True, rows=1),
        )
        for side, price, size in working
    ]
    floor = account.cash - account.reserve("M-E-T", commitments)
    shuffle.shuffle(commitments)
    for commitment in commitments:
        trade(account, commitment.side, commitment.price, commitment.remaining)
        assert account.cash >= floor
