"""A relayer in memory, for simulation and tests: one action at a time, one use of a nonce, stages that move on."""

from __future__ import annotations

import json

from domain.errors import Rejected
from venues.polymarket.chain import Turn, wallet_kind
from venues.polymarket.relayer import STALE_NONCE, WALLET_BUSY, Carried, Relayer, Stage
from venues.polymarket.wallet import SignatureType, Wallet

_OPEN = (Stage.NEW, Stage.EXECUTED, Stage.MINED)
_RELAY = "0x" + "11" * 20


class FakeRelayer(Relayer):
    """Takes requests of one wallet. `fail_next` is raised by the next calls, first one first; a failure in
    `lose_next` is raised after the request was taken: the answer that got lost."""

    def __init__(self) -> None:
        self.nonce = 0
        self.taken: list[bytes] = []
        self.stages: dict[str, Stage] = {}
        self.fail_next: list[Exception] = []
        self.lose_next: list[Exception] = []

    async def turn(self, wallet: Wallet) -> Turn:
        self._fail()
        wallet_kind(wallet)
        return Turn(self.nonce, _RELAY if wallet.signature_type is SignatureType.PROXY else "")

    async def submit(self, body: bytes) -> Carried:
        self._fail()
        given = int(json.loads(body)["nonce"])
        if given != self.nonce:
            said = f"batch nonce {given} does not match on-chain nonce {self.nonce}"
            raise Rejected(f"the relayer refused: HTTP 400: {said}", STALE_NONCE)
        if any(stage in _OPEN for stage in self.stages.values()):
            raise Rejected("the relayer refused: HTTP 400: wallet busy: active action", WALLET_BUSY)
        made = Carried(f"tx-{len(self.stages) + 1}", Stage.NEW)
        self.taken.append(body)
        self.stages[made.transaction_id] = made.stage
        if self.lose_next:
            raise self.lose_next.pop(0)
        return made

    async def transaction(self, transaction_id: str) -> Carried:
        self._fail()
        stage = self.stages.get(transaction_id)
        if stage is None:
            raise Rejected(f"the relayer refused: HTTP 404: no transaction {transaction_id}", "http_404")
        on_chain = stage in (Stage.MINED, Stage.CONFIRMED)
        return Carried(
            transaction_id,
            stage,
            "0x" + transaction_id.encode().hex() if on_chain else "",
            "reverted" if stage is Stage.FAILED else "",
        )

    async def close(self) -> None:
        """It has no connections."""

    def move(self, transaction_id: str, stage: Stage) -> None:
        """The chain goes on. A transaction that was carried out, or failed on chain, has used the nonce."""
        self.stages[transaction_id] = stage
        if stage in (Stage.CONFIRMED, Stage.FAILED):
            self.nonce += 1

    def _fail(self) -> None:
        if self.fail_next:
            raise self.fail_next.pop(0)
