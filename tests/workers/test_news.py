"""News of the account survives being a dead letter, and knows what it has to be in order with."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import BadInput
from domain.evidence import Fill, FillStatus
from domain.market import Venue
from tests.ledger.samples import START, intent
from tests.workers.test_user_channel import fill_frame, lifecycle_frame, user_order, user_trade
from venues.market_events import Resolved, TickChange
from workers.news import Look, News, market_of, pack, unpack

FILL = Fill(Venue.KALSHI, "t", "o", "c", "KX", intent().legs[0].side, Decimal("0.4"), Decimal(10), Decimal(0), START)
RESOLVED = Resolved(Venue.POLYMARKET, "0xc", ("1", "2"), "1", START)
TICK = TickChange(Venue.POLYMARKET, "1", 10_000, 1_000, START)


@pytest.mark.parametrize(
    "body",
    [fill_frame(), b"\xff", user_order(), RESOLVED, TICK, Look(Venue.KALSHI, "c-1", FILL, True)],
    ids=lambda body: type(body).__name__,
)
def test_what_is_packed_comes_back(body: News | Look) -> None:
    form, content = pack(body)
    assert unpack(form, content) == body


def test_a_trade_comes_back_without_the_names_of_api_keys() -> None:
    trade = user_trade("MATCHED")
    trade = replace(trade, makers=(replace(trade.makers[0], owner="key-of-somebody"),))
    form, content = pack(trade)
    assert b"key-of-somebody" not in content
    nameless = replace(trade, makers=tuple(replace(maker, owner="") for maker in trade.makers))
    assert unpack(form, content) == nameless


def test_a_decision_is_kept_for_people_and_not_handed_over_again() -> None:
    form, content = pack(intent())
    assert (form, b'"legs":' in content) == ("intent", True)
    with pytest.raises(BadInput, match="A decision is of its moment"):
        unpack(form, content)


def test_content_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match="form userorder"):
        unpack("userorder", b"{")


@pytest.mark.parametrize(
    ("news", "market"),
    [
        (fill_frame(market_ticker="KX-A"), "KX-A"),
        (lifecycle_frame("settled", "KX-B"), "KX-B"),
        (b"{", ""),
        (b"[]", ""),
        (b'{"msg":' * 100_000, ""),
        (user_order(), "0xc"),
        (user_trade("MATCHED"), "0xc"),
        (RESOLVED, "0xc"),
        (TICK, "1"),
    ],
)
def test_news_is_in_order_with_news_of_its_market(news: News, market: str) -> None:
    assert market_of(news) == market


def test_of_two_looks_at_an_order_that_wait_one_will_do_unless_a_fill_was_voided() -> None:
    void = replace(FILL, status=FillStatus.VOID)
    first, second = (Look(Venue.KALSHI, "c-1", fill) for fill in (FILL, replace(FILL, trade_id="t2")))
    assert first.key == second.key
    assert Look(Venue.KALSHI, "c-1", void).key not in (first.key, Look(Venue.KALSHI, "c-1", FILL, True).key)
