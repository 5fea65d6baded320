"""match: candidates by what is stated first and spelling second; both texts shown; nothing ever approved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import claims, exits
from cli import match as command
from cli.main import main
from cli.matching.listing import WINNER, Listing, kalshi_events, polymarket_ids
from cli.matching.nearest import nearest
from cli.matching.pairing import LEAST, Candidate, candidates, contradiction
from cli.matching.rules import differences, pays_when, treatments
from domain.claims import ClaimStatus
from testing.ledger.memory import MemoryLedger
from tests.places import SHARED_FOLDER

SHARED = SHARED_FOLDER / "data"

POLYMARKET_RULES = (
    "This market will resolve to the winner. If the game is postponed, this market will remain open until the game has "
    "been completed. If the game is canceled entirely, with no make-up game, this market will resolve 50-50."
)
KALSHI_RULES = (
    "If Denver wins, resolves to Yes. If the game is postponed more than two weeks, resolves to a fair price."
)

GAMMA = [
    {
        "question": "Nuggets vs. Warriors",
        "slug": "nba-den-gsw-2026-02-22",
        "description": POLYMARKET_RULES,
        "outcomes": '["Nuggets", "Warriors"]',
        "clobTokenIds": '["11", "22"]',
        "sportsMarketType": "moneyline",
    },
    {
        "question": "Nuggets vs. Warriors: O/U 220.5",
        "slug": "nba-den-gsw-2026-02-22-total-220pt5",
        "outcomes": '["Over", "Under"]',
        "clobTokenIds": '["33", "44"]',
        "sportsMarketType": "totals",
        "line": 220.5,
    },
    {
        "question": "Will Ada be the next Prime Minister in 2026?",
        "slug": "will-ada-be-the-next-prime-minister-in-2026",
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": '["55", "66"]',
    },
]
KALSHI = {
    "events": [
        {
            "event_ticker": "KXNBAGAME-26FEB22DENGSW",
            "title": "Denver at Golden State",
            "markets": [
                {
                    "ticker": "KXNBAGAME-26FEB22DENGSW-GSW",
                    "yes_sub_title": "Golden State",
                    "rules_primary": KALSHI_RULES,
                },
                {"ticker": "KXNBAGAME-26FEB22DENGSW-DEN", "yes_sub_title": "Denver", "rules_primary": KALSHI_RULES},
            ],
        },
        {
            "event_ticker": "KXNEXTPM",
            "underlying": "If || Person || is the next Prime Minister, then Yes.",
            "markets": [
                {
                    "ticker": "KXNEXTPM-ADA",
                    "title": "Will Ada be the next Prime Minister?",
                    "rulebook_variables": {"Person": "Ada"},
                }
            ],
        },
    ]
}


def by_ids(slugs: list[str], tickers: list[str]) -> list[Candidate]:
    return candidates(polymarket_ids(slugs), kalshi_events(tickers))


def test_a_ticker_and_a_slug_say_league_day_type_and_part() -> None:
    (game, two) = kalshi_events(
        ["KXCS2GAME-26MAY111130BBB8-B8", "KXCS2GAME-26MAY111130BBB8-BB", "KXCS2MAP-26MAY111130BBB8-2-B8"]
    )
    assert (game.league, game.kind, game.part, game.day) == ("cs2", WINNER, "", date(2026, 5, 11))
    assert [outcome.label for outcome in game.outcomes] == ["B8", "BB"]
    assert (two.kind, two.part) == ("map", "map 2")
    (slug,) = polymarket_ids(["aec-cs2-b8-bb-2026-05-11", "aec-cs2-b8-bb-2026-05-11-inverse", "not-a-game"])
    assert (slug.league, slug.kind, slug.day) == ("cs2", WINNER, date(2026, 5, 11))


def test_codes_cut_from_names_in_different_ways_are_the_same_players() -> None:
    found = by_ids(
        ["aec-atp-lormus-fracer-2026-05-10", "aec-nba-sa-min-2026-05-10", "aec-ipl-guj-srh-2026-05-12"],
        [
            "KXATPMATCH-26MAY10MUSCER-CER", "KXATPMATCH-26MAY10MUSCER-MUS",
            "KXNBAGAME-26MAY10SASMIN-SAS", "KXNBAGAME-26MAY10SASMIN-MIN",
            "KXIPLGAME-26MAY12SRHGT-SRH", "KXIPLGAME-26MAY12SRHGT-GT",
        ],
    )  # fmt: skip
    pairs = {one.polymarket.outcomes[n].label: one.kalshi.outcomes[m].label for one in found for n, m in one.pairs}
    assert pairs == {"lormus": "MUS", "fracer": "CER", "sa": "SAS", "min": "MIN", "guj": "GT", "srh": "SRH"}


@pytest.mark.parametrize(
    ("ticker", "why"),
    [
        ("KXNBAGAME-26MAY11OKCLAL", "days"),  # the next game of the same series
        ("KXWNBAGAME-26MAY09OKCLAL", "leagues"),
        ("KXNBASPREAD-26MAY09OKCLAL", "types"),
        ("KXNBAMAP-26MAY09OKCLAL-1", "types"),
    ],
)
def test_what_two_ids_state_differently_no_likeness_outvotes(ticker: str, why: str) -> None:
    assert by_ids(["aec-nba-okc-lal-2026-05-09"], [f"{ticker}-OKC", f"{ticker}-LAL"]) == []
    (slug,), (event,) = (
        polymarket_ids(["aec-nba-okc-lal-2026-05-09"]),
        kalshi_events([f"{ticker}-OKC", f"{ticker}-LAL"]),
    )
    assert contradiction(slug, event).startswith(why)


def test_of_two_partners_that_are_as_good_neither_is_offered() -> None:
    double_header = ["KXMLBGAME-26MAY091205DETKC", "KXMLBGAME-26MAY091910DETKC"]
    assert (
        by_ids(["aec-mlb-det-kc-2026-05-09"], [f"{one}-{team}" for one in double_header for team in ("DET", "KC")])
        == []
    )


def test_what_texts_say_of_voids_and_postponements_is_set_against_each_other() -> None:
    said = treatments(POLYMARKET_RULES)
    assert said["canceled"].does == ("50-50",)
    assert said["postponed"].does == ("stays open",)
    gaps = differences(POLYMARKET_RULES, KALSHI_RULES)
    assert {topic: (str(one), str(other)) for topic, (one, other) in gaps.items()} == {
        "canceled": ("50-50", "not said"),
        "postponed": ("stays open", "fair price, two weeks"),
    }
    assert differences(POLYMARKET_RULES, POLYMARKET_RULES) == {}
    assert str(pays_when(said["canceled"])) == "0.5"
    assert str(pays_when(said["postponed"])) == "0–1"


@pytest.fixture
def documents(tmp_path: Path) -> list[str]:
    ours, theirs = tmp_path / "gamma.json", tmp_path / "kalshi.json"
    ours.write_text("\ufeff" + json.dumps({"markets": GAMMA}))
    theirs.write_text(json.dumps(KALSHI))
    return ["--polymarket", str(ours), "--kalshi", str(theirs)]


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["match", *words, "--json"]) == exits.OK
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_the_game_is_found_among_totals_and_questions_and_shown_with_both_texts(
    documents: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = told(capsys, *documents)
    assert found["pairs"] == [["22", "KXNBAGAME-26FEB22DENGSW-GSW"], ["11", "KXNBAGAME-26FEB22DENGSW-DEN"]]
    assert set(found["differences"]) == {"canceled", "postponed"}
    assert found["claim"]["outcomes"][2]["pays"] == ["0.5", "0.5", "0..1", "0..1"]
    assert main(["match", *documents]) == exits.OK
    shown = " ".join(capsys.readouterr().out.split())
    assert "resolve 50-50" in shown
    assert "canceled: Polymarket 50-50; Kalshi not said" in shown


def test_a_question_with_another_year_in_it_is_another_question(
    documents: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert all("PM" not in one["kalshi"] for one in told(capsys, *documents, "--least", "0"))


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (["KXNBAGAME-26FEB23DENGSW-DEN", "KXNBAGAME-26FEB23DENGSW-GSW"], "days 2026-02-22 and 2026-02-23"),
        (["KXNBAGAME-26FEB22BOSLAL-BOS", "KXNBAGAME-26FEB22BOSLAL-LAL"], "of 100; 70 asked for"),
    ],
)
def test_who_finds_nothing_is_told_what_was_compared_and_which_field_spoke_against_the_nearest(
    theirs: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, kalshi = tmp_path / "ours.txt", tmp_path / "theirs.txt"
    ours.write_text("nba-den-gsw-2026-02-22")
    kalshi.write_text("\n".join(theirs))
    assert told(capsys, "--polymarket", str(ours), "--kalshi", str(kalshi)) == []
    assert main(["match", "--polymarket", str(ours), "--kalshi", str(kalshi)]) == exits.OK
    said = " ".join(capsys.readouterr().err.split())
    assert "Polymarket: 1 games of 2026-02-22 to 2026-02-22, 0 questions" in said
    assert "compared: 1 pairs of games, 0 pairs of questions" in said
    assert words in said


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="metadata are not in ../shared/data")
def test_documents_of_one_week_share_no_claim_and_the_nearest_miss_is_another_year() -> None:
    metadata = SHARED / "metadata"
    ours = command.read_polymarket(metadata / "polymarket_gamma_markets_2026-02-08.json.gz")
    theirs = command.read_kalshi(metadata / "kalshi_full_events_2026-02-14.json.gz")
    assert candidates(ours, theirs) == []
    assert not any(one.league for one in theirs)  # long-dated questions only: no game to match the games with
    first = nearest(ours, theirs, LEAST)[0]
    assert (first.score, first.why) == (90, "numbers 2026 and none")


async def test_what_is_proposed_waits_for_a_person_and_what_people_decided_is_left_alone(
    documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = MemoryLedger()

    @asynccontextmanager
    async def opened(_: Any) -> AsyncIterator[MemoryLedger]:
        yield ledger

    monkeypatch.setattr("workers.local.books.open_ledger", opened)
    found = candidates(command.read_polymarket(Path(documents[1])), command.read_kalshi(Path(documents[3])))
    records = [command.draft(one, 1) for one in found]
    stack: Any = SimpleNamespace()
    (kept,) = await command._propose(stack, found, records)
    assert (kept.status, kept.author) == (ClaimStatus.PROPOSED, command.AUTHOR)
    assert len(await ledger.rule_texts(one.rules_sha256 for one in kept.instruments)) == 2
    withdrawn = await ledger.add_claim(kept.decided(ClaimStatus.WITHDRAWN, "Ada", "voids differ", 2))
    assert await command._propose(stack, found, records) == []
    assert await ledger.claims() == (withdrawn,)


def test_what_match_writes_can_be_checked_and_proposed_by_hand(
    documents: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = told(capsys, *documents)
    path = tmp_path / "claim.json"
    path.write_text(json.dumps(found["claim"]))
    record, texts = claims.read_proposal(path, "Ada", "checked", 1)
    assert record.status is ClaimStatus.PROPOSED
    assert POLYMARKET_RULES in texts


def test_a_file_that_is_no_document_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"markets": [{"question": 1}]}')
    assert main(["match", "--polymarket", str(wrong), "--kalshi", str(wrong)]) == exits.BAD_INPUT
    assert "wrong.json is no list of GammaMarket" in capsys.readouterr().err
    assert main(["match", "--polymarket", str(tmp_path / "none"), "--kalshi", str(wrong)]) == exits.BAD_INPUT


def _mapped() -> list[dict[str, str]]:
    text = (SHARED / "metadata" / "cross_exchange_statics.json").read_text(encoding="utf-8-sig")
    rows: list[dict[str, str]] = json.loads(text)["POLYMARKET_KALSHI_MAPPING"]["Moneyline_Events"]["sports"]
    return rows


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="metadata are not in ../shared/data")
def test_of_116_pairs_mapped_by_hand_the_90_of_one_type_are_found_and_the_26_of_another_are_refused() -> None:
    rows = _mapped()
    keys = (("polymarket_ticker", "kalshi_ticker"), ("other_poly_id", "other_kalshi_ticker"))
    truth = {(row[slug], row[ticker]) for row in rows for slug, ticker in keys}
    slugs, tickers = [slug for slug, _ in truth], [ticker for _, ticker in truth]
    ours, theirs = polymarket_ids(sorted(slugs)), kalshi_events(sorted(tickers))
    found = candidates(ours, theirs)
    offered = {
        (one.polymarket.outcomes[n].market, one.kalshi.outcomes[m].market) for one in found for n, m in one.pairs
    }
    assert (len(rows), len(found), len(offered)) == (116, 90, 180)
    assert offered <= truth
    # What is left of the hand's map ties a whole match to one of its maps or sets: other claims.
    assert _types(theirs, truth - offered) == {"map": 38, "setwinner": 14}


def _types(listings: list[Listing], pairs: set[tuple[str, str]]) -> dict[str, int]:
    kinds = {outcome.market: listing.kind for listing in listings for outcome in listing.outcomes}
    counted: dict[str, int] = {}
    for _, ticker in pairs:
        counted[kinds[ticker]] = counted.get(kinds[ticker], 0) + 1
    return dict(sorted(counted.items()))
