"""Polymarket recordings: absolute levels, two tokens, and a poll that shows two instants in one row."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.book import Book
from domain.errors import BadInput
from domain.money import MICRO
from recording.sources.kalshi_csv import HEADER
from recording.sources.open import open_recording
from recording.sources.session import BookReset, RecordedSession
from recording.sources.updown import HEADER as POLLED

AT = "2025-12-08T03:00:0{}.000000+00:00"


def book_of(session: RecordedSession, market: str) -> Book:
    book = Book(market)
    for event in session.log:
        if event.market != market:
            continue
        if isinstance(event, BookReset):
            book.reset(event.yes, event.no, event.at, event.at)
        else:
            change = book.change_bid if event.side == "yes" else book.change_ask
            assert change(event.price if event.side == "yes" else MICRO - event.price, event.delta, event.at, event.at)
    return book


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    yes = [
        f"{AT.format(0)},book,0.41,BUY,223.25,0.41,0.43",
        f"{AT.format(0)},book,0.43,SELL,9.34,0.41,0.43",
        f"{AT.format(1)},price_change,0.44,SELL,100,0.41,0.43",
        f"{AT.format(2)},price_change,0.41,BUY,50,0.41,0.43",
        f"{AT.format(3)},last_trade_price,0.43,BUY,9.34,,",
        f"{AT.format(3)},price_change,0.43,SELL,0,0.41,0.44",
        f"{AT.format(4)},price_change,0.4,BUY,7,0.42,0.44",
    ]
    no = [f"{AT.format(0)},price_change,0.57,BUY,9.34,0.57,0.59"]
    for label, rows in (("YES", yes), ("NO", no)):
        (tmp_path / f"Polymarket_Ada_{label}.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def test_sizes_are_absolute_and_the_carried_best_prices_are_the_books(tokens: Path) -> None:
    session = open_recording(str(tokens), whole=True)
    yes, no = session.markets
    assert (yes.outcome, no.outcome, yes.complement) == ("Yes", "No", no.market)
    book = book_of(session, yes.market)
    # 0.42 was never told of: the smallest size stands for it.
    assert book.bid_levels() == ((420_000, 10_000), (410_000, 50 * MICRO), (400_000, 7 * MICRO))
    assert book.ask_levels() == ((440_000, 100 * MICRO),)
    other = book_of(session, no.market)
    assert (other.best_bid, other.best_ask) == (570_000, 590_000)


def test_an_hour_of_silence_forgets_every_level(tokens: Path) -> None:
    path = tokens / "Polymarket_Ada_YES.csv"
    path.write_text(path.read_text() + "2025-12-08T05:00:00+00:00,price_change,0.3,BUY,5,0.3,0.5\n")
    session = open_recording(str(tokens), whole=True)
    book = book_of(session, session.markets[0].market)
    assert book.bid_levels() == ((300_000, 5 * MICRO),)
    assert book.ask_levels() == ((500_000, 10_000),)


def test_a_name_without_its_two_files_is_answered_with_what_is_there(tokens: Path) -> None:
    with pytest.raises(BadInput, match="it holds Ada"):
        open_recording(str(tokens), game="Eve")
    assert open_recording(str(tokens), game="ada").markets[0].title == "Ada"


def test_a_row_of_a_poll_is_two_books_of_one_second_and_a_fifth_of_the_depth(tmp_path: Path) -> None:
    window = "2025-12-26 10:30:00,2025-12-26 10:45:00"
    rows = [
        f"2025-12-26 10:34:15,{window},0.09,0.11,0.1,0.02,6151.04,4386.31,0.89,0.0,0.0,0.0,4296.39,0.0",
        f"2025-12-26 10:34:14,{window},0.08,0.10,0.09,0.02,10.0,20.0,0.90,0.92,0.91,0.02,30.0,40.0",
        f"2025-12-26 10:34:14,{window},0.09,0.10,0.09,0.01,10.0,20.0,0.90,0.91,0.91,0.02,30.0,40.0",
        f"2025-12-26 10:45:00,{window},0.5,0.6,0.55,0.1,10.0,10.0,0.4,0.5,0.45,0.1,10.0,10.0",
    ]
    (tmp_path / "market_data_20251226.csv").write_text("\n".join([POLLED, *rows]) + "\n")
    session = open_recording(str(tmp_path), whole=True)
    up, down = session.markets
    assert session.conditions[0].slug == "btc-updown-15m-1766745000"
    first = session.start
    assert session.log == (
        BookReset(first, up.market, ((90_000, 2 * MICRO),), ((900_000, 4 * MICRO),)),
        BookReset(first, down.market, ((900_000, 6 * MICRO),), ((90_000, 8 * MICRO),)),
        BookReset(first + MICRO, up.market, ((90_000, 1_230_200_000),), ((890_000, 877_260_000),)),
        BookReset(first + MICRO, down.market, ((890_000, 859_270_000),), ()),
    )
