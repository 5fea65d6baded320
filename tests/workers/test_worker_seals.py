"""The worker as its process makes it: what reaches its queue without this installation's seal sends nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import WorkflowUpdateFailedError

from domain.market import Venue
from domain.operator import Action
from domain.orders import Guard, SubmitResult
from domain.requests import SubmitRequest
from domain.seal import Seal
from domain.trade import TradeRecord, TradeState
from ledger.store import Ledger
from tests.ledger.samples import A, B, D, ticket
from tests.patience import PATIENCE_S
from tests.workers.test_layout import started
from tests.workflows.floor import PERSON, Floor, serving, until
from workers.local.layout import load_stack
from workers.local.seals import as_sealed, load_seal_keys
from workers.trading import make_worker
from workers.versions.build import build_id
from workers.versions.deployment import become_current
from workflows import names

SOON = timedelta(seconds=20)


async def test_a_worker_sends_for_its_own_installation_alone(tmp_path: Path) -> None:
    started(tmp_path)
    stack = load_stack(tmp_path)
    keys = load_seal_keys(stack)
    async with serving() as client:
        floor = Floor(client, names.TRADE_QUEUE)
        policy = replace(floor.intent.policy, repair_deadline_ms=300, ladder_wait_ms=50, loss_budget=D("0.50"))
        ours, forged = (replace(floor.intent, strategy=name, policy=policy) for name in ("ours", "forged"))
        floor.venue.set_book(A, bids=[("0.05", "10")], asks=[("0.40", "10")])
        floor.venue.set_book(B)

        async def start(planned: Any, seal: Seal | None) -> Any:
            return await client.start_workflow(
                names.TRADE_WORKFLOW,
                args=[planned, None, seal],
                id=planned.id,
                task_queue=names.TRADE_QUEUE,
                result_type=TradeRecord,
            )

        async with make_worker(client, stack, {Venue.KALSHI: floor.venue}, cast(Ledger, floor.ledger)):
            assert await become_current(client, build_id())
            async with asyncio.timeout(PATIENCE_S):
                record = await (await start(forged, keys.intent(ours.id))).result()
            assert [order.result.code for order in record.orders] == ["not_decided"]

            request = SubmitRequest(ticket(forged), Guard(not_after=2**62), forged)
            activity: Any = await client.start_activity(
                names.SUBMIT_ORDER,
                request,
                id="by-itself",
                task_queue=names.TRADE_QUEUE,
                start_to_close_timeout=SOON,
                schedule_to_close_timeout=SOON,
                result_type=SubmitResult,
            )
            assert (await activity.result()).code == "not_its_trade"
            assert not floor.venue.arrivals

            handle = await start(ours, keys.intent(ours.id))
            await until(handle, lambda record: record.state is TradeState.STUCK)
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(names.UPDATE_UNWIND, PERSON, result_type=str)
            assert "bears no seal" in str(refused.value.cause)
            word = as_sealed(keys, ours.id, Action.UNWIND, PERSON)
            assert "stand alone now" in await handle.execute_update(names.UPDATE_UNWIND, word, result_type=str)
            assert (await floor.ended(handle)).unwound == D(10)
