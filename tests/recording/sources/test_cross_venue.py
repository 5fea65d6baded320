"""Two venues' quotes of the same games: one session, one clock, and claims good for nothing but paper."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from domain.claims import ClaimStatus, crosses
from domain.errors import BadInput
from domain.market import Venue
from domain.orders import Side
from recording.sources import session_file
from recording.sources.instruments import instruments
from recording.sources.open import open_recording
from recording.sources.session import BookReset
from venues.registry import SELLABLE

TICKER = "KXNBAGAME-26FEB22"
KALSHI = "2026-02-22 17:00:{at} | INFO | Updated order book for Asset ID: {t} | Best Bid: {b} | Best Ask: {a}"
POLY = "2026-02-22 17:00:{at} | INFO | Loaded snapshot for Asset ID: aec-nba-{t} | Best Bid: {b} | Best Ask: {a}"


def kalshi(at: str, team: str, bid: str, ask: str) -> str:
    return KALSHI.format(at=at, t=TICKER + team, b=f"({bid}, 40.0)", a=f"(Decimal('{ask}'), 30.0)")


def polymarket(at: str, game: str, bid: str, ask: str) -> str:
    return POLY.format(
        at=at, t=game, b=f"(Decimal('{bid}'), Decimal('50.000'))", a=f"(Decimal('{ask}'), Decimal('25.000'))"
    )


GAME, OTHER = "den-gs-2026-02-22", "bkn-atl-2026-02-22"
PAIRS = f"""poly_id,kalshi_ticker
aec-nba-{GAME},KXNBAGAME-26FEB22DENGSW-DEN
aec-nba-{GAME}-inverse,KXNBAGAME-26FEB22DENGSW-GSW
aec-nba-{OTHER},KXNBAGAME-26FEB22BKNATL-BKN
aec-nba-{OTHER}-inverse,KXNBAGAME-26FEB22BKNATL-ATL
aec-ufc-ada-eve-2026-03-07,KXUFCFIGHT-26MAR07ADAEVE-ADA
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "derived_pairs.csv").write_text(PAIRS)
    kalshi_lines = [
        "2026-02-22 16:59:59,000 | INFO | Connected! Subscribing to orderbook for KXNBAGAME-26FEB22DENGSW-DEN",
        "2026-02-22 16:59:59,100 | INFO | Updating price level 0.01 in bids from size 0 to size 947248.0",
        kalshi("00,000", "DENGSW-DEN", "0.60", "0.6200"),
        kalshi("00,000", "DENGSW-DEN", "0.60", "0.6200"),
        kalshi("00,010", "DENGSW-GSW", "0.37", "0.3900"),
        kalshi("01,000", "DENGSW-DEN", "0.61", "0.6200"),
        kalshi("01,000", "BKNATL-BKN", "0.30", "0.3200"),
    ]
    poly_lines = [
        "2026-02-22 16:59:58,000 | INFO | Connecting to wss://api.polymarket.us/v1/ws/markets",
        polymarket("00,500", GAME, "0.640", "0.650"),
        polymarket("00,501", f"{GAME}-inverse", "0.350", "0.360"),
        POLY.format(at="02,000", t=GAME, b="(None, None)", a="(Decimal('0.990'), Decimal('5.000'))"),
    ]
    for name, lines in (("kalshi_feed_2026-02-22", kalshi_lines), ("polymarket_us_feed_2026-02-22.v1", poly_lines)):
        with gzip.open(tmp_path / f"{name}.log.gz", "wt") as file:
            file.writelines(f"{line}\n" for line in lines)
    return tmp_path


def test_the_feeds_are_merged_by_time_and_every_quote_is_a_whole_book(folder: Path) -> None:
    session = open_recording(str(folder), whole=True)
    den, gsw, token = (spec.market for spec in session.markets)
    assert [(event.at % 60_000_000, event.market) for event in session.log] == [
        (0, den),
        (10_000, gsw),
        (500_000, token),
        (1_000_000, den),
        (2_000_000, token),
    ]
    assert session.start == 1_771_797_600_000_000  # 17:00 in New York's winter is 22:00 UTC
    assert session.log[0] == BookReset(session.start, den, ((600_000, 40_000_000),), ((380_000, 30_000_000),))
    assert session.log[-1] == BookReset(session.end, token, (), ((10_000, 5_000_000),))


def test_a_game_that_one_venue_does_not_quote_is_left_out(folder: Path) -> None:
    session = open_recording(str(folder), whole=True)
    assert {spec.event for spec in session.markets if spec.venue is Venue.KALSHI} == {"KXNBAGAME-26FEB22DENGSW"}
    with pytest.raises(BadInput, match="quoted at both venues"):
        open_recording(str(folder), game="BKN-ATL")


def test_both_tokens_can_be_traded_and_the_claim_ties_each_to_its_team(folder: Path) -> None:
    session = open_recording(str(folder), game="2026-02-22", whole=True)
    specs = instruments(session.markets, session.conditions)
    assert [(spec.venue, spec.outcome) for spec in specs[2:]] == [
        (Venue.POLYMARKET, "DEN"),
        (Venue.POLYMARKET, "GSW"),
    ]
    assert specs[2].complement == specs[3].market
    (claim,) = session.claims
    assert (claim.status, claim.paper) == (ClaimStatus.APPROVED, True)
    assert {one.key for one in claim.instruments} == {(spec.venue, spec.market) for spec in specs}
    legs = {(pair.places, pair.sides): pair.worst for pair in crosses(claim, SELLABLE)}
    assert legs == {
        ((0, 3), (Side.BUY, Side.BUY)): 1,
        ((1, 2), (Side.BUY, Side.BUY)): 1,
        ((0, 2), (Side.SELL, Side.BUY)): 0,
        ((1, 3), (Side.SELL, Side.BUY)): 0,
    }


def test_a_session_with_claims_survives_being_written_and_read(folder: Path, tmp_path: Path) -> None:
    session = open_recording(str(folder), whole=True)
    path = tmp_path / "kept.session.jsonl.gz"
    session_file.write(session, path)
    assert session_file.read(path) == session


def test_a_line_that_cannot_be_read_is_named_or_set_aside(folder: Path) -> None:
    with (folder / "kalshi_feed_2026-02-22.v2.log").open("w") as file:
        file.write("<<<<<<< HEAD\n")
    with pytest.raises(BadInput, match=r"kalshi_feed_2026-02-22.v2.log line 1: saw '<<<<<<< HEAD'"):
        open_recording(str(folder), whole=True)
    kept = folder / "bad.jsonl"
    session = open_recording(str(folder), whole=True, tolerate=True, quarantine=kept)
    assert any("1 lines set aside" in note for note in session.notes)
    assert "<<<<<<<" in kept.read_text()


def test_a_day_or_game_that_is_not_there_is_answered_with_what_is(folder: Path) -> None:
    with pytest.raises(BadInput, match="it holds 2026-02-22"):
        open_recording(str(folder), game="2026-02-23")
    with pytest.raises(BadInput, match="it holds BKN-ATL, DEN-GSW"):
        open_recording(str(folder), game="BOS-LAL")
    with pytest.raises(BadInput, match="not two teams"):
        open_recording(str(folder), game="Denver")
