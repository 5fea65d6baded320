"""Open trades and a new version: moved if they replay, left to a living worker of their own, else no start."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from domain.errors import Denied
from domain.trade import Outcome, TradeState
from proof.histories import corpus
from proof.histories.__main__ import SEARCH_KEYS
from proof.histories.stage import Stage
from tests.places import ROOT
from workers.local.processes import ProcessSpec
from workers.local.supervisor import Supervisor
from workers.local.temporal import find_binary
from workers.payloads import DATA_CONVERTER
from workers.versions import build
from workers.versions.deployment import UNVERSIONED, open_trades
from workers.versions.errors import OtherVersionNeeded
from workers.versions.inherit import Inheritance, after_start, before_start, look, take_later
from workers.versions.replay import _recorded, as_far_as_it_went
from workflows.lifecycle import Trade


def test_the_build_is_a_function_of_the_workflows_code_and_of_nothing_else(tmp_path: Path) -> None:
    for room in ("domain", "workflows"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    here = build.build_of(ROOT)
    assert build.build_of(tmp_path) == here == build.build_id()
    lifecycle = tmp_path / "workflows" / "lifecycle.py"
    text = lifecycle.read_text(encoding="utf-8")
    lifecycle.write_text(
        "# a comment\n" + text.replace('"""The life of a trade', '"""Other words', 1), encoding="utf-8"
    )
    (tmp_path / "domain" / "halt.py").write_text("nothing = 'that the workflow imports'\n", encoding="utf-8")
    assert build.build_of(tmp_path) == here
    lifecycle.write_text(text.replace("max_leg_delay_ms * 1000", "max_leg_delay_ms * 1001"), encoding="utf-8")
    changed = build.build_of(tmp_path)
    assert changed != here
    lifecycle.write_text(text, encoding="utf-8")
    residual = tmp_path / "domain" / "residual.py"
    residual.write_text(residual.read_text(encoding="utf-8") + "\nEXTRA = 1\n", encoding="utf-8")
    assert build.build_of(tmp_path) not in (here, changed)


# ---------------------------------------------------------------------- on a real server


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_VERSION_CHECK_DISABLED", "1")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_binary(None)),
            data_converter=DATA_CONVERTER,
            search_attributes=list(SEARCH_KEYS),
        ) as server:
            yield server.client
    structlog.reset_defaults()


@contextmanager
def another_order_of_calls() -> Iterator[None]:
    """A version of the lifecycle that asks for a book before it hedges."""
    hedge = Trade._hedge

    async def asks_first(self: Trade) -> Any:
        leg = self.intent.legs[1]
        await self.desk.quote(leg.venue, leg.market)
        return await hedge(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trade, "_hedge", asks_first)
        yield


async def settling_on(on: Stage, version: str) -> None:
    """The trade of `on` begins on a version, and waits for its markets; then that version's worker goes."""
    async with on.worker(version):
        await after_start(on.client, version, Inheritance())
        await on.start()
        await on.until(TradeState.SETTLING)
    await listed(on)


async def listed(on: Stage) -> str:
    """The build it is listed under: the index follows the history by a moment."""
    while True:
        async for trade in open_trades(on.client):
            if trade.id == on.intent.id and trade.state == TradeState.SETTLING:
                return trade.build


@pytest.mark.stack
async def test_a_trade_that_replays_is_moved_and_ends_on_the_new_version(client: Client) -> None:
    on = Stage(client, "moved")
    await settling_on(on, "old-1")
    inherited = await before_start(client, "new-1", leave=False)
    assert [(trade.id, trade.build) for trade in inherited.ours] == [(on.intent.id, "old-1")]
    async with on.worker("new-1"):
        await after_start(client, "new-1", inherited)
        on.pay()
        await on.wake()
        await on.closed(Outcome.HEDGED)


@pytest.mark.stack
async def test_a_trade_that_does_not_replay_keeps_the_new_version_from_starting(client: Client) -> None:
    on = Stage(client, "kept")
    with another_order_of_calls():
        await settling_on(on, "old-2")
    with pytest.raises(OtherVersionNeeded) as refused:
        await before_start(client, "new-2", leave=False)
    told = refused.value.message
    assert "1 open trade(s) began on another version (old-2) and do not replay on this one (new-2): " in told
    assert f"SETTLING {on.intent.id}: at event " in told
    assert "the history has the activity take_quote" in told
    assert "Run that version until they have ended" in told
    assert (await before_start(client, "new-2", leave=True)).ours == ()
    with another_order_of_calls():  # back on the old version
        assert (await before_start(client, "old-2", leave=False)).ours == ()
        async with on.worker("old-2"):
            on.pay()
            await on.wake()
            await on.closed(Outcome.HEDGED)


@pytest.mark.stack
async def test_a_trade_whose_own_worker_lives_stays_there_while_new_ones_begin_on_the_new_version(
    client: Client,
) -> None:
    old, new = Stage(client, "old"), Stage(client, "new")
    with another_order_of_calls():
        await settling_on(old, "old-3")
        async with old.worker("old-3"):
            # both versions' code cannot live in one process; what is asked of the old one here is only that it answers
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("workers.versions.inherit.look", _found_unlike(await look(client, "elsewhere")))
                assert (await before_start(client, "new-3", leave=False)).ours == ()
            async with new.worker("new-3"):
                await after_start(client, "new-3", Inheritance())
                await new.start()
                await new.until(TradeState.SETTLING)
                assert (await listed(old), await listed(new)) == ("old-3", "new-3")
                for on in (old, new):
                    on.pay()
                    await on.wake()
                    await on.closed(Outcome.HEDGED)


