"""What the Polymarket side remembers: exact integers (micro-dollars, micro-shares, microseconds) that never change in
place. Prices are those of the order's own token."""

from __future__ import annotations

from typing import Literal

import msgspec

Side = Literal["BUY", "SELL"]
OrderType = Literal["GTC", "GTD", "FOK", "FAK"]
OrderStatus = Literal["LIVE", "DELAYED", "MATCHED", "CANCELED", "CANCELED_MARKET_RESOLVED"]
TradeStatus = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]

WORKING: tuple[OrderStatus, ...] = ("LIVE", "DELAYED")


class ClobOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one moment. `account` is the maker address that pays, `owner` the API key that posted it.

    `keeper` is the address behind that key. `size` is what was signed in shares; `budget` the collateral a FAK or FOK
    buy may spend (0: sized in shares), `spent` what of it is. `expires_at` (µs, 0: never) is when it effectively ends,
    `expiration` what the body said (s). `reason` is the text of an end that was not asked for. `salt` is what its maker
    signed it with; a script of faults may name it by that.
    """

    seq: int
    order_id: str
    account: str
    owner: str
    keeper: str
    condition: str
    token: str
    side: Side
    price: int
    size: int
    budget: int = 0
    matched: int = 0
    spent: int = 0
    kind: OrderType
    status: OrderStatus
    post_only: bool = False
    expiration: int = 0
    expires_at: int = 0
    created_at: int
    updated_at: int
    trades: tuple[str, ...] = ()
    reason: str = ""
    salt: int = 0

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def remaining(self) -> int:
        """Shares still to trade; of an order sized in dollars, what was signed less what it got."""
        return max(0, self.size - self.matched)

    @property
    def held(self) -> int:
        """What a working order holds back: micro-dollars of a buy (without fees), micro-shares of a sale."""
        if self.side == "SELL":
            return self.remaining
        return self.budget - self.spent if self.budget else -(-self.remaining * self.price // 1_000_000)


class MakerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One resting order's part in a trade. The street's orders have no owner."""

    order_id: str
    owner: str
    maker: str
    matched: int
    price: int
    token: str
    outcome: str
    side: Side


class ClobTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One match of one of our orders, seen by the account that owns it: at one price, or at those of its `makers`.

    `token`, `side`, `price` are those of the account's own order (the last of several prices), `taker_*` those of the
    order that took. `cash` and
    `shares` are what it changes in the account once mined, fee included. `fate` is not empty where it will end as
    FAILED, or needs a second try. `taker_size` is what the taker traded where that is more than the account's part
    (0: it is not). `due` is when the next status comes (µs, 0: none does).
    """

    seq: int
    trade_id: str
    order_id: str
    account: str
    owner: str
    keeper: str
    condition: str
    token: str
    outcome: str
    side: Side
    price: int
    size: int
    fee: int
    cash: int
    shares: int
    taker: bool
    taker_order_id: str
    taker_token: str
    taker_outcome: str
    taker_side: Side
    taker_price: int
    makers: tuple[MakerRow, ...]
    status: TradeStatus
    fate: Literal["", "early", "late", "retry"] = ""
    tx: str = ""
    taker_size: int = 0
    matched_at: int
    updated_at: int
    due: int = 0

    @property
    def value(self) -> int:
        """What was paid for the shares, at all prices together, before the fee."""
        return abs(self.cash + self.fee)

    @property
    def settled(self) -> bool:
        """Whether the chain has it: its cash and shares are in the balances."""
        return self.status in ("MINED", "CONFIRMED")

    @property
    def pending(self) -> bool:
        """Matched and not on chain yet: what it gives counts as spent, what it brings cannot be used."""
        return self.status in ("MATCHED", "RETRYING")


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """One account, by the address that holds the money: on-chain balances and allowances (by spender; absent means
    unlimited, keys are `COLLATERAL:0x…` and `CONDITIONAL:0x…`). `keeper` is the address of the key that signs for it,
    `kind` the signature type it does it with. `paid_in` is what it opened with."""

    address: str
    keeper: str
    kind: int = 0
    cash: int = 0
    tokens: dict[str, int] = {}
    allowances: dict[str, int] = {}
    paid_in: int = 0
    closed_only: bool = False
    banned: bool = False


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    secret: str
    passphrase: str
    address: str
    nonce: int

    def __repr__(self) -> str:
        return f"ApiKey({self.key[:8]}…, {self.address})"


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The dead man's switch of one API key: the id the next beat must carry, and when the last one came (µs)."""

    owner: str
    expected: str
    last: int
    beats: int = 0
    swept: int = 0
