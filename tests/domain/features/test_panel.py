"""One vector: every feature with its own flaw, and nothing that reading changes."""

from __future__ import annotations

from domain.book import Book
from domain.features.feature import Flaw
from domain.features.micro_price import MicroPrice
from domain.features.panel import FeaturePanel, PanelParams
from domain.features.touch import Touch
from domain.features.volatility import Sampling
from domain.spot import ATTO, SpotKind, SpotSource, SpotTick

SECOND = 1_000_000
CENT = 10_000
SHARE = 1_000_000
PARAMS = PanelParams(
    sampling=Sampling(horizon=2 * SECOND, window=20 * SECOND, least=5),
    flow_window=5 * SECOND,
    mid_halflife=SECOND,
    spot_halflife=SECOND,
)


def touch(at: int, bid: int = 49, ask: int = 51, size: int = 100) -> Touch:
    return Touch(bid * CENT, size * SHARE, ask * CENT, 100 * SHARE, at * SECOND)


def tick(at: int, price: int = 60_000, source: SpotSource = SpotSource.CHAINLINK) -> SpotTick:
    return SpotTick(source, "btcusd", SpotKind.INDEX, price * ATTO, at * SECOND, at * SECOND)


def fed() -> FeaturePanel:
    panel = FeaturePanel("1", PARAMS, MicroPrice(9, 4, CENT, {(4, 2): 0.0}))
    for second in range(100, 120):
        panel.on_spot(tick(second))
        panel.on_touch(touch(second))
    return panel


def test_everything_is_valid_once_enough_was_seen() -> None:
    vector = fed().vector(119 * SECOND)
    assert vector.first_flaw() is None
    assert set(vector.features) == {
        *("mid", "spread", "weighted_mid", "imbalance", "micro_price", "flow", "mid_ema"),
        *("spot", "spot_age", "spot_ema", "sigma"),
    }
    assert vector["mid"].value == 0.5
    assert vector["spot"].value == 60_000
    assert vector["sigma"].value == 0


def test_a_panel_that_saw_nothing_has_nothing() -> None:
    vector = FeaturePanel("1", PARAMS).vector(SECOND)
    assert {feature.flaw for feature in vector.features.values()} == {Flaw.MISSING}


def test_a_spot_that_stops_spoils_its_own_features_and_no_others() -> None:
    panel = fed()
    for second in range(120, 135):
        panel.on_touch(touch(second))
        panel.on_spot(tick(second, 1, SpotSource.BINANCE))  # another source is no substitute
    vector = panel.vector(134 * SECOND)
    assert vector["spot"].flaw is Flaw.STALE
    assert vector["sigma"].flaw is Flaw.STALE
    assert vector["spot_ema"].flaw is Flaw.GAP
    assert vector.first_flaw("mid", "spread", "flow", "mid_ema") is None


def test_a_book_that_stops_or_is_lost_spoils_its_own() -> None:
    panel = fed()
    panel.on_spot(tick(125))
    vector = panel.vector(125 * SECOND)
    assert vector["mid"].flaw is Flaw.STALE
    assert vector["spot"].valid
    panel.on_touch(touch(125))
    panel.on_book_lost()
    vector = panel.vector(125 * SECOND)
    assert (vector["mid"].flaw, vector["flow"].flaw) == (Flaw.MISSING, Flaw.MISSING)
    panel.on_touch(touch(126, size=900))
    assert panel.vector(126 * SECOND)["flow"].flaw is Flaw.WARMING


def test_a_one_sided_book_has_no_mid_and_moves_no_average() -> None:
    panel = fed()
    before = panel.vector(119 * SECOND)["mid_ema"]
    panel.on_touch(Touch(49 * CENT, SHARE, None, 0, 120 * SECOND))
    vector = panel.vector(120 * SECOND)
    assert vector["mid"].flaw is Flaw.ONE_SIDED
    assert vector["mid_ema"] == before


def test_reading_changes_nothing_and_two_panels_agree() -> None:
    one, other = fed(), fed()
    for second in range(119, 140):
        one.vector(second * SECOND)
    assert one.vector(119 * SECOND) == other.vector(119 * SECOND)


def test_an_older_touch_is_left_out() -> None:
    panel = fed()
    panel.on_touch(touch(110, bid=10, ask=20))
    assert panel.vector(119 * SECOND)["mid"].value == 0.5


def test_the_touch_of_a_book_is_its_best_levels() -> None:
    book = Book("1")
    book.replace([(48 * CENT, 5), (49 * CENT, 7)], [(52 * CENT, 3)], 9, 10)
    assert Touch.of(book) == Touch(49 * CENT, 7, 52 * CENT, 3, 9)
    book.replace([], [(52 * CENT, 3)], 9, 10)
    assert Touch.of(book) == Touch(None, 0, 52 * CENT, 3, 9)
