"""The quote firewall: one test a rule, and that what it refuses once does not stay refused for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book import Book
from domain.decisions import Gate, Refused
from domain.features.touch import Touch
from domain.market import Venue
from ingest.firewall import PairFirewall, QuoteFirewall, QuoteLimits, mirror_refusal
from ingest.gates import Bounds, Moment, explain, shut_gate

CENT = 10_000
SHARE = 1_000_000
SECOND = 1_000_000


def touch(bid: float | None, ask: float | None, at: float = 0.0, *, bid_size: int = 100, ask_size: int = 100) -> Touch:
    """Cents, shares and seconds; an empty side has no size."""
    return Touch(
        None if bid is None else round(bid * CENT),
        0 if bid is None else bid_size * SHARE,
        None if ask is None else round(ask * CENT),
        0 if ask is None else ask_size * SHARE,
        round(at * SECOND),
    )


def wall(**limits: float) -> QuoteFirewall:
    return QuoteFirewall(CENT, QuoteLimits(**limits))  # type: ignore[arg-type]


def gate(refused: Refused | None) -> Gate | None:
    return refused.gate if refused is not None else None


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        (touch(0, 50), "expected between 0 and 1"),
        (touch(50, 100), "expected between 0 and 1"),
        (touch(-1, 50), "expected between 0 and 1"),
        (touch(49.5, 51), "off the 0.01 grid"),
        (touch(49, 51, bid_size=0), "for 0.00 shares"),
        (touch(49, 51, ask_size=-3), "for -3.00 shares"),
        (Touch(None, SHARE, 51 * CENT, SHARE, 0), "without a price"),
    ],
)
def test_a_quote_no_exchange_shows_is_impossible(quote: Touch, words: str) -> None:
    refused = wall().update(quote)
    assert refused is not None
    assert refused.gate is Gate.IMPOSSIBLE
    assert words in refused.detail


def test_a_quote_from_the_past_is_impossible_until_the_next_of_now() -> None:
    firewall = wall()
    assert firewall.update(touch(49, 51, 10)) is None
    assert gate(firewall.update(touch(49, 51, 9))) is Gate.IMPOSSIBLE
    assert gate(firewall.refusal(11 * SECOND)) is Gate.IMPOSSIBLE
    assert firewall.update(touch(49, 51, 10)) is None


@pytest.mark.parametrize("quote", [touch(51, 51), touch(52, 51)])
def test_a_bid_that_is_not_below_the_ask_is_crossed(quote: Touch) -> None:
    assert gate(wall().update(quote)) is Gate.CROSSED


@pytest.mark.parametrize("quote", [touch(None, 51), touch(49, None), touch(None, None), touch(1, 99), touch(25, 75)])
def test_a_book_nobody_quotes_is_degenerate(quote: Touch) -> None:
    assert gate(wall().update(quote)) is Gate.DEGENERATE


def test_a_wide_book_is_degenerate_once_it_stands_still() -> None:
    firewall = wall(wide=100_000, still=5_000_000)
    for at in range(10):  # sizes flicker, prices do not move
        refused = firewall.update(touch(40, 52, at, bid_size=100 + at))
        assert gate(refused) is (Gate.DEGENERATE if at >= 5 else None)
    assert firewall.update(touch(40, 51, 11)) is None  # a price moved
    assert firewall.refusal(15 * SECOND) is None
    assert gate(firewall.refusal(16 * SECOND)) is Gate.DEGENERATE  # no quote is needed to grow old
    narrow = wall()
    narrow.update(touch(49, 50))
    assert narrow.refusal(3600 * SECOND) is None  # a narrow one may stand: how old is another gate's business


def test_a_micro_price_made_by_sizes_alone_is_an_artefact() -> None:
    assert gate(wall(lean=2.0).update(touch(40, 45, bid_size=10_000, ask_size=1))) is Gate.ARTEFACT
    assert wall(lean=2.0).update(touch(40, 45)) is None
    assert wall(lean=2.0).update(touch(40, 44, bid_size=10_000, ask_size=1)) is None  # cannot lean by more than 2 ticks


def test_a_jump_is_refused_until_it_stands() -> None:
    firewall = wall(prior=0.001, stands=2_000_000)
    assert firewall.update(touch(49, 51, 0)) is None
    assert gate(firewall.update(touch(69, 71, 1))) is Gate.JUMP
    assert gate(firewall.update(touch(69, 71, 2.9))) is Gate.JUMP
    assert firewall.update(touch(69, 71, 3)) is None
    assert firewall.update(touch(69, 71, 4)) is None


def test_a_jump_that_stands_without_another_quote_is_believed_all_the_same() -> None:
    firewall = wall(prior=0.001, stands=2_000_000)
    firewall.update(touch(49, 51, 0))
    firewall.update(touch(69, 71, 1))
    assert gate(firewall.refusal(2 * SECOND)) is Gate.JUMP
    assert firewall.refusal(3 * SECOND) is None


def test_one_wild_quote_changes_neither_the_place_nor_the_pace() -> None:
    firewall = wall(prior=0.001)
    firewall.update(touch(49, 51, 0))
    before = firewall.sigma
    assert gate(firewall.update(touch(89, 91, 1))) is Gate.JUMP
    assert firewall.sigma == before
    assert firewall.update(touch(49, 51, 1.1)) is None
    assert gate(firewall.update(touch(9, 11, 1.2))) is Gate.JUMP


def test_a_jump_within_a_jump_has_to_stand_anew() -> None:
    firewall = wall(prior=0.001, stands=2_000_000)
    firewall.update(touch(49, 51, 0))
    firewall.update(touch(69, 71, 1))
    assert gate(firewall.update(touch(29, 31, 2.5))) is Gate.JUMP
    assert gate(firewall.update(touch(29, 31, 4))) is Gate.JUMP
    assert firewall.update(touch(29, 31, 4.5)) is None


def test_the_longer_ago_the_further_a_mid_may_have_moved() -> None:
    # 6 σ √Δt with σ = 0.01: 12 cents within 4 seconds, not within 1.
    for gap, expected in ((1, Gate.JUMP), (4, None)):
        firewall = wall(prior=0.01, halflife=10**12)
        firewall.update(touch(49, 51, 0))
        assert gate(firewall.update(touch(60, 62, gap))) is expected


def test_the_pace_is_learned_from_what_is_believed() -> None:
    firewall = wall(prior=0.005, halflife=10_000_000)
    mid = 50
    for at in range(1, 200):  # a cent a second, to and fro: σ_p is 0.01 per √second
        mid += 1 if at % 2 else -1
        assert firewall.update(touch(mid - 1, mid + 1, at)) is None
    assert firewall.sigma == pytest.approx(0.01, rel=0.01)
    for at in range(200, 400):
        firewall.update(touch(mid - 1, mid + 1, at))
    assert firewall.sigma < 1e-4
    assert firewall.update(touch(mid + 1, mid + 3, 401)) is None  # two ticks are never a jump


def test_a_lost_book_starts_anew() -> None:
    firewall = wall(prior=0.001)
    firewall.update(touch(49, 51, 100))
    firewall.reset()
    assert firewall.refusal(0) is None
    assert firewall.update(touch(9, 11, 1)) is None


def test_a_new_grid_is_judged_by() -> None:
    firewall = wall()
    assert gate(firewall.update(touch(97.1, 97.4, 0))) is Gate.IMPOSSIBLE
    firewall.tick = 1_000
    assert firewall.update(touch(97.1, 97.4, 1)) is None


def test_two_tokens_that_do_not_mirror_are_two_instants() -> None:
    assert mirror_refusal(touch(49, 51), touch(49, 51)) is None
    assert mirror_refusal(touch(None, 1), touch(99, None)) is None
    assert gate(mirror_refusal(touch(49, 51), touch(48, 50))) is Gate.MIRRORED
    assert gate(mirror_refusal(touch(49, None), touch(48, 51))) is Gate.MIRRORED
    pair = PairFirewall(CENT, QuoteLimits())
    assert pair.update(touch(49, 51), touch(49, 51)) is None
    assert gate(pair.update(touch(49, 51, 1), touch(48, 50, 1))) is Gate.MIRRORED
    assert gate(pair.update(touch(None, 51, 2), touch(49, 51, 2))) is Gate.DEGENERATE
    pair.reset()
    assert pair.update(touch(49, 51), touch(49, 51)) is None


quotes = st.tuples(
    st.one_of(st.none(), st.integers(-5, 105)),
    st.one_of(st.none(), st.integers(-5, 105)),
    st.integers(-2, 10**6),
    st.integers(-2, 10**6),
    st.integers(0, 5 * SECOND),
)


@given(st.lists(quotes, max_size=60))
def test_no_quotes_break_it_and_the_same_ones_are_refused_alike(
    steps: list[tuple[int | None, int | None, int, int, int]],
) -> None:
    one, other, at = wall(), wall(), 0
    for bid, ask, bid_size, ask_size, gap in steps:
        at += gap
        quote = Touch(None if bid is None else bid * CENT, bid_size, None if ask is None else ask * CENT, ask_size, at)
        refused = one.update(quote)
        assert refused == other.update(quote)
        assert math.isfinite(one.sigma)
        if quote.flaw is not None:
            assert refused is not None


@given(st.integers(2, 97), st.integers(0, 20))
def test_a_sound_quote_that_stays_is_believed_in_the_end(bid: int, began: int) -> None:
    firewall = wall()
    firewall.update(touch(began + 1, began + 2, 0))
    for at in range(1, 5):
        refused = firewall.update(touch(bid, bid + 1, at))
    assert refused is None


def test_a_refusal_shuts_the_gate_it_names() -> None:
    book = Book("1")
    book.replace([(49 * CENT, SHARE)], [(51 * CENT, SHARE)], SECOND, SECOND)
    refused = Refused(Gate.JUMP, "mid moved 0.2000")
    moment = Moment((book,), Venue.POLYMARKET, SECOND, SECOND, True, 10, 1, 0, refused=refused)
    bounds = Bounds((SECOND,), SECOND, {Venue.POLYMARKET: SECOND}, 1)
    assert shut_gate(moment, bounds) is Gate.JUMP
    assert explain(Gate.JUMP, moment, bounds) == "mid moved 0.2000"


def test_limits_that_make_no_sense_are_said_at_once() -> None:
    for wrong in ({"sigmas": 0.0}, {"stands": -1}, {"halflife": 0}):
        with pytest.raises(ValueError, match="expected"):
            wall(**wrong)
    with pytest.raises(ValueError, match="tick"):
        QuoteFirewall(0, QuoteLimits())
