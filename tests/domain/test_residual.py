"""What stands alone is completed or sold: whichever is expected to bring more, never below the floor."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.depth import buy, sell
from domain.fees import FeeSchedule
from domain.money import from_picos, to_micros
from domain.orders import Purpose, Quote, Side
from domain.residual import Book, Levels, Repair, Residual, asks_of, bids_of, options

D = Decimal
FEES = FeeSchedule()
CENT = D("0.01")


def book(*levels: tuple[str, str]) -> Book:
    return Book(tuple((D(price), D(size)) for price, size in levels), FEES, CENT)


def alone(shares: str = "10", sunk: str = "-4.17", floor: str | None = "-5") -> Residual:
    return Residual(D(shares), D(sunk), D(1), D(floor) if floor is not None else None)


def test_completing_at_57_cents_beats_selling_at_38_and_selling_beats_completing_at_63() -> None:
    assert _best(options(alone(), book(("0.57", "10")), book(("0.38", "10")), 0).best).purpose is Purpose.COMPLETE
    assert _best(options(alone(), book(("0.63", "10")), book(("0.38", "10")), 0).best).purpose is Purpose.UNWIND


def test_a_book_that_is_better_but_shallow_goes_first_and_leaves_the_rest_to_the_other() -> None:
    best = _best(options(alone(), book(("0.50", "9")), book(("0.10", "10")), 0).best)
    assert (best.purpose, best.size) == (Purpose.COMPLETE, D(9))
    best = _best(options(alone(), book(("0.50", "1")), book(("0.49", "10")), 0).best)
    assert (best.purpose, best.size) == (Purpose.COMPLETE, D(1))


def test_without_depth_or_budget_there_is_no_repair_and_the_reason_says_so() -> None:
    nothing = options(alone(), book(), book(), 0)
    assert nothing.best is None
    assert nothing.why.count("impossible") == 2
    assert "lowest allowed $-5" in nothing.why
    assert options(alone(floor="-0.50"), book(("0.80", "10")), book(("0.20", "10")), 0).best is None


def test_a_person_who_lifts_the_floor_sells_at_any_price() -> None:
    best = _best(options(alone(floor=None), None, book(("0.01", "10")), 8).best)
    assert (best.side, best.limit) == (Side.SELL, CENT)


def test_only_the_levels_within_the_budget_are_taken() -> None:
    found = options(alone(floor="-0.50"), book(("0.60", "4"), ("0.61", "4"), ("0.70", "4")), None, 0)
    best = _best(found.best)
    assert (best.size, best.limit) == (D(8), D("0.61"))


def test_extra_ticks_widen_the_limit_away_from_us_but_never_past_the_floor() -> None:
    offered, wanted = book(("0.55", "10")), book(("0.38", "10"))
    assert _best(options(alone(), offered, None, 4).best).limit == D("0.59")
    assert _best(options(alone(), None, wanted, 4).best).limit == D("0.34")
    assert _best(options(alone(floor="-0.10"), offered, None, 40).best).limit == D("0.57")
    assert _best(options(alone(), book(("0.98", "10")), None, 8).best).limit == D("0.99")


def test_a_missing_quote_is_an_empty_book() -> None:
    seen = Quote("M", ((D("0.38"), D(1)),), ((D("0.40"), D(2)),), 0, 0)
    assert (asks_of(None), bids_of(None)) == ((), ())
    assert (asks_of(seen), bids_of(seen)) == (seen.asks, seen.bids)


def _best(found: Repair | None) -> Repair:
    assert found is not None
    return found


_cents = st.integers(1, 99).map(lambda n: D(n) / 100)
_sizes = st.integers(1, 3_000).map(lambda n: D(n) / 100)


def _levels(*, rising: bool) -> st.SearchStrategy[Levels]:
    prices = st.lists(_cents, max_size=5, unique=True).map(lambda found: sorted(found, reverse=not rising))
    return prices.flatmap(lambda p: st.tuples(*[st.tuples(st.just(price), _sizes) for price in p]))


@st.composite
def _questions(draw: st.DrawFn) -> tuple[Residual, Book, Book, int]:
    shares = draw(_sizes)
    sunk = -shares * draw(_cents)
    floor = draw(st.sampled_from([None, D("-5"), D("-0.50"), D("-0.02"), D(0)]))
    asks, bids = draw(_levels(rising=True)), draw(_levels(rising=False))
    residual = Residual(shares, sunk, D(1), floor)
    return residual, Book(asks, FEES, CENT), Book(bids, FEES, CENT), draw(st.sampled_from([0, 1, 2, 8]))


@given(_questions())
def test_no_order_can_take_the_final_result_below_the_floor(asked: tuple[Residual, Book, Book, int]) -> None:
    residual, missing, standing, ticks = asked
    for repair in (found := options(residual, missing, standing, ticks)).complete, found.unwind:
        if repair is None:
            continue
        assert 0 < repair.size <= residual.shares
        assert CENT <= repair.limit <= 1 - CENT
        if residual.floor is not None and repair.size == residual.shares:
            worst = to_micros(repair.limit), to_micros(repair.size)  # all of it at the limit
            walk = (buy if repair.side is Side.BUY else sell)([worst], worst[1], to_micros(FEES.taker))
            gained = repair.size - from_picos(walk.cost) if repair.side is Side.BUY else from_picos(walk.proceeds)
            assert residual.sunk + gained >= residual.floor


@given(_questions())
def test_the_value_promised_is_what_the_book_seen_would_bring(asked: tuple[Residual, Book, Book, int]) -> None:
    residual, missing, standing, ticks = asked
    found = options(residual, missing, standing, ticks)
    for repair, book_ in ((found.complete, missing), (found.unwind, standing)):
        if repair is None:
            continue
        levels = [(to_micros(price), to_micros(size)) for price, size in book_.levels]
        walk = (buy if repair.side is Side.BUY else sell)(levels, to_micros(repair.size), to_micros(FEES.taker))
        gained = repair.size - from_picos(walk.cost) if repair.side is Side.BUY else from_picos(walk.proceeds)
        assert abs(repair.value * repair.size - gained) <= D("0.0002") * len(levels)


@given(_questions())
def test_the_chosen_way_is_one_of_the_two_and_exists_whenever_either_does(
    asked: tuple[Residual, Book, Book, int],
) -> None:
    found = options(*asked)
    assert found.best in (found.complete, found.unwind)
    assert (found.best is None) == (found.complete is None and found.unwind is None)
