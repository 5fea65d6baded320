"""Claims in the ledger: versions only grow, and nothing opens on one that is not approved now."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.claims import (
    ClaimStatus,
    EquivalenceRecord,
    Instrument,
    JointOutcome,
    Pays,
    declared,
    proposal,
    rules_hash,
)
from domain.errors import BadInput, Denied
from domain.market import Venue
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger import samples

AnyLedger = Ledger | MemoryLedger

TEXTS = ("AAA pays if A wins.", "BBB pays if B wins.")
ONE, ZERO = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))


def record(title: str = "A or B") -> EquivalenceRecord:
    legs = (
        Instrument(Venue.KALSHI, samples.A, "A wins", rules_hash(TEXTS[0])),
        Instrument(Venue.POLYMARKET, samples.B, "B wins", rules_hash(TEXTS[1])),
    )
    rows = (JointOutcome("A", (ONE, ZERO)), JointOutcome("B", (ZERO, ONE)))
    return proposal(title, legs, rows, "match", "names agree", 1)


async def test_versions_are_kept_as_they_were_decided_with_the_texts_that_were_read(ledger: AnyLedger) -> None:
    first = await ledger.add_claim(record(), TEXTS)
    second = await ledger.add_claim(first.decided(ClaimStatus.APPROVED, "Ada", "read both", 2))
    assert await ledger.claims() == (second,)
    assert await ledger.claim_history(first.id) == (first, second)
    assert await ledger.rule_texts([rules_hash(TEXTS[1]), "0" * 64]) == {rules_hash(TEXTS[1]): TEXTS[1]}
    assert await ledger.claim_history("c-none") == ()


async def test_the_same_version_again_changes_nothing_and_one_decided_on_an_old_version_is_refused(
    ledger: AnyLedger,
) -> None:
    first = await ledger.add_claim(record())
    approved = await ledger.add_claim(first.decided(ClaimStatus.APPROVED, "Ada", "read both", 2))
    assert await ledger.add_claim(approved) == approved
    with pytest.raises(BadInput, match="not decided on the newest") as refused:
        await ledger.add_claim(first.decided(ClaimStatus.WITHDRAWN, "Bob", "no", 3))
    assert refused.value.code == "claim_changed"
    with pytest.raises(BadInput, match="not decided on the newest"):
        await ledger.add_claim(record("another title"))
    with pytest.raises(BadInput, match="there is none yet"):
        await ledger.add_claim(replace(approved, id="c-00000000"))
    assert await ledger.claim_history(first.id) == (first, approved)


async def test_of_two_people_who_decide_at_once_one_is_told_to_look_again(ledger: AnyLedger) -> None:
    first = await ledger.add_claim(record())
    answers = await asyncio.gather(
        ledger.add_claim(first.decided(ClaimStatus.APPROVED, "Ada", "read both", 2)),
        ledger.add_claim(first.decided(ClaimStatus.WITHDRAWN, "Bob", "ties differ", 2)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["BadInput", "EquivalenceRecord"]
    assert len(await ledger.claim_history(first.id)) == 2


async def test_a_trade_opens_only_on_the_newest_version_and_only_if_that_is_approved(ledger: AnyLedger) -> None:
    async def opens(n: int, pin: str) -> str:
        intent = replace(samples.intent(n), claim=pin)
        ticket = samples.ticket(intent)
        try:
            await ledger.begin_order(samples.RUN_ID, intent, ticket, samples.body(ticket), samples.START)
        except Denied as denied:
            return f"{denied.code}: {denied.message}"
        return "opened"

    first = record()
    assert re.match("claim_suspended: .* not in the ledger", await opens(1, first.pin))
    assert await ledger.open_trades() == ()
    await ledger.add_claim(first)
    assert "is proposed" in await opens(2, first.pin)
    approved = await ledger.add_claim(first.decided(ClaimStatus.APPROVED, "Ada", "read both", 2))
    assert await opens(3, approved.pin) == "opened"
    suspended = await ledger.add_claim(approved.decided(ClaimStatus.SUSPENDED, "rules watch", "text changed", 3))
    assert "text changed" in await opens(4, approved.pin)
    assert "is suspended" in await opens(5, suspended.pin)
    again = await ledger.add_claim(suspended.decided(ClaimStatus.APPROVED, "Ada", "a typo", 4))
    assert "no longer the newest" in await opens(6, approved.pin)
    assert await opens(7, again.pin) == "opened"


async def test_an_open_trade_goes_on_when_its_claim_is_suspended(ledger: AnyLedger) -> None:
    approved = (await ledger.add_claim(record())).decided(ClaimStatus.APPROVED, "Ada", "read both", 2)
    await ledger.add_claim(approved)
    intent = replace(samples.intent(), claim=approved.pin)
    first, second = samples.ticket(intent), samples.ticket(intent, "B")
    await ledger.begin_order(samples.RUN_ID, intent, first, samples.body(first), samples.START)
    await ledger.add_claim(approved.decided(ClaimStatus.SUSPENDED, "rules watch", "text changed", 3))
    assert await ledger.begin_order(samples.RUN_ID, None, second, samples.body(second), samples.START) == 1


async def test_what_a_recording_declares_is_kept_as_good_for_paper_only(ledger: AnyLedger) -> None:
    await ledger.add_claim(record())
    await ledger.add_claim(declared(record()))
    (kept,) = await ledger.claims()
    assert (kept.paper, kept.status, kept.version) == (True, ClaimStatus.APPROVED, 2)
