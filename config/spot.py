"""Spot prices: which feeds run, which markets follow which price, and where what was learned of them is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.section import Section
from domain.features.params import FeatureParams
from domain.spot import SpotFeed, SpotSource

MADE_UP_PATH = "/spot/coinbase"
"""Where the paper exchange serves prices it makes up, in Coinbase's form."""

_URL = re.compile(r"wss://[^\s/@#]+\S*|ws://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:/\S*)?")
_SYMBOLS = {
    SpotFeed.COINBASE: (re.compile(r"[A-Z0-9]+-[A-Z0-9]+"), "BTC-USD"),
    SpotFeed.COINBASE_ADVANCED: (re.compile(r"[A-Z0-9]+-[A-Z0-9]+"), "BTC-USD"),
    SpotFeed.BINANCE: (re.compile(r"[A-Z0-9]+"), "BTCUSDT"),
    SpotFeed.POLYMARKET_PRICES: (re.compile(r"[a-z0-9/]+"), "btcusd"),
}

_LEAST = {
    each.name: 0 if each.name.startswith("join") else 1 for each in fields(FeatureParams) if each.name != "follow"
}


MADE_UP = "paper"


class SpotFeedSettings(Section):
    """One spot feed and the `symbols` asked of it, as the source writes them.

    `url` null is the source's own address, `paper` (of coinbase, in paper mode) the paper exchange's made-up prices; an
    unencrypted one must be on this machine. `stale_ms` is how long the
    source may say nothing new until it counts as stale. `provider` narrows Polymarket's price topics to one oracle;
    null leaves the choice to the venue.
    """

    source: SpotFeed
    symbols: tuple[str, ...]
    url: str | None = None
    stale_ms: int = Field(default=10_000, gt=0)
    provider: Literal["chainlink", "pyth"] | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        form, example = _SYMBOLS[self.source]
        wrong = [symbol for symbol in self.symbols if form.fullmatch(symbol) is None]
        if wrong or not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise ValueError(
                f"symbols [{', '.join(self.symbols)}] of {self.source}; expected one or more, each once, as "
                f"{self.source} writes them, such as {example}"
            )
        if self.made_up and self.source is not SpotFeed.COINBASE:
            raise ValueError(f"url paper of {self.source}; the paper exchange makes up coinbase alone: name that")
        if self.url is not None and not self.made_up and _URL.fullmatch(self.url) is None:
            raise ValueError(f"url {self.url!r}; expected wss://host, or ws://127.0.0.1:port on this machine, or paper")
        if self.provider is not None and self.source is not SpotFeed.POLYMARKET_PRICES:
            raise ValueError(f"provider {self.provider} of {self.source}; only polymarket_prices has any: leave it out")
        return self

    @property
    def made_up(self) -> bool:
        return self.url == MADE_UP

    def carries(self, source: SpotSource, symbol: str) -> bool:
        """Whether this feed brings that price."""
        if source is not SpotSource.CHAINLINK_TWAP and self.provider not in (None, source.value):
            return False
        return source in self.source.sources and symbol in self.symbols


class WarmCache(Section):
    """What features have learned, kept across restarts. `url` null keeps it in memory only.

    A state older than `max_age_ms` is never used; every `save_ms` the newest is saved.
    """

    url: str | None = Field(default=None, repr=False, pattern=r"^(rediss?|unix)://\S+$")
    max_age_ms: int = Field(default=60_000, gt=0)
    save_ms: int = Field(default=5_000, ge=1_000)


def trouble_with_spot(
    feeds: Sequence[SpotFeedSettings], features: FeatureParams, credentials_file: Path | None, *, live: bool
) -> str | None:
    """What is wrong between the sections `spot`, `features` and `polymarket`, with what to do; None if nothing is."""
    if live and any(feed.made_up for feed in feeds):
        return "spot: url paper brings made-up prices, and mode is live; expected real ones: set url: null"
    sources = [feed.source for feed in feeds]
    if len(set(sources)) < len(sources):
        return f"spot: [{', '.join(sources)}]; expected each source once, with all of its symbols"
    if {SpotFeed.COINBASE, SpotFeed.COINBASE_ADVANCED} <= set(sources):
        return (
            "spot: coinbase and coinbase_advanced are two feeds of the same prices, which would come twice; expected "
            "one of them: leave the other out"
        )
    if SpotFeed.POLYMARKET_PRICES in sources and credentials_file is None:
        return (
            "spot: polymarket_prices is served to accounts only; expected polymarket.credentials_file (the path of a "
            "JSON file)"
        )
    for follow in features.follow:
        if not follow.markets or not follow.symbol:
            return (
                f"features.follow: markets {follow.markets!r} follow {follow.symbol!r} of {follow.source}; expected "
                "the name of a market, or how names begin, and a symbol"
            )
        if not any(feed.carries(follow.source, follow.symbol) for feed in feeds):
            carried = ", ".join(f"{feed.source}: {' '.join(feed.symbols)}" for feed in feeds) or "nothing"
            return (
                f"features.follow: {follow.markets} follows {follow.symbol} of {follow.source}, and spot brings "
                f"{carried}; add the symbol to a feed that carries that source, or correct it"
            )
    named = [follow.markets for follow in features.follow]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        return f"features.follow: {', '.join(twice)} follows two prices; expected each name once"
    return _trouble_with_times(features)


def _trouble_with_times(features: FeatureParams) -> str | None:
    for name, least in _LEAST.items():
        if (value := getattr(features, name)) < least:
            return f"features.{name} = {value}; expected at least {least}"
    horizon, step, window = features.sigma_horizon_ms, features.sigma_step_ms, features.sigma_window_ms
    if horizon % step:
        return f"features.sigma_horizon_ms = {horizon}; expected a multiple of features.sigma_step_ms, {step}"
    if window < 2 * horizon:
        return f"features.sigma_window_ms = {window}; expected at least two horizons, {2 * horizon}"
    if features.sigma_least > window // step:
        return (
            f"features.sigma_least = {features.sigma_least}; expected at most {window // step}, the returns that "
            "features.sigma_window_ms has"
        )
    return None
