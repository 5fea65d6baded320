"""The engine takes what is real, names the gate that was shut otherwise, and never believes a broken book."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.admission import AdmissionLimits, Load
from domain.decisions import Gate, Suppression
from domain.fees import FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from venues.kalshi import frames

T0 = 1_772_359_200_000_000
MS = 1_000
A, B = "KXCUP-26-AAA", "KXCUP-26-BBB"


def spec(ticker: str) -> MarketSpec:
    return MarketSpec(Venue.KALSHI, ticker, "KXCUP-26", ticker, FeeSchedule())


class Feed:
    """A venue's feed of one pair into an engine, prices in cents and sizes in contracts, on one subscription."""

    def __init__(
        self,
        params: SetParams | None = None,
        limits: GateLimits | None = None,
        admission: AdmissionLimits = AdmissionLimits(None, None),  # noqa: B008 - frozen
    ) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        self.gapped: list[tuple[str, ...]] = []
        self.engine = Engine(
            baskets([OutcomeSet((spec(A), spec(B)))], params or SetParams(), limits or GateLimits(), LegPolicy()),
            limits or GateLimits(),
            self.intents.append,
            self.suppressed.append,
            on_gapped=lambda venue, markets, doubt: self.gapped.append(markets),
            admission=admission,
        )
        self.seq = 0

    def snapshot(self, market: str, bid: int, ask: int, size: int = 200, *, at: int = T0) -> None:
        self.seq += 1
        yes = [((bid - step) * 10_000, size * 10**6) for step in range(3)]
        no = [((100 - ask - step) * 10_000, size * 10**6) for step in range(3)]
        self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), at, Venue.KALSHI)

    def ask(self, market: str, cents: int, change: str, at: int, *, lag: int = 0) -> None:
        """Change the YES ask at `cents` by `change` contracts."""
        self.seq += 1
        size = int(Decimal(change) * 10**6)
        raw = frames.delta(1, self.seq, market, "no", (100 - cents) * 10_000, size, at, yes_price=True)
        self.engine.on_frame(raw, at + lag, Venue.KALSHI)

    def bid(self, market: str, cents: int, change: int, at: int) -> None:
        self.seq += 1
        raw = frames.delta(1, self.seq, market, "yes", cents * 10_000, change * 10**6, at, yes_price=True)
        self.engine.on_frame(raw, at, Venue.KALSHI)

    def ready(self) -> Feed:
        """Both books quoted 47/56 and 44/46: asks add up to 1.02."""
        self.snapshot(A, 47, 56)
        self.snapshot(B, 44, 46)
        return self

    def gates(self) -> list[Gate]:
        return [suppression.gate for suppression in self.suppressed]


def test_an_edge_after_fees_becomes_one_intent_with_equal_legs_and_exact_costs() -> None:
    feed = Feed().ready()
    feed.bid(A, 46, -200, T0 + 1 * MS)
    feed.ask(A, 50, "30", T0 + 5 * MS)
    (intent,) = feed.intents
    assert intent.size == 30
    assert {leg.size for leg in intent.legs} == {Decimal(30)}
    assert [(leg.market, leg.limit) for leg in intent.legs] == [(A, Decimal("0.50")), (B, Decimal("0.46"))]
    # 30 × 0.50 + 0.07·30·0.25 = 15.525; 30 × 0.46 + ceil(0.07·30·0.2484) = 14.3217
    assert [leg.expected_cost for leg in intent.legs] == [Decimal("15.525"), Decimal("14.3217")]
    assert intent.edge == Decimal(30) - intent.planned_cost
    assert intent.decided_at == T0 + 5 * MS
    assert intent.expires_at == intent.decided_at + SetParams().ttl_ms * MS
    assert [evidence.market for evidence in intent.evidence] == [A, B]


def test_the_scarcer_leg_goes_first_whichever_market_it_is() -> None:
    feed = Feed().ready()
    feed.snapshot(A, 48, 50, size=500)
    feed.ask(B, 46, "-150", T0 + 1 * MS)  # 50 left there
    assert [leg.market for leg in feed.intents[-1].legs] == [B, A]


def test_the_worst_level_walked_is_the_limit_and_the_size_stops_where_the_last_share_no_longer_pays() -> None:
    feed = Feed(SetParams(max_size=Decimal(1000))).ready()
    feed.snapshot(A, 44, 46, size=60)  # asks 0.46, 0.47, 0.48; fees of both sides are 3.5 cents
    leg = {leg.market: leg for leg in feed.intents[-1].legs}
    # 0.46+0.46, 0.47+0.46, 0.48+0.46 pay; 60 shares each. 0.48+0.47 leaves 5 − 3.5 cents but A has no more.
    assert leg[A].limit == Decimal("0.48")
    assert leg[A].size == leg[B].size == 180


def test_asks_that_add_up_to_one_or_whose_fees_eat_the_rest_are_silence() -> None:
    feed = Feed().ready()
    feed.snapshot(A, 50, 52)  # 0.98, fees 3.5 cents
    assert feed.intents == []
    feed.engine.finish()
    assert feed.suppressed == []


