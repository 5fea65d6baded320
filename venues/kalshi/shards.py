"""Exchange shards: separate matching engines, each with collateral of its own.

Every market lives on one shard and stays there; an order needs its money on that shard, and the total balance says
nothing of it: an order elsewhere fails with `insufficient_balance` however rich the account. Money moves by a transfer
(or by a standing allocation), never by itself. So balances are read by shard, an order that its shard cannot pay is
refused before it leaves, and the checklist names the transfer that would help.
Source: docs.kalshi.com/getting_started/exchange_sharding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from domain.errors import Denied
from domain.money import plain
from venues.kalshi.messages import Balance
from venues.kalshi.order_messages import Transfer, TransferCreated, TransfersPage
from venues.kalshi.rest import RestWire

DEFAULT_SHARD = 0
_CENTICENTS = 10_000  # transfers count in 1/10000 of a dollar
_EVENTS = "event_contract"


@dataclass(frozen=True, slots=True)
class Move:
    """A transfer that would put money where it is needed. `amount` in dollars."""

    source: int
    destination: int
    amount: Decimal

    def __str__(self) -> str:
        return f"move ${plain(self.amount)} from exchange shard {self.source} to shard {self.destination}"


def balances_of(balance: Balance) -> dict[int, Decimal]:
    """Dollars by shard. An account whose answer has no breakdown (a key of one subaccount, or an older exchange) has
    all of it on shard 0."""
    if balance.balance_breakdown:
        found: dict[int, Decimal] = {}
        for one in balance.balance_breakdown:
            found[one.exchange_index] = found.get(one.exchange_index, Decimal(0)) + one.balance
        return found
    whole = balance.balance_dollars
    return {DEFAULT_SHARD: Decimal(balance.balance) / 100 if whole is None else whole}


def helpful_move(balances: Mapping[int, Decimal], shard: int, needed: Decimal) -> Move | None:
    """The one transfer that makes `shard` hold `needed`, taken from the richest other shard; None if it already does,
    or if no single shard can spare enough."""
    missing = needed - balances.get(shard, Decimal(0))
    others = {index: held for index, held in balances.items() if index != shard}
    if missing <= 0 or not others:
        return None
    richest = max(others, key=lambda index: (others[index], -index))
    return Move(richest, shard, missing) if others[richest] >= missing else None


class Transfers:
    """Money between the account's shards. Wants a key with the scope `write::transfer`: not the one that trades."""

    def __init__(self, wire: RestWire) -> None:
        self._wire = wire

    async def move(self, move: Move, *, name: str) -> str:
        """Ask for a transfer; returns its id. `name` makes it once only: the same name, route and amount sent again is
        refused by the venue as already made. Raises `Denied` for an amount finer than $0.0001 or not above 0."""
        units = move.amount * _CENTICENTS
        if units <= 0 or units != int(units):
            raise Denied(
                f"a transfer of ${plain(move.amount)} cannot be asked for; expected above 0 in steps of $0.0001",
                "bad_amount",
            )
        body = {
            "client_transfer_id": str(uuid5(NAMESPACE_URL, f"surefoot:transfer:{name}")),
            "source": _EVENTS,
            "destination": _EVENTS,
            "amount": int(units),
            "source_exchange_shard": move.source,
            "destination_exchange_shard": move.destination,
        }
        path = "/portfolio/intra_exchange_instance_transfer"
        return (await self._wire.change("POST", path, TransferCreated, body)).transfer_id

    async def list(self) -> list[Transfer]:
        """All transfers, newest first as the venue lists them; `pending` or `complete`."""
        pages = await self._wire.pages("/portfolio/intra_exchange_instance_transfers", TransfersPage)
        return [transfer for page in pages for transfer in page.transfers or ()]