def _found_unlike(found: Any) -> Any:
    from workers.versions.replay import Divergence

    async def answer(*_: object, **__: object) -> Inheritance:
        return Inheritance(
            (), tuple((trade, Divergence(trade.id, 5, "a timer", "nothing more", "")) for trade in found.ours)
        )

    return answer


@pytest.mark.stack
async def test_a_trade_from_before_there_were_versions_is_taken_over(client: Client) -> None:
    on = Stage(client, "before")
    other = Stage(client, "before-current")  # as long as there is no current version of its queue, it has none
    async with on.worker():
        await on.start()
        await on.until(TradeState.SETTLING)
    assert await listed(on) == UNVERSIONED
    inherited = await before_start(client, "new-4", leave=False)
    assert [trade.id for trade in inherited.ours] == [on.intent.id]
    async with on.worker("new-4"), other.worker("new-4"):
        await after_start(client, "new-4", inherited)
        on.pay()
        await on.wake()
        await on.closed(Outcome.HEDGED)


@pytest.mark.stack
async def test_a_start_of_the_same_version_replays_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    on = Stage(client, "same")
    await settling_on(on, "same-5")

    def never(*_: object) -> None:
        raise AssertionError("a history was replayed")

    monkeypatch.setattr("workers.versions.inherit.replay", never)
    assert (await before_start(client, "same-5", leave=False)).ours == ()
    async with on.worker("same-5"):
        await after_start(client, "same-5", Inheritance())
        on.pay()
        await on.wake()
        await on.closed(Outcome.HEDGED)


@pytest.mark.stack
async def test_trades_that_wait_for_payment_and_were_not_reached_in_time_are_taken_over_later(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = Stage(client, "later")
    await settling_on(on, "old-6")
    monkeypatch.setattr("workers.versions.inherit._BUDGET_S", -1)
    inherited = await before_start(client, "new-6", leave=False)
    assert (inherited.ours, [trade.id for trade in inherited.later]) == ((), [on.intent.id])
    async with on.worker("new-6"):
        await after_start(client, "new-6", inherited)
        await take_later(client, "new-6", inherited)
        on.pay()
        await on.wake()
        await on.closed(Outcome.HEDGED)


async def test_a_process_that_refuses_to_run_ends_the_stack_at_once_with_its_words(tmp_path: Path) -> None:
    async def well() -> bool:
        return False

    said = "error: 1 open trade(s) began on another version"
    out = tmp_path / "worker.err"
    spec = ProcessSpec("worker", ("/bin/sh", "-c", f"sleep 0.3; echo '{said}'; exit 4"), out, out, well)
    supervisor = Supervisor([spec], say=lambda _: None, changed=lambda _: None, ready=lambda: None)
    with pytest.raises(Denied, match="worker refuses to run") as refused:
        await supervisor.run(asyncio.Event())
    assert said in refused.value.message


def failed_since(history: WorkflowHistory, *, times_out: bool) -> WorkflowHistory:
    """The same trade with a signal whose task failed, again and again, and another one after that."""
    last = history.events[-1].event_id
    events = [HistoryEvent(event_id=last + n) for n in range(1, 6)]
    events[0].workflow_execution_signaled_event_attributes.signal_name = "force_flat"
    events[1].workflow_task_scheduled_event_attributes.attempt = 1
    events[2].workflow_task_started_event_attributes.scheduled_event_id = last + 2
    if times_out:
        events[3].workflow_task_timed_out_event_attributes.scheduled_event_id = last + 2
    else:
        events[3].workflow_task_failed_event_attributes.scheduled_event_id = last + 2
    events[4].workflow_execution_signaled_event_attributes.signal_name = "order_update"
    return WorkflowHistory(history.workflow_id, [*history.events, *events])


@pytest.mark.parametrize("times_out", [False, True])
async def test_a_history_whose_last_task_failed_is_judged_by_what_its_good_tasks_have_recorded(times_out: bool) -> None:
    recorded = corpus.load(ROOT / "tests" / "histories", "stuck-accept")
    recorded = WorkflowHistory(recorded.workflow_id, recorded.events[:-1])  # still open: without its last task
    while not recorded.events[-1].HasField("workflow_task_completed_event_attributes"):
        recorded = WorkflowHistory(recorded.workflow_id, recorded.events[:-1])
    assert as_far_as_it_went(recorded) is recorded
    failed = failed_since(recorded, times_out=times_out)
    kept = as_far_as_it_went(failed)
    assert len(kept.events) == len(recorded.events) + 1, "the signal is kept, the task that failed is not"
    assert kept.events[-1].workflow_execution_signaled_event_attributes.signal_name == "force_flat"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b'{"id":"edition-2","deprecated":false}', "edition-2"),  # the SDK of today
        (b'"edition-2"', "edition-2"),  # the one before
        (b"edition-2", "edition-2"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_patch_is_told_by_its_name_however_the_sdk_wrote_it_down(data: bytes, named: str) -> None:
    event = HistoryEvent()
    marker = event.marker_recorded_event_attributes
    marker.marker_name = "core_patch"
    marker.details["patch-data"].payloads.add().data = data
    assert _recorded(event) == f"the patch {named}"