def test_an_opportunity_is_taken_once_until_its_trade_is_closed() -> None:
    feed = Feed().ready()
    feed.snapshot(A, 48, 50)
    for step in range(1, 5):
        feed.ask(A, 58, "1", T0 + step * MS)
    assert len(feed.intents) == 1
    feed.engine.trade_opened("KXCUP-26")
    feed.ask(A, 58, "1", T0 + 5 * MS)
    assert len(feed.intents) == 1
    feed.engine.trade_closed("KXCUP-26")
    feed.ask(A, 58, "1", T0 + 6 * MS)
    assert len(feed.intents) == 2
    feed.engine.finish()
    assert feed.suppressed == []


def test_another_opportunity_while_a_trade_is_open_is_counted_once() -> None:
    feed = Feed().ready()
    feed.engine.trade_opened("KXCUP-26")  # found again after a restart
    feed.snapshot(A, 48, 50)
    feed.ask(A, 58, "1", T0 + 1 * MS)
    assert feed.suppressed == []
    assert [s.gate for s in feed.engine.standing()] == [Gate.OPEN_TRADE]
    feed.snapshot(A, 54, 56, at=T0 + 2 * MS)
    assert feed.gates() == [Gate.OPEN_TRADE]
    assert feed.intents == []


def test_while_as_much_is_under_way_as_hedging_leaves_room_for_an_opportunity_is_counted_and_not_taken() -> None:
    feed = Feed(admission=AdmissionLimits(2, 1_000)).ready()
    feed.engine.on_load(Load(2))  # in other processes
    feed.snapshot(A, 48, 50)
    (standing,) = feed.engine.standing()
    assert (standing.gate, standing.detail) == (Gate.BUSY, "2 trades are under way; limit 2")
    assert [reason.gate for reason in feed.engine.reasons(T0)] == [Gate.BUSY]
    feed.engine.on_load(Load(0, 1_000_000))
    feed.ask(A, 58, "1", T0 + 1 * MS)
    assert feed.intents == []
    feed.engine.on_load(Load(0, 0))
    feed.ask(A, 58, "1", T0 + 2 * MS)
    assert len(feed.intents) == 1


def test_what_was_just_decided_counts_before_the_ledger_knows_of_it() -> None:
    feed = Feed(limits=GateLimits(max_lag_ms=10_000, max_open_per_pair=9), admission=AdmissionLimits(1, None)).ready()
    feed.snapshot(A, 48, 50)
    assert len(feed.intents) == 1
    feed.ask(A, 58, "1", T0 + 1 * MS)
    assert [one.gate for one in feed.engine.reasons(T0)] == [Gate.BUSY]
    feed.ask(A, 58, "1", T0 + 2 * MS, lag=400 * MS)
    assert len(feed.intents) == 1
    feed.ask(A, 58, "1", T0 + 3 * MS, lag=600 * MS)  # by now the ledger would say so
    assert len(feed.intents) == 2


def test_a_stale_book_suppresses_and_says_how_old_it_is() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "30", T0 + 2_001 * MS)
    feed.ask(A, 50, "-30", T0 + 2_100 * MS)
    (suppression,) = feed.suppressed
    assert suppression.gate is Gate.STALE
    assert B in suppression.detail
    assert "2.001 s" in suppression.detail
    assert suppression.size == 30
    assert suppression.edge == Decimal("0.1533")
    assert feed.intents == []


def test_books_of_different_instants_are_skewed() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "30", T0 + 501 * MS)
    feed.engine.finish()
    assert feed.gates() == [Gate.SKEWED]


def test_an_opportunity_refused_first_and_taken_later_counts_as_taken() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "30", T0 + 700 * MS)
    assert feed.intents == []
    feed.ask(B, 58, "1", T0 + 710 * MS)  # B moves: both books are of one instant now
    feed.engine.finish()
    assert len(feed.intents) == 1
    assert feed.suppressed == []


def test_an_opportunity_counts_once_for_each_gate_that_was_shut_meanwhile() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "30", T0 + 700 * MS)
    feed.ask(A, 50, "5", T0 + 800 * MS)
    feed.ask(A, 50, "1", T0 + 2_500 * MS)
    feed.engine.finish()
    assert feed.gates() == [Gate.SKEWED, Gate.STALE]
    assert [s.size for s in feed.suppressed] == [Decimal(35), Decimal(36)]


def test_a_crossed_book_suppresses_even_when_everything_else_is_fine() -> None:
    feed = Feed().ready()
    feed.snapshot(A, 54, 56)
    feed.ask(A, 50, "30", T0 + 1 * MS)  # the bid at 0.54 still stands
    feed.engine.finish()
    assert feed.gates() == [Gate.CROSSED]
    assert "bid 0.54 is not below ask 0.50" in feed.suppressed[0].detail


