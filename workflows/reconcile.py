"""One reconciliation: every venue account compared with the ledger, then what follows from it, on record.

Run at a start, by the schedule, and when a person asks. It decides nothing itself: the comparison is pure code in
`domain.agreement` and `domain.custody`, what follows is written in `domain.reconcile`.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.reconcile import CompareRequest, Comparison, ConsequencesRequest, ReconcileRequest, Reconciliation
from workflows import names

_READ = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=2))
_COMPARE_TIMEOUT = timedelta(seconds=90)  # an account of many pages, looked at several times
_COMPARE_BUDGET = timedelta(seconds=120)
_APPLY_TIMEOUT = timedelta(seconds=60)
_LOST_WORKER = timedelta(seconds=5)


@workflow.defn(name=names.RECONCILE_WORKFLOW)
class ReconcileWorkflow:
    """Input: the trigger and the venues. Result: what was found and done.

    A venue that cannot be asked in time is named in `unreached`, and the others are compared all the same. Fails only
    while the ledger cannot record what was found; the next run finds it again.
    """

    @workflow.run
    async def run(self, request: ReconcileRequest) -> Reconciliation:
        comparisons: list[Comparison] = []
        unreached: dict[str, str] = {}
        for venue in request.venues:
            try:
                comparison = await workflow.execute_activity(
                    names.COMPARE_ACCOUNT,
                    CompareRequest(venue=venue),
                    result_type=Comparison,
                    start_to_close_timeout=_COMPARE_TIMEOUT,
                    schedule_to_close_timeout=_COMPARE_BUDGET,
                    heartbeat_timeout=_LOST_WORKER,
                    retry_policy=_READ,
                )
            except ActivityError as error:
                unreached[venue] = str(error.cause)
            else:
                comparisons.append(comparison)
        info = workflow.info()
        consequences = ConsequencesRequest(
            id=f"{info.workflow_id}/{info.run_id[-8:]}",
            trigger=request.trigger,
            comparisons=tuple(comparisons),
            unreached=unreached,
        )
        result: Reconciliation = await workflow.execute_activity(
            names.DRAW_CONSEQUENCES,
            consequences,
            result_type=Reconciliation,
            start_to_close_timeout=_APPLY_TIMEOUT,
            schedule_to_close_timeout=_COMPARE_BUDGET,
            heartbeat_timeout=_LOST_WORKER,
            retry_policy=_READ,
        )
        return result
