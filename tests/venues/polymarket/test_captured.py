"""Every captured and documented REST message of the venue, read by the client's own models."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain.errors import Unavailable
from domain.orders import TimeInForce, Verdict
from tests.places import SHARED_FOLDER
from tests.venues.polymarket.scripted import Scripted, ticket
from tests.venues.scripted import says
from venues.polymarket.client import PolymarketClient
from venues.polymarket.contracts import Protocol, protocol_of_id
from venues.polymarket.discovery import condition_word, found_market
from venues.polymarket.errors import judge_answer, judge_posted, parse_error, read_refusal
from venues.polymarket.messages import (
    Book,
    CancelAnswer,
    ClobInfo,
    GammaMarket,
    PostedOrder,
    RestOrder,
    amount,
    decode,
    demanded,
)
from venues.polymarket.translate import fee_schedule, matched_shares, order_dead, quote_from_book

FIXTURES = SHARED_FOLDER / "fixtures" / "polymarket"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no recorded messages at {FIXTURES}"),
]

ID = "0x" + "ab" * 32
READ_HERE = {
    "captured-2026-10-05/book-v1-btc15m.json",
    "captured-2026-10-05/clob-markets-v1-btc15m.json",
    "captured-2026-10-05/clob-markets-v2-canary.json",
    "captured-2026-10-05/gamma-market-v1-btc15m.json",
    "docs-examples/batch_post_only_200.json",
    "docs-examples/cancel_response.json",
    "docs-examples/heartbeat_mismatch_400.json",
    "docs-examples/post_only_503.json",
    "docs-examples/rest_order.json",
}
OF_THE_STREAMS = {
    "captured-2026-10-05/ws-market-v2-session-trimmed.jsonl",
    "docs-examples/user_order_placement.json",
}
NOT_READ = {"py-sdk-data_v2/positions.json", "py-sdk-data_v2/resolutions.json"}  # the data API is no ledger's truth


def told(name: str) -> bytes:
    return next(FIXTURES.glob(f"*/{name}")).read_bytes()


def test_no_message_lies_there_unread() -> None:
    found = {str(path.relative_to(FIXTURES)) for path in FIXTURES.glob("*/*.json*")}
    assert found == READ_HERE | OF_THE_STREAMS | NOT_READ


def test_a_book_is_read_from_its_far_end() -> None:
    book = decode(Book, told("book-v1-btc15m.json"))
    quote = quote_from_book(book.asset_id, book, asked_at=1, answered_at=2)
    assert (quote.bids[0], quote.asks[0]) == ((Decimal("0.95"), Decimal("142.4")), (Decimal("0.96"), Decimal("441.4")))
    assert (quote.bids[-1], quote.asks[-1][0]) == ((Decimal("0.01"), Decimal(1123)), Decimal("0.99"))
    assert (len(quote.bids), len(quote.asks)) == (len(book.bids or ()), len(book.asks or ()))
    with pytest.raises(Unavailable):
        quote_from_book("7", book, asked_at=1, answered_at=2)


@pytest.mark.parametrize(
    ("name", "version"), [("clob-markets-v1-btc15m.json", "v1"), ("clob-markets-v2-canary.json", "v2")]
)
def test_the_clobs_document_of_a_market_says_what_an_order_keeps_to(name: str, version: str) -> None:
    info = decode(ClobInfo, told(name))
    assert (demanded(info.tick, "mts"), demanded(info.min_size, "mos")) == (Decimal("0.01"), 5)
    assert (info.version, info.accepting, info.delayed, info.neg_risk) == (version, True, True, None)
    assert {protocol_of_id(int(token.token_id)) for token in info.tokens} == {Protocol(version)}
    assert fee_schedule(info.fees, info.taker_base_fee).trade_fee(Decimal("0.5"), Decimal(100)) == Decimal("1.75")
    assert condition_word(info.condition_id) == info.condition_id


def test_gammas_document_of_the_same_market_agrees_with_the_clobs() -> None:
    info = decode(ClobInfo, told("clob-markets-v1-btc15m.json"))
    market = found_market(decode(GammaMarket, told("gamma-market-v1-btc15m.json")))
    assert [(o.token_id, o.label) for o in market.outcomes] == [(t.token_id, t.outcome) for t in info.tokens]
    assert (market.condition, market.version, market.tick) == (info.condition_id, info.version, amount(info.tick))
    assert (market.min_size, market.fees) == (amount(info.min_size), fee_schedule(info.fees, info.taker_base_fee))
    assert market.rules.startswith('This market will resolve to "Up"')
    assert market.source == "https://data.chain.link/streams/btc-usd-twap-60s-streams"
    assert market.closes_at == 1_791_242_100_000_000


async def test_a_captured_market_makes_a_spec_through_the_client(venue: Scripted, client: PolymarketClient) -> None:
    info = decode(ClobInfo, told("clob-markets-v1-btc15m.json"))
    up, down = (token.token_id for token in info.tokens)
    venue.on("GET", f"/markets-by-token/{up}", says({"condition_id": info.condition_id}))
    venue.on("GET", f"/clob-markets/{info.condition_id}", says(told("clob-markets-v1-btc15m.json")))
    tokens = [{"token_id": up, "outcome": "Up"}, {"token_id": down, "outcome": "Down"}]
    about = {"condition_id": info.condition_id, "tokens": tokens, "question": "Up or down?", "neg_risk": False}
    venue.on("GET", f"/markets/{info.condition_id}", says(about))
    spec = await client.market(up)
    assert (spec.event, spec.outcome, spec.complement, spec.outcomes) == (info.condition_id, "Up", down, 2)
    assert (spec.delay_ms, spec.min_size, spec.fees.taker) == (250, 5, Decimal("0.07"))


def test_a_batch_entry_that_says_success_and_an_error_is_refused() -> None:
    [entry] = msgspec.json.decode(told("batch_post_only_200.json"), type=list[msgspec.Raw])
    result = judge_posted(ID, ticket(), decode(PostedOrder, entry), 1)
    assert (result.verdict, result.code) == (Verdict.REJECTED, "post_only_mode")


def test_a_pause_is_refused_and_says_how_long() -> None:
    result = judge_answer(ID, ticket(tif=TimeInForce.GTC), 503, told("post_only_503.json"), 1)
    assert (result.verdict, result.code) == (Verdict.REJECTED, "post_only_mode")
    assert "79" in read_refusal("GET /x", 503, told("post_only_503.json")).message


def test_a_cancel_answers_with_reasons() -> None:
    answer = decode(CancelAnswer, told("cancel_response.json"))
    assert (answer.canceled, answer.not_canceled) == (["ORDER_ID_1"], {"ORDER_ID_2": "order already matched"})


def test_a_mismatched_heartbeat_is_an_error_in_a_third_spelling() -> None:
    error = parse_error(told("heartbeat_mismatch_400.json"))
    assert error is not None
    assert error.text == "Invalid Heartbeat ID"


def test_a_listed_order_is_working_with_nothing_matched() -> None:
    order = decode(RestOrder, told("rest_order.json"))
    assert (order_dead(order), matched_shares(order), amount(order.original_size)) == (False, 0, 10)
