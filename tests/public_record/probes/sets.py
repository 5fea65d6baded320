"""Full sets and winnings through the real `Merger` and `Carrier`, their journal and `RelayerClient`, step by step.

    input:
      market: {version: v1, neg_risk: true}
      steps:
        - {do: merge}                      12.5 sets handed back; `attempt: 2` is another undertaking
        - {do: redeem}                     what a resolved market's tokens pay
        - {do: look}                       what is known of the merge; `of: redeem`, `attempt: 2`
        - {do: wait, s: 700}
        - {do: restart}                    the next process, on the same disk
      Each step may have `answers: [{at: POST /submit, status: 400, says: {…}}]`, or `does: drops`; where it has none
      for a path, the relayer names nonce 0, takes what is submitted as `tx-1` and says that it is new.

Facts: what was `said` at each merge, redeem and look, how many requests were `sent`, how many `different` ones, which
contract was the `target`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from domain.errors import SurefootError
from domain.evidence import OrderStatus
from domain.market import Venue
from domain.orders import SETS, OrderTicket, Purpose, Side
from tests.served import served
from venues.polymarket.calls import Condition
from venues.polymarket.carry import Carrier
from venues.polymarket.contracts import Protocol
from venues.polymarket.journal import ChainJournal
from venues.polymarket.merge import FullSet, Merger
from venues.polymarket.relayer import RelayerClient, RelayerKey
from venues.polymarket.wallet import SignatureType, Wallet
from venues.wire import HttpWire, Timeouts

_NOW_US = 1_790_000_000_000_000
_WALLET = Wallet.from_hex(
    "4c" * 32, funder="0x8ba1f109551bD432803012645Ac136ddd64DBA72", signature_type=SignatureType.DEPOSIT
)
_HELD = (12_500_000, 0)
_DEFAULTS: dict[str, dict[str, Any]] = {
    "GET /v1/account/transactions/params": {"nonce": "0"},
    "POST /submit": {"transactionID": "tx-1", "state": "STATE_NEW"},
    "GET /v1/account/transactions/tx-1": {"transaction_id": "tx-1", "state": "STATE_NEW"},
}


async def carry(given: Mapping[str, Any]) -> dict[str, Any]:
    """All steps, one after the other."""
    relayer = _ScriptedRelayer()
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        async with served(relayer.app()) as origin:
            wire = HttpWire("the relayer", origin, timeouts=Timeouts(connect=30.0, submit=1.5, read=1.5))
            desk = _Desk(
                RelayerClient(wire, RelayerKey("a-key", _WALLET.address)), Path(folder), given.get("market", {})
            )
            said = []
            for step in given["steps"]:
                relayer.answers = list(step.get("answers", ()))
                if (word := await desk.take(step)) is not None:
                    said.append(word)
            await wire.close()
    bodies = [json.loads(body) for body in relayer.submitted]
    targets = {call["target"] for body in bodies for call in body["depositWalletParams"]["calls"]}
    return {
        "said": said,
        "sent": len(bodies),
        "different": len(set(relayer.submitted)),
        "target": ", ".join(sorted(targets)),
    }


class _ScriptedRelayer:
    def __init__(self) -> None:
        self.answers: list[Mapping[str, Any]] = []
        self.submitted: list[bytes] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = f"{request.method} {request.path}"
        if asked == "POST /submit":
            self.submitted.append(await request.read())
        answer = next((one for one in self.answers if one["at"] == asked), None)
        if answer is None:
            return web.json_response(_DEFAULTS[asked])
        self.answers.remove(answer)
        if "does" in answer:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        text = answer["text"] if "text" in answer else json.dumps(answer.get("says", {}))
        return web.Response(text=text, status=answer.get("status", 200), content_type="application/json")


class _Desk:
    def __init__(self, relayer: RelayerClient, folder: Path, market: Mapping[str, Any]) -> None:
        self._relayer, self._folder, self._now = relayer, folder, _NOW_US
        protocol = Protocol(market.get("version", "v1"))
        digits = "a7" * (32 if protocol is Protocol.V1 else 31)
        self._set = FullSet(Condition("0x" + digits, protocol, market.get("neg_risk", False)), ("111", "222"))
        self._start()

    def _start(self) -> None:
        async def set_of(_: str) -> FullSet:
            return self._set

        journal, clock = ChainJournal(self._folder / "merges"), lambda: self._now
        self._merger = Merger(_WALLET, self._relayer, journal, set_of, clock=clock)
        self._carrier = Carrier(_WALLET, self._relayer, journal, clock=clock)

    async def take(self, step: Mapping[str, Any]) -> str | None:
        try:
            return await self._taken(step)
        except SurefootError as error:
            return f"{type(error).__name__} {error.code}".strip()

    async def _taken(self, step: Mapping[str, Any]) -> str | None:
        attempt = step.get("attempt", 1)
        match step["do"]:
            case "wait":
                self._now += int(step["s"] * 1_000_000)
            case "restart":
                self._start()
            case "merge":
                result = await self._merger.submit(self._ticket(attempt))
                return f"{result.verdict.name} {result.code}".strip()
            case "redeem":
                sent = await self._carrier.redeem(self._set.condition, _HELD, attempt=attempt)
                return f"{sent.verdict.name} {sent.code}".strip()
            case "look":
                return await self._look(step.get("of", "merge"), attempt)
        return None

    async def _look(self, of: str, attempt: int) -> str:
        if of == "redeem":
            seen = await self._carrier.progress(f"redeem-{self._set.condition.condition_id}-{attempt}")
            return _word(seen.status, seen.carried_out)
        evidence = await self._merger.evidence(self._ticket(attempt), grace_ms=0)
        assert evidence.filled == max((fill.size for fill in evidence.fills), default=Decimal(0))
        return _word(evidence.status, evidence.filled > 0)

    def _ticket(self, attempt: int) -> OrderTicket:
        return OrderTicket(
            intent_id="intent-1",
            leg=SETS,
            attempt=attempt,
            purpose=Purpose.MERGE,
            venue=Venue.POLYMARKET,
            market=self._set.condition.condition_id,
            side=Side.SELL,
            size=Decimal("12.5"),
            limit=Decimal(1),
            decided_at=_NOW_US,
        )


def _word(status: OrderStatus, carried_out: bool) -> str:
    return (
        f"{status.name}, {'carried out' if carried_out else 'in vain'}" if status is OrderStatus.DONE else status.name
    )
