"""A GTD order ends by itself, a minute before the time it carries; the exchange's clock is moved by hand."""

from __future__ import annotations

from pathlib import Path

from paper.polymarket import wire
from paper.polymarket.desk import Admitted
from paper.polymarket.matching import Terms
from paper.polymarket.records import ClobOrder
from tests.paper.polymarket.clob import CONDITION, YES
from tests.paper.polymarket.test_conservation import ACCOUNT, World


def test_an_expired_order_is_cancelled_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path, 0.0)
    ends = world.at // 1_000_000 + 200
    draft = ClobOrder(
        seq=0,
        order_id="0x" + "ee" * 32,
        account=ACCOUNT,
        owner="key",
        keeper=ACCOUNT,
        condition=CONDITION,
        token=YES,
        side="BUY",
        price=400_000,
        size=10_000_000,
        kind="GTD",
        status="LIVE",
        expiration=ends,
        expires_at=(ends - 60) * 1_000_000,
        created_at=world.at,
        updated_at=world.at,
    )
    world.desk.execute(Admitted(draft, world.market, Terms("BUY", "GTD", 400_000, 10_000_000, 0)))
    world.at = (ends - 61) * 1_000_000
    assert world.clob.settle_due() == (ends - 60) * 1_000_000
    assert [order.order_id for order in world.clob.working.values()] == [draft.order_id]
    world.at = (ends - 60) * 1_000_000
    world.clob.settle_due()
    ended = world.clob.store.order(draft.order_id)
    assert ended is not None
    assert ended.status == "CANCELED"
    assert wire.order_event(ended, world.market, "CANCELLATION")["status"] == "CANCELED_EXPIRED_ORDER"
    assert world.clob.engines[CONDITION].resting == {}
    world.clob.store.close()
