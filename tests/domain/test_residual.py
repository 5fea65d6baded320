"""What stands alone is completed, given back or kept: whichever is expected to bring most, never below the floor."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeModel, FeeSchedule
from domain.intent import Way
from domain.market import PriceRange
from domain.orders import Purpose, Quote, Side
from domain.residual import Levels, Options, Repair, Residual, Stand, alone, hedged, levels_of, options

D = Decimal
FEES = FeeSchedule()
CENT = D("0.01")
BOTH = frozenset({Way.COMPLETE, Way.UNWIND})
ALL = frozenset(Way)


def book(*levels: tuple[str, str]) -> Levels:
    return tuple((D(price), D(size)) for price, size in levels)


def leg(
    name: str,
    shares: str,
    take: Levels = (),
    give: Levels = (),
    *,
    side: Side = Side.BUY,
    min_size: str = "0.01",
) -> Stand:
    return Stand(name, side, D(shares), take, give, FEES, CENT, D(min_size), CENT)


def pair(
    take: Levels = (),
    give: Levels = (),
    *,
    shares: str = "10",
    cash: str = "-4.17",
    floor: str | None = "-5",
    ways: frozenset[Way] = BOTH,
    ticks: int = 0,
    discount: str = "0.05",
    min_size: str = "0.01",
) -> Options:
    """`shares` of A stand alone, B is missing: `take` are B's asks, `give` A's bids; A is asked at a cent above."""
    asked = tuple((price + CENT, size) for price, size in give)
    return options(
        Residual(
            (leg("A", shares, asked, give, min_size=min_size), leg("B", "0", take, (), min_size=min_size)),
            D(cash),
            D(1),
            D(floor) if floor is not None else None,
            ways,
            D(discount),
            ticks,
        )
    )


def best(found: Options) -> Repair:
    assert found.best is not None, found.why
    return found.best


# ---------------------------------------------------------------------- two legs


def test_completing_at_57_cents_beats_selling_at_38_and_selling_beats_completing_at_63() -> None:
    assert best(pair(book(("0.57", "10")), book(("0.38", "10")))).purpose is Purpose.COMPLETE
    assert best(pair(book(("0.63", "10")), book(("0.38", "10")))).purpose is Purpose.UNWIND


def test_a_book_that_is_better_but_shallow_goes_first_and_leaves_the_rest_to_the_other() -> None:
    found = best(pair(book(("0.50", "9")), book(("0.10", "10"))))
    assert (found.purpose, found.size, found.target) == (Purpose.COMPLETE, D(9), D(9))
    found = best(pair(book(("0.50", "1")), book(("0.49", "10"))))
    assert (found.purpose, found.size) == (Purpose.COMPLETE, D(1))


def test_without_depth_or_budget_there_is_no_repair_and_the_reason_says_so() -> None:
    nothing = pair()
    assert nothing.best is None
    assert nothing.why.count("impossible") == 2
    assert "lowest allowed $-5" in nothing.why
    assert pair(book(("0.80", "10")), book(("0.20", "10")), floor="-0.50").best is None


def test_a_person_who_lifts_the_floor_gives_back_at_any_price() -> None:
    found = best(pair((), book(("0.01", "10")), floor=None, ways=frozenset({Way.UNWIND}), ticks=8))
    assert (found.side, found.limit) == (Side.SELL, CENT)


def test_only_the_levels_within_the_budget_are_taken() -> None:
    offered = book(("0.60", "4"), ("0.61", "4"), ("0.70", "4"))
    found = best(pair(offered, floor="-0.50", ways=frozenset({Way.COMPLETE})))
    assert (found.size, found.limit) == (D(8), D("0.61"))


def test_a_fee_that_rounding_makes_larger_than_the_budget_is_not_paid() -> None:
    """Three hundredths at 57 cents cost $0.0171 and a fee of $0.00051, rounded up to $0.0006: $0.0012 are lost, not
    $0.00111."""
    rounded: dict[str, Any] = {"shares": "0.03", "cash": "-0.0135", "ways": frozenset({Way.COMPLETE})}
    assert pair(book(("0.57", "0.03")), floor="-0.00115", **rounded).best is None
    assert pair(book(("0.57", "0.03")), floor="-0.00132", **rounded).best is not None


def test_every_further_fill_rounds_its_own_fee() -> None:
    rounded: dict[str, Any] = {"shares": "0.03", "cash": "-0.0135", "ways": frozenset({Way.COMPLETE})}
    hundredths = book(("0.57", "0.01"), ("0.57", "0.01"), ("0.57", "0.01"))
    assert best(pair(hundredths, floor="-0.00152", **rounded)).size == D("0.02")  # two roundings, no third
    assert best(pair(hundredths, floor="-0.00172", **rounded)).size == D("0.03")


@pytest.mark.parametrize(
    ("take", "give", "floor", "ticks", "limit"),
    [
        ("0.55", None, "-5", 4, "0.59"),
        (None, "0.38", "-5", 4, "0.34"),
        ("0.55", None, "-0.10", 40, "0.57"),
        ("0.98", None, "-9", 8, "0.99"),
    ],
)
def test_extra_ticks_widen_the_limit_away_from_us_but_never_past_the_floor(
    take: str | None, give: str | None, floor: str, ticks: int, limit: str
) -> None:
    ways = frozenset({Way.COMPLETE if take else Way.UNWIND})
    found = pair(
        book((take, "10")) if take else (), book((give, "10")) if give else (), floor=floor, ticks=ticks, ways=ways
    )
    assert best(found).limit == D(limit)


def test_a_missing_quote_is_an_empty_book() -> None:
    seen = Quote("M", ((D("0.38"), D(1)),), ((D("0.40"), D(2)),), 0, 0)
    assert levels_of(None, Side.BUY) == ()
    assert (levels_of(seen, Side.BUY), levels_of(seen, Side.SELL)) == (seen.asks, seen.bids)


# ---------------------------------------------------------------------- holding, dust


def test_holding_is_chosen_only_if_it_is_allowed_worth_most_and_bearable_at_worst() -> None:
    poor = book(("0.05", "10"), ("0.04", "10"))
    wide = Residual(
        (leg("A", "10", book(("0.75", "10")), poor), leg("B", "0", book(("0.95", "10")))), D("-4.17"), D(1), D(-5), ALL
    )
    found = options(wide)
    assert found.hold
    assert found.best is None
    assert "holding" in found.why
    tight = options(Residual(wide.legs, wide.cash, wide.payoff, D("-4"), ALL))
    assert not tight.hold
    assert not options(Residual(wide.legs, wide.cash, wide.payoff, wide.floor, BOTH)).hold
    assert not options(Residual(wide.legs, wide.cash, wide.payoff, wide.floor, ALL, D("0.40"))).hold


def test_a_total_loss_of_exactly_the_budget_is_affordable_and_a_tie_is_repaired_not_held() -> None:
    sold: dict[str, Any] = {
        "give": book(("0.38", "10")),
        "ways": ALL,
        "cash": "-4.17",
    }  # at 0.38, less a fee of 0.165: 3.635
    assert pair(**sold, floor="-4.17", discount="-1").hold
    assert not pair(**sold, floor="-4.16", discount="-1").hold
    assert pair(**sold, floor="-5", discount="0.0214").hold  # the middle is 0.385
    assert not pair(**sold, floor="-5", discount="0.0215").hold


def test_what_one_way_takes_is_not_too_small_and_without_a_way_nothing_is() -> None:
    coarse = leg("A", "3", (), book(("0.38", "10")), min_size="5")
    taken = options(Residual((coarse, leg("B", "0", book(("0.55", "10")))), D("-1.2"), D(1), D("-5"), BOTH))
    assert best(taken).purpose is Purpose.COMPLETE
    assert not taken.too_small
    assert not pair(ways=frozenset({Way.HOLD})).too_small


def test_a_book_that_is_empty_just_now_makes_nothing_dust_that_its_venue_would_take() -> None:
    coarse = leg("A", "3", (), book(("0.38", "10")), min_size="5")
    unread = options(Residual((coarse, leg("B", "0")), D("-1.2"), D(1), D("-5"), BOTH))
    assert unread.best is None
    assert not unread.too_small  # three of B complete it as soon as somebody offers them
    both = options(Residual((coarse, leg("B", "0", min_size="5")), D("-1.2"), D(1), D("-5"), BOTH))
    assert both.too_small


def test_less_than_the_venues_smallest_order_on_every_way_is_too_small_to_repair() -> None:
    found = pair(book(("0.55", "10")), book(("0.38", "10")), shares="3", cash="-1.2", min_size="5")
    assert found.best is None
    assert found.too_small
    assert found.affordable_loss
    assert not pair(book(("0.55", "10")), (), shares="3", cash="-9", min_size="5").affordable_loss
    assert not pair(book(("0.55", "10")), book(("0.38", "10")), min_size="5").too_small


# ---------------------------------------------------------------------- more legs


def test_of_three_legs_the_one_that_stands_is_given_back_when_two_are_too_dear() -> None:
    legs = (
        leg("A", "10", (), book(("0.29", "10"))),
        leg("B", "0", book(("0.40", "10"))),
        leg("C", "0", book(("0.45", "10"))),
    )
    assert best(options(Residual(legs, D("-3.2"), D(1), D(-5), BOTH))).purpose is Purpose.UNWIND


def test_of_three_legs_the_scarcer_missing_one_is_taken_first() -> None:
    legs = (
        leg("A", "10", (), book(("0.20", "10"))),
        leg("B", "0", book(("0.31", "50"))),
        leg("C", "0", book(("0.32", "10"))),
    )
    found = best(options(Residual(legs, D("-3.2"), D(1), D(-5), BOTH)))
    assert (found.leg, found.purpose, found.size) == ("C", Purpose.COMPLETE, D(10))


def test_a_leg_the_venue_refuses_to_take_back_leaves_the_others_and_a_side_it_refuses_to_give_holds_up_all() -> None:
    legs = (
        leg("A", "10", (), book(("0.39", "10"))),
        leg("B", "10", (), book(("0.29", "10"))),
        leg("C", "0", book(("0.25", "10"))),
        leg("D", "0", book(("0.26", "10"))),
    )
    asked = Residual(legs, D("-7.3"), D(1), D(-5), frozenset({Way.UNWIND}), refused=frozenset({(Way.UNWIND, "A")}))
    assert (best(options(asked)).leg, best(options(asked)).purpose) == ("B", Purpose.UNWIND)
    refused = frozenset({(Way.COMPLETE, "C")})
    asked = Residual(legs, D("-7.3"), D(1), D(-5), frozenset({Way.COMPLETE}), refused=refused)
    assert options(asked).best is None
    assert best(options(replace(asked, ways=BOTH))).purpose is Purpose.UNWIND


def test_a_target_between_gives_back_what_is_over_and_takes_what_is_missing() -> None:
    legs = (
        leg("A", "10", (), book(("0.34", "10"))),
        leg("B", "6", book(("0.90", "10")), book(("0.05", "10"))),
        leg("C", "0", book(("0.30", "10"))),
    )
    found = best(options(Residual(legs, D("-5.4"), D(1), D(-5), BOTH)))
    assert found.target == D(6)
    assert (found.leg, found.purpose) == ("C", Purpose.COMPLETE)
    after = (*legs[:2], leg("C", "6", (), book(("0.29", "10"))))
    found = best(options(Residual(after, D("-7.3"), D(1), D(-5), BOTH)))
    assert (found.leg, found.purpose, found.size) == ("A", Purpose.UNWIND, D(4))


def test_shares_given_back_too_often_are_bought_back_first_even_when_an_unwind_was_asked_for() -> None:
    legs = (leg("A", "-2", book(("0.40", "10"))), leg("B", "5", (), book(("0.30", "10"))))
    found = best(options(Residual(legs, D("-1"), D(1), None, frozenset({Way.UNWIND}))))
    assert (found.leg, found.side, found.size) == ("A", Side.BUY, D(2))


def test_a_leg_held_short_is_completed_by_selling_and_given_back_by_buying() -> None:
    long, short = leg("A", "10", (), book(("0.30", "10"))), leg("B", "0", book(("0.45", "10")), side=Side.SELL)
    found = best(options(Residual((long, short), D("-4.17"), D(0), D(-5), BOTH)))
    assert (found.leg, found.side) == ("B", Side.SELL)
    stands = leg("B", "10", (), book(("0.50", "10")), side=Side.SELL)
    found = best(options(Residual((leg("A", "0", book(("0.70", "10"))), stands), D("4.3"), D(0), D(-5), BOTH)))
    assert (found.leg, found.side, found.purpose) == ("B", Side.BUY, Purpose.UNWIND)


# ---------------------------------------------------------------------- any question

_cents = st.integers(1, 99).map(lambda n: D(n) / 100)
_sizes = st.integers(1, 3_000).map(lambda n: D(n) / 100)


def _levels(*, rising: bool) -> st.SearchStrategy[Levels]:
    prices = st.lists(_cents, max_size=4, unique=True).map(lambda found: sorted(found, reverse=not rising))
    return prices.flatmap(lambda p: st.tuples(*[st.tuples(st.just(price), _sizes) for price in p]))


@st.composite
def _questions(draw: st.DrawFn) -> Residual:
    legs = []
    for n in range(draw(st.integers(2, 4))):
        side = draw(st.sampled_from([Side.BUY, Side.BUY, Side.SELL]))
        asks, bids = draw(_levels(rising=True)), draw(_levels(rising=False))
        take, give = (asks, bids) if side is Side.BUY else (bids, asks)
        shares = draw(st.one_of(st.just(D(0)), _sizes, st.just(D(-2))))
        legs.append(Stand(f"L{n}", side, shares, take, give, FEES, CENT, D("0.01"), CENT))
    floor = draw(st.sampled_from([None, D(-5), D("-0.50"), D("-0.02"), D(0)]))
    ways = draw(st.sampled_from([BOTH, ALL, frozenset({Way.UNWIND}), frozenset({Way.COMPLETE})]))
    cash = draw(st.integers(-3_000, 3_000)) * CENT
    refused = draw(st.sets(st.tuples(st.sampled_from(sorted(BOTH)), st.sampled_from(["L0", "L1", "L2"])), max_size=2))
    ticks = draw(st.sampled_from([0, 1, 8]))
    return Residual(tuple(legs), cash, D(1), floor, ways, D("0.05"), ticks, refused=frozenset(refused))


@given(_questions())
def test_every_order_moves_its_leg_towards_the_target_and_never_past_it(asked: Residual) -> None:
    found = options(asked).best
    if found is None:
        return
    mine = next(stand for stand in asked.legs if stand.name == found.leg)
    assert CENT <= found.limit <= 1 - CENT
    assert 0 < found.size <= abs(found.target - mine.shares)
    assert found.size % mine.lot == 0
    taking = found.target > mine.shares
    assert found.side is (mine.side if taking else mine.side.opposite)
    assert found.purpose is (Purpose.COMPLETE if taking else Purpose.UNWIND)
    shares = [stand.shares + (found.size if taking else -found.size) * (stand is mine) for stand in asked.legs]
    whole = hedged(stand.shares for stand in asked.legs)
    assert whole <= found.target <= max(whole, *(stand.shares for stand in asked.legs))
    assert sum(abs(s - found.target) for s in shares) < sum(abs(stand.shares - found.target) for stand in asked.legs)


@given(_questions())
def test_an_order_that_finishes_the_repair_cannot_take_the_result_below_the_floor(asked: Residual) -> None:
    found = options(asked).best
    if found is None or asked.floor is None:
        return
    mine = next(stand for stand in asked.legs if stand.name == found.leg)
    others = [stand.shares for stand in asked.legs if stand is not mine]
    if any(shares != found.target for shares in others) or found.size != abs(found.target - mine.shares):
        return
    sign = -1 if found.side is Side.BUY else 1
    final = asked.cash + sign * found.size * found.limit - FEES.trade_fee(found.limit, found.size)
    assert final + found.target * asked.payoff >= asked.floor


@given(_questions())
def test_a_way_that_is_not_allowed_is_never_chosen(asked: Residual) -> None:
    found = options(asked)
    if found.best is None:
        return
    mine = next(stand for stand in asked.legs if stand.name == found.best.leg)
    way = Way.UNWIND if found.best.purpose is Purpose.UNWIND else Way.COMPLETE
    assert (way, mine.name) not in asked.refused
    if found.best.purpose is Purpose.UNWIND:
        assert Way.UNWIND in asked.ways or any(stand.shares < 0 for stand in asked.legs)
    elif mine.shares >= 0:
        assert Way.COMPLETE in asked.ways or any(stand.shares < 0 for stand in asked.legs)
    assert not found.hold


@given(st.lists(st.integers(-500, 500).map(lambda n: D(n) / 100), min_size=2, max_size=5))
def test_what_stands_alone_is_zero_exactly_when_all_legs_are_even_and_never_below(shares: list[Decimal]) -> None:
    even = all(a == b for a, b in pairwise(shares)) and shares[0] >= 0
    assert (alone(shares) == 0) == even
    assert alone(shares) >= 0


TAPERED = (
    PriceRange(D("0.001"), D("0.10"), D("0.001")),
    PriceRange(D("0.10"), D("0.90"), D("0.01")),
    PriceRange(D("0.90"), D("0.999"), D("0.001")),
)


@pytest.mark.parametrize(
    ("tick", "side", "limit", "wider"),
    [
        ("0.001", Side.SELL, "0.901", "0.90"),
        ("0.001", Side.SELL, "0.90", "0.89"),  # the grid is coarser from here on
        ("0.001", Side.BUY, "0.10", "0.11"),
        ("0.01", Side.SELL, "0.905", "0.90"),  # never further than a tick where there is a price before it
        ("0.01", Side.BUY, "0.095", "0.10"),
        ("0.01", Side.BUY, "0.89", "0.90"),
        ("0.01", Side.BUY, "0.90", "0.91"),
        ("0.001", Side.BUY, "0.999", None),
        ("0.001", Side.SELL, "0.001", None),
    ],
)
def test_a_limit_is_widened_along_a_grid_of_several_steps(tick: str, side: Side, limit: str, wider: str | None) -> None:
    stand = Stand("A", side, D(10), (), (), FEES, D(tick), CENT, CENT, TAPERED)
    assert stand.wider(D(limit), side) == (None if wider is None else D(wider))


def test_the_ends_of_the_grid_are_prices_too() -> None:
    one = leg("A", "10")
    assert one.wider(D("0.02"), Side.SELL) == CENT
    assert one.wider(D("0.98"), Side.BUY) == D("0.99")
    assert one.wider(CENT, Side.SELL) is None
    assert one.wider(D("0.99"), Side.BUY) is None


def goal(*legs: Stand, ways: frozenset[Way] = BOTH, most: str | None = None) -> Decimal:
    """The count that the best plan brings every leg to, whatever it costs."""
    capped = D(most) if most is not None else None
    return best(options(Residual(legs, D("-5"), D(1), None, ways, most=capped))).target


def test_the_scarcest_book_of_each_way_says_how_far_a_target_can_be_reached() -> None:
    dear, cheap = book(("0.60", "20")), book(("0.10", "20"))
    a, b = leg("A", "10", (), book(("0.40", "2"))), leg("B", "10", (), book(("0.40", "9")))
    assert goal(a, b, leg("C", "0", dear)) == 8  # giving back is worth most; of A no more than two go
    a = leg("A", "10", (), book(("0.05", "10")))
    scarce, ample = leg("B", "0", book(("0.10", "4"))), leg("C", "0", book(("0.10", "9")))
    assert goal(a, scarce, ample) == 4
    assert goal(leg("A", "10", (), book(("0.40", "8"))), leg("B", "0", book(("0.10", "2")))) == 2
    assert goal(leg("A", "10", (), book(("0.40", "1"))), leg("B", "0", book(("0.10", "2")))) == 10  # not even together
    assert goal(leg("A", "10", (), book(("0.40", "10"))), leg("B", "0", cheap)) == 10


def first(*legs: Stand) -> Repair:
    return best(options(Residual(legs, D("-5"), D(1), None, BOTH)))


def test_the_side_with_the_least_to_spare_beyond_its_need_goes_first() -> None:
    b, c = leg("B", "0", book(("0.10", "11"))), leg("C", "7", book(("0.10", "5")))
    assert first(leg("A", "10"), b, c).leg == "B"  # one to spare, where C has two


def test_what_was_given_back_too_often_goes_before_any_scarcer_side_and_as_far_as_that_reaches() -> None:
    short, scarce = leg("A", "-2", book(("0.10", "20"))), leg("B", "0", book(("0.10", "2")))
    found = first(short, scarce, leg("C", "5", (), book(("0.10", "5"))))
    assert (found.leg, found.size) == ("A", D(4))
    nobody_sells = leg("B", "-3")
    found = first(short, nobody_sells)
    assert (found.leg, found.size) == ("A", D(2))


def test_the_limit_goes_no_further_than_the_level_that_completes() -> None:
    found = best(pair(book(("0.50", "4"), ("0.51", "6"), ("0.60", "10"))))
    assert (found.size, found.limit) == (D(10), D("0.51"))


def test_what_may_only_be_completed_is_completed_as_far_as_its_book_goes_without_a_nearer_target() -> None:
    a, b = leg("A", "10", (), book(("0.38", "10"))), leg("B", "0", book(("0.50", "4")))
    assert goal(a, b, ways=frozenset({Way.COMPLETE})) == 10


def test_no_target_lies_beyond_the_cap_even_where_the_books_do_not_reach() -> None:
    a, b = leg("A", "12", (), book(("0.10", "1"))), leg("B", "4", book(("0.10", "2")))
    assert goal(a, b, most="10") == 10
    full = leg("C", "10", (), book(("0.90", "10")))
    assert goal(leg("A", "12", (), book(("0.90", "1"))), leg("B", "4", book(("0.10", "100"))), full, most="10") == 10


def test_shares_given_back_too_often_are_bought_back_where_neither_way_is_allowed() -> None:
    found = best(options(Residual(
        (leg("A", "-2", book(("0.50", "5"))), leg("B", "0")), D(1), D(1), D("-5"), frozenset({Way.HOLD})
    )))  # fmt: skip
    assert (found.leg, found.side, found.size, found.target) == ("A", Side.BUY, D(2), D(0))


def test_ways_are_told_from_the_highest_count_to_the_lowest() -> None:
    why = pair(book(("0.57", "10")), book(("0.38", "10"))).why
    assert why.index("completing") < why.index("unwinding")


def test_a_cap_below_what_is_hedged_completes_nothing_and_breaks_no_pair() -> None:
    asked = (leg("A", "10", (), book(("0.60", "20"))), leg("B", "5", book(("0.50", "20")), book(("0.48", "20"))))
    found = best(options(Residual(asked, D("-6"), D(1), D("-5"), BOTH, most=D(3))))
    assert (found.purpose, found.leg, found.size, found.target) == (Purpose.UNWIND, "A", D(5), D(5))


def test_a_side_that_no_other_missing_side_can_follow_is_not_taken() -> None:
    """Else it stands alone too, is given back, and is taken again, at the cost of a spread each time."""
    asked = (leg("A", "0", book(("0.15", "5")), book(("0.13", "5"))), leg("B", "0"), leg("C", "0.01"))
    found = options(Residual(asked, D("-0.0011"), D(1), D("-0.1"), BOTH))
    assert found.best is None
    dear = (asked[0], leg("B", "0", book(("0.99", "5"))), asked[2])
    assert options(Residual(dear, D("-0.0011"), D(1), D("-0.002"), BOTH)).best is None


def test_sides_are_taken_as_far_as_the_scarcest_of_them_reaches() -> None:
    asked = (leg("A", "10"), leg("B", "0", book(("0.30", "4"))), leg("C", "0", book(("0.20", "9"))))
    first = best(options(Residual(asked, D("-4"), D(1), None, BOTH)))
    assert (first.leg, first.size) == ("B", D(4))
    then = (asked[0], leg("B", "4"), asked[2])  # B's book is empty now
    second = best(options(Residual(then, D("-5"), D(1), None, BOTH)))
    assert (second.leg, second.size) == ("C", D(4))
    last = (asked[0], then[1], leg("C", "4", book(("0.20", "5"))))
    assert options(Residual(last, D("-6"), D(1), None, BOTH)).best is None


def _sound(stand: Stand) -> bool:
    """Its best bid is below its best ask."""
    return not (stand.take and stand.give) or (
        stand.take[0][0] > stand.give[0][0] if stand.side is Side.BUY else stand.take[0][0] < stand.give[0][0]
    )


def _after(asked: Residual, order: Repair) -> Residual:
    """`order` filled whole from books that are then as they were."""
    cash, legs = asked.cash, []
    for stand in asked.legs:
        if stand.name != order.leg:
            legs.append(stand)
            continue
        left, sign = order.size, D(-1) if order.side is Side.BUY else D(1)
        for price, size in stand.take if order.purpose is Purpose.COMPLETE else stand.give:
            part = min(left, size)
            cash += sign * price * part - FEES.trade_fee(price, part)
            left -= part
        shares = stand.shares + (order.size if order.purpose is Purpose.COMPLETE else -order.size)
        legs.append(replace(stand, shares=shares))
    return replace(asked, cash=cash, legs=tuple(legs))


@given(_questions().filter(lambda asked: all(_sound(stand) for stand in asked.legs)))
def test_with_books_that_stand_still_a_repair_comes_to_an_end(asked: Residual) -> None:
    seen: dict[tuple[Decimal, ...], Repair] = {}
    for _ in range(100):  # a book of a few hundredths takes many orders; the same state twice would be a circle
        shares = tuple(stand.shares for stand in asked.legs)
        found = options(asked).best
        if found is None or not alone(shares):
            return
        assert shares not in seen, list(seen.values())
        seen[shares] = found
        asked = _after(asked, found)


# ---------------------------------------------------------------------- what was reserved


def spared(spare: str | None, *, ticks: int = 0, side: Side = Side.BUY, fees: FeeSchedule = FEES) -> Repair | None:
    """Ten of A stand alone, B is missing at 0.55."""
    missing = replace(leg("B", "0", book(("0.55", "10")), (), side=side), fees=fees)
    standing = Residual(
        (leg("A", "10"), missing), D("-4"), D(1), D(-9), BOTH, extra_ticks=ticks, spare=D(spare) if spare else None
    )
    return options(standing).best


def test_a_completion_is_no_larger_than_what_is_left_of_the_reservation_pays_for() -> None:
    whole, part = spared("5.70"), spared("2.00")
    assert whole is not None
    assert whole.size == 10
    assert part is not None
    assert D(3) < part.size < D("3.64")
    assert part.size * D("0.55") < 2
    assert spared("0.0001") is None
    lifted = spared(None)
    assert lifted is not None
    assert lifted.size == 10


def test_a_limit_is_widened_no_further_than_the_reservation_pays_for() -> None:
    wide, narrow = spared("9", ticks=8), spared("5.80", ticks=8)
    assert wide is not None
    assert narrow is not None
    assert wide.limit == D("0.63")
    assert D("0.55") <= narrow.limit < D("0.58")
    assert narrow.size == 10


def test_dollars_that_buy_more_shares_where_they_are_cheap_are_weighed_with_the_dearest_fee() -> None:
    power = FeeSchedule(taker=D("0.07"), unit=D("0.000001"), model=FeeModel.POLYMARKET)
    assert spared("5.70", fees=power) != spared("5.90", fees=power)  # 5.50 and a fee of up to 0.385
    whole = spared("5.90", fees=power)
    assert whole is not None
    assert whole.size == 10


def test_what_was_given_back_too_often_is_bought_back_whatever_is_left() -> None:
    short = replace(leg("B", "-2", book(("0.55", "10")), ()), min_size=D("0.01"))
    standing = Residual((leg("A", "0"), short), D("1"), D(1), None, BOTH, spare=D(0))
    found = options(standing).best
    assert found is not None
    assert (found.side, found.size) == (Side.BUY, D(2))
