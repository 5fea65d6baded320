"""Cash and shares are conserved over any orders: what left the wallet is what the trades say, to the last unit."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.polymarket import matching, refusals
from paper.polymarket.conditions import Market
from paper.polymarket.desk import Admitted, Desk
from paper.polymarket.exchange import Clob
from paper.polymarket.modes import Modes
from paper.polymarket.records import ClobOrder
from paper.polymarket.settlement import Pace
from paper.polymarket.store import ClobStore
from tests.paper.polymarket.clob import CONDITION, NO, T0, YES, change, session

ACCOUNT = "0x" + "11" * 20
CASH = 1_000_000_000

orders = st.tuples(
    st.just("order"),
    st.sampled_from([YES, NO]),
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["GTC", "FAK", "FOK"]),
    st.integers(40, 60),  # cents
    st.integers(100, 9_000),  # hundredths of a share
)
moves = st.tuples(
    st.just("book"), st.sampled_from(["yes", "no"]), st.integers(40, 60), st.integers(-8_000, 8_000).filter(bool)
)
prints = st.tuples(st.just("print"), st.sampled_from(["BUY", "SELL"]), st.integers(40, 60), st.integers(1, 5_000))
others = st.tuples(st.sampled_from(["cancel", "settle"]))


class World:
    """An exchange on a clock that moves when it is told to, and one account that orders without signing."""

    def __init__(self, folder: Path, failing: float) -> None:
        self.at = T0
        pace = Pace(1_000, 1_000, failing, seed=5)
        self.clob = Clob(ClobStore(folder), opening_cash=CASH, pace=pace, modes=Modes(1), clock=lambda: self.at)
        plays = session()
        self.clob.begin(plays, "rain")
        for event in plays.log[:2]:
            self.clob.apply(event, self.at)
        self.desk = Desk(self.clob)
        self.numbers = itertools.count(1)
        with self.clob.step():
            self.clob.wallet(ACCOUNT, ACCOUNT, 0)

    @property
    def market(self) -> Market:
        found = self.clob.markets.get(CONDITION)
        assert found is not None
        return found

    def order(self, token: str, side: str, kind: str, cents: int, lots: int) -> None:
        order_id = f"0x{next(self.numbers):064x}"
        shares = lots * 10_000
        dollars = shares * cents // 100
        if side == "BUY" and kind != "GTC":
            dollars = dollars // 10_000 * 10_000
            shares = dollars * 100 // cents // 100 * 100
        amounts = (dollars, shares) if side == "BUY" else (shares, dollars)
        try:
            wanted = matching.terms(order_id, self.market, side, kind, *amounts)  # type: ignore[arg-type]
            found = matching.match(self.clob.engines[CONDITION], self.market, token, wanted)
            self.desk._afford(ACCOUNT, self.market, token, wanted, found)
            draft = ClobOrder(
                seq=0,
                order_id=order_id,
                account=ACCOUNT,
                owner="key",
                keeper=ACCOUNT,
                condition=CONDITION,
                token=token,
                side=wanted.side,
                price=wanted.price,
                size=wanted.size,
                budget=wanted.budget,
                kind=wanted.kind,
                status="LIVE",
                created_at=self.at,
                updated_at=self.at,
            )
            self.desk.execute(Admitted(draft, self.market, wanted))
        except refusals.PolyRefusal:
            pass

    def act(self, action: tuple[object, ...]) -> None:
        self.at += 700
        match action:
            case ("order", str(token), str(side), str(kind), int(cents), int(lots)):
                self.order(token, side, kind, cents, lots)
            case ("book", str(side), int(cents), int(lots)):
                self.clob.apply(change(0, side, f"0.{cents}", f"{lots / 100:.2f}"), self.at)
            case ("print", side, int(cents), int(lots)):
                self.clob.print(YES, side, cents * 10_000, lots * 10_000)  # type: ignore[arg-type]
            case ("cancel",):
                self.desk.cancel(self.desk.mine(ACCOUNT), ACCOUNT)
            case _:
                self.clob.settle_due()

    def check(self) -> None:
        wallet = self.clob.wallets[ACCOUNT]
        trades = list(self.clob.store.trades())
        settled = [trade for trade in trades if trade.settled]
        assert wallet.cash == CASH + sum(trade.cash for trade in settled)
        held: Counter[str] = Counter()
        for trade in settled:
            held[trade.token] += trade.shares
        assert wallet.tokens == {token: size for token, size in held.items() if size}
        assert wallet.cash >= 0
        assert all(size >= 0 for size in wallet.tokens.values())
        matched = Counter[str]()
        for trade in trades:
            assert trade.size * trade.price % 1_000_000 == 0, "a fill costs whole micro-dollars"
            matched[trade.order_id] += trade.size
        for order in self.clob.store.orders():
            assert order.matched == matched[order.order_id]
            if order.budget:
                assert order.spent <= order.budget
            else:
                assert order.matched <= order.size
        assert msgspec.json.encode(self.clob.store.wallets()[ACCOUNT]) == msgspec.json.encode(wallet)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(orders, orders, moves, prints, others), max_size=25), st.sampled_from([0.0, 0.4]))
def test_cash_and_shares_are_what_the_trades_say(actions: list[tuple[object, ...]], failing: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), failing)
        for action in actions:
            world.act(action)
            assert not world.clob.failed
        world.check()
        for _ in range(3):  # at most three statuses are left to any trade
            world.at += 10_000_000
            world.clob.settle_due()
        world.check()
        assert not world.clob.unfinished
        world.clob.store.close()
