"""Which spot feeds run and who follows them is checked before anything starts, and every refusal says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.load import load
from config.settings import Settings
from domain.errors import BadInput
from domain.features.params import FeatureParams, Follow
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from domain.spot import SpotFeed, SpotSource

GOOD = """
spot:
  - {source: coinbase, symbols: [BTC-USD, ETH-USD]}
  - {source: binance, symbols: [BTCUSDT], url: "ws://127.0.0.1:9", stale_ms: 3000}
features:
  join_age_ms: 1500
  follow:
    - {markets: KXBTC15M, source: coinbase, symbol: BTC-USD}
    - {markets: "Bitcoin Up or Down", source: binance, symbol: BTCUSDT}
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load(config=path, environ={}).settings


def test_feeds_and_follows_are_read_and_survive_being_kept(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GOOD)
    assert [(feed.source, feed.symbols) for feed in settings.spot] == [
        (SpotFeed.COINBASE, ("BTC-USD", "ETH-USD")),
        (SpotFeed.BINANCE, ("BTCUSDT",)),
    ]
    assert settings.features.follow[0] == Follow("KXBTC15M", SpotSource.COINBASE, "BTC-USD")
    assert settings.features.join_age_ms == 1500
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_nothing_runs_unless_asked_for() -> None:
    assert Settings().spot == ()
    assert Settings().features == FeatureParams()


def test_the_environment_may_say_it_as_json() -> None:
    said = json.dumps([{"source": "binance", "symbols": ["BTCUSDT"]}])
    assert load(environ={"SUREFOOT_SPOT": said}).settings.spot[0].symbols == ("BTCUSDT",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spot: [{source: coinbse, symbols: [BTC-USD]}]", r"item 1, source: Input should be 'coinbase'"),
        ("spot: [{source: coinbase, symbols: [BTCUSDT]}]", r"\[BTCUSDT\] of coinbase; expected .*such as BTC-USD"),
        ("spot: [{source: coinbase, symbols: [BTC-USD, BTC-USD]}]", "each once"),
        ("spot: [{source: binance, symbols: []}]", "expected one or more"),
        ("spot: [{source: binance, symbols: [btcusdt]}]", "such as BTCUSDT"),
        ("spot: [{source: binance, symbols: [BTCUSDT], url: 'ws://feed.example'}]", "expected wss://host, or ws://127"),
        ("spot: [{source: binance, symbols: [BTCUSDT], provider: pyth}]", "leave it out"),
        ("spot: [{source: binance, symbols: [BTCUSDT], stale_ms: 0}]", "item 1, stale_ms: .*greater than 0"),
        ("spot: [{source: binance, symbol: BTCUSDT}]", "item 1, symbol: Extra inputs are not permitted"),
        (
            "spot: [{source: binance, symbols: [A]}, {source: binance, symbols: [B]}]",
            "expected each source once, with all of its symbols",
        ),
        (
            "spot: [{source: coinbase, symbols: [A-B]}, {source: coinbase_advanced, symbols: [C-D]}]",
            "leave the other out",
        ),
        ("spot: [{source: polymarket_prices, symbols: [btcusd]}]", "expected polymarket.credentials_file"),
        (
            "features: {follow: [{markets: KX, source: coinbase, symbol: BTC-USD}]}",
            "spot brings nothing; add the symbol to a feed",
        ),
        (
            "spot: [{source: polymarket_prices, symbols: [btcusd], provider: pyth}]\n"
            "polymarket: {credentials_file: keys.json}\n"
            "features: {follow: [{markets: KX, source: chainlink, symbol: btcusd}]}",
            "KX follows btcusd of chainlink, and spot brings polymarket_prices: btcusd",
        ),
        (GOOD + "    - {markets: KXBTC15M, source: coinbase, symbol: ETH-USD}", "KXBTC15M follows two prices"),
        (GOOD + "    - {markets: '', source: coinbase, symbol: ETH-USD}", "expected the name of a market"),
        ("spot: [{source: binance, symbols: [BTCUSDT], url: paper}]", "makes up coinbase alone"),
        (
            "mode: live\nlive: {enabled: true, i_accept_the_risk: kalshi}\nsets: [[A, B]]\n"
            "kalshi: {key_id: a, private_key_file: b}\n"
            "spot: [{source: coinbase, symbols: [A-B], url: paper}]",
            "set url: null",
        ),
        ("features: {join_age_ms: -1}", "join_age_ms = -1; expected at least 0"),
        ("features: {sigma_step_ms: 0}", "sigma_step_ms = 0; expected at least 1"),
        ("features: {sigma_horizon_ms: 1500}", "expected a multiple of features.sigma_step_ms, 1000"),
        ("features: {sigma_window_ms: 30000}", "expected at least two horizons, 60000"),
        ("features: {sigma_least: 601}", "expected at most 600"),
        ("features: {sigma_most: 1}", "unknown key features.sigma_most"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        loaded(tmp_path, text)


def test_an_oracle_narrowed_to_one_provider_still_brings_the_average_that_chainlink_reports(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        "spot: [{source: polymarket_prices, symbols: [btcusd], provider: pyth}]\n"
        "polymarket: {credentials_file: keys.json}\n"
        "features: {follow: [{markets: KX, source: chainlink_twap, symbol: btcusd}]}",
    )
    assert settings.features.follow[0].source is SpotSource.CHAINLINK_TWAP


def test_a_market_follows_by_its_name_its_event_or_its_title() -> None:
    params = FeatureParams(
        follow=(Follow("KXBTC15M", SpotSource.COINBASE, "A"), Follow("Bitcoin Up or Down", SpotSource.BINANCE, "B"))
    )

    def spec(market: str, event: str, title: str) -> MarketSpec:
        return MarketSpec(Venue.KALSHI, market, event, title, FeeSchedule())

    by_event = params.followed_by(spec("1", "KXBTC15M-26", "?"))
    assert by_event is not None
    assert by_event.symbol == "A"
    by_title = params.followed_by(spec("1", "0xc0", "Bitcoin Up or Down - November 21, 12:00PM"))
    assert by_title is not None
    assert by_title.symbol == "B"
    assert params.followed_by(spec("1", "2", "3")) is None
    assert params.panel(by_title).spot.sampling.horizon == 30_000_000