def test_a_book_still_crossed_as_time_goes_on_is_asked_for_and_not_believed_until_its_snapshot() -> None:
    feed = Feed().ready()
    feed.snapshot(A, 54, 56)
    feed.ask(A, 50, "30", T0 + 1 * MS)
    feed.bid(A, 54, -100, T0 + 1 * MS)
    assert feed.gapped == []  # one instant, several messages
    feed.bid(A, 54, -100, T0 + 2 * MS)
    assert feed.gapped == [(A,)]
    for cents in (53, 52):
        feed.bid(A, cents, -200, T0 + 3 * MS)  # uncrossed at last: 50 asked, nothing bid
    assert feed.intents == []
    feed.snapshot(A, 51, 50, at=T0 + 4 * MS)  # crossed itself: not asked for once more at once
    assert feed.engine.doubted(Venue.KALSHI) == (A,)
    assert feed.gapped == [(A,)]
    feed.snapshot(A, 48, 50, at=T0 + 5 * MS)
    assert len(feed.intents) == 1
    assert feed.gates() == []  # of an opportunity that was taken in the end, no refusal is counted


def test_messages_of_one_instant_may_cross_a_book_on_the_way() -> None:
    feed = Feed().ready()
    feed.bid(A, 56, 10, T0 + 1 * MS)
    feed.ask(A, 56, "-200", T0 + 1 * MS)
    feed.ask(A, 57, "-200", T0 + 2 * MS)
    assert feed.gapped == []
    assert feed.engine.unready() == ()


def test_a_frame_under_way_for_too_long_is_lagged() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "30", T0 + 1 * MS, lag=1_001 * MS)
    feed.engine.finish()
    assert feed.gates() == [Gate.LAGGED]


def test_less_than_the_smallest_size_is_shallow() -> None:
    feed = Feed().ready()
    feed.ask(A, 50, "0.99", T0 + 1 * MS)
    feed.engine.finish()
    assert feed.gates() == [Gate.SHALLOW]
    assert "0.99 shares" in feed.suppressed[0].detail


def test_a_missing_sequence_number_gaps_every_market_of_the_subscription_until_its_snapshot() -> None:
    feed = Feed().ready()
    feed.seq += 1  # lost
    feed.ask(A, 58, "1", T0 + 1 * MS)
    assert feed.gapped == [(A, B)]
    assert feed.engine.unready() == (A, B)
    feed.snapshot(A, 48, 50)
    assert feed.intents == []
    feed.snapshot(B, 44, 46)
    assert len(feed.intents) == 1
    assert feed.engine.unready() == ()


def test_other_messages_of_the_subscription_count_in_its_sequence() -> None:
    feed = Feed().ready()
    feed.seq += 1
    feed.engine.on_frame(b'{"id":1,"sid":1,"seq":%d,"type":"ok","msg":{}}' % feed.seq, T0, Venue.KALSHI)
    feed.ask(A, 58, "1", T0 + 1 * MS)
    assert feed.gapped == []


def test_a_level_below_zero_means_a_lost_message_and_gaps_only_its_market() -> None:
    feed = Feed().ready()
    feed.ask(A, 56, "-201", T0 + 1 * MS)
    assert feed.gapped == [(A,)]
    feed.snapshot(B, 34, 36)
    feed.engine.finish()
    assert feed.gates() == [Gate.GAPPED]


@pytest.mark.parametrize(
    ("raw", "markets"),
    [
        (b'{"type":"orderbook_delta","sid":1,"seq":3,"msg":{"market_ticker":"KXCUP-26-AAA","price_dollars":7}}', (A,)),
        (b"\x00garbage", (A, B)),
    ],
)
def test_a_malformed_frame_is_counted_and_gaps_what_it_names_or_else_everything(
    raw: bytes, markets: tuple[str, ...]
) -> None:
    feed = Feed().ready()
    feed.engine.on_frame(raw, T0, Venue.KALSHI)
    assert feed.engine.counters.malformed == 1
    assert feed.gapped == [markets]
    assert feed.engine.last_malformed
    feed.seq += 1
    feed.ask(B, 58, "1", T0 + 1 * MS)
    assert feed.gapped == [markets]


def test_after_the_feed_went_down_nothing_is_decided_before_both_books_are_new() -> None:
    feed = Feed().ready()
    feed.engine.trade_opened("KXCUP-26")
    feed.snapshot(A, 48, 50)
    feed.engine.on_state(False, "connection reset", Venue.KALSHI)
    assert [(s.gate, s.detail) for s in feed.suppressed][-1] == (Gate.NOT_READY, "connection reset")
    feed.engine.trade_closed("KXCUP-26")
    feed.engine.on_state(True, "connected", Venue.KALSHI)
    feed.seq = 0
    feed.snapshot(A, 48, 50)
    feed.ask(B, 46, "1", T0 + 1 * MS)
    assert feed.intents == []
    feed.snapshot(B, 44, 46)
    assert len(feed.intents) == 1


def test_markets_of_no_pair_are_passed_over() -> None:
    feed = Feed().ready()
    feed.snapshot("KXCUP-26-CCC", 10, 20)
    feed.ask("KXCUP-26-CCC", 3, "1", T0)
    assert feed.engine.counters.passed_over == 2
    assert feed.gapped == []
