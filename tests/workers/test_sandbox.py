"""What the sandbox hears of workflow tasks: those that failed, in words, and those that really went on."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

from workers import sandbox
from workers.sandbox import words_of
from workers.stuck_tasks import TaskPulse


class News:
    def __init__(self) -> None:
        self.failures: list[str] = []
        self.successes = 0

    def failed(self, workflow: Any, text: str) -> None:
        self.failures.append(text)

    def succeeded(self, workflow: Any) -> None:
        self.successes += 1


class Inner:
    """A workflow whose every activation ends so."""

    def __init__(self, end: WorkflowActivationCompletion | BaseException) -> None:
        self.end = end

    def activate(self, act: Any) -> WorkflowActivationCompletion:
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end


def went_well() -> WorkflowActivationCompletion:
    done = WorkflowActivationCompletion()
    done.successful.SetInParent()
    return done


def activation(*jobs: str, replaying: bool = False) -> WorkflowActivation:
    act = WorkflowActivation(is_replaying=replaying)
    for job in jobs:
        getattr(act.jobs.add(), job).SetInParent()
    return act


def heard(end: Any, act: WorkflowActivation) -> tuple[News, int]:
    """What `news` and `completed` were told of one activation."""
    news, completed = News(), []
    workflow = sandbox._Heard(Inner(end), None, lambda: completed.append(1), news, TaskPulse())  # type: ignore[arg-type] # no more is asked of them
    workflow.activate(act)
    return news, len(completed)


def test_a_task_that_failed_is_told_with_what_was_raised_and_the_last_line_of_ours() -> None:
    failed = WorkflowActivationCompletion()
    failure = failed.failed.failure
    failure.message = "1/3 has no end"
    failure.application_failure_info.type = "Inexact"
    failure.stack_trace = (
        '  File "/srv/app/workflows/orders.py", line 92, in cash\n'
        '  File "/srv/app/domain/money.py", line 61, in exact\n'
        '  File "/usr/lib/python3.11/decimal.py", line 5, in divide\n'
    )
    news, completed = heard(failed, activation("signal_workflow"))
    assert news.failures == ["Inexact: 1/3 has no end (domain/money.py:61)"]
    assert (news.successes, completed) == (0, 0)


def test_a_task_that_raises_itself_is_told_and_still_raises() -> None:
    news = News()
    workflow = sandbox._Heard(Inner(SystemError("interrupted")), None, lambda: None, news, TaskPulse())  # type: ignore[arg-type]
    with pytest.raises(SystemError):
        workflow.activate(activation("fire_timer"))
    assert news.failures == ["SystemError: interrupted"]


@pytest.mark.parametrize(
    ("act", "successes"),
    [
        (activation("fire_timer"), 1),
        (activation("query_workflow", "fire_timer"), 1),
        (activation("query_workflow"), 0),  # looking is not moving
        (activation("fire_timer", replaying=True), 0),  # what went well before says nothing of now
    ],
)
def test_only_a_task_that_moved_the_trade_is_a_success(act: WorkflowActivation, successes: int) -> None:
    news, completed = heard(went_well(), act)
    assert (news.successes, completed, news.failures) == (successes, 1, [])


def test_an_eviction_is_no_task_but_one_for_other_commands_than_recorded_is_a_failure() -> None:
    act = activation("remove_from_cache")
    assert heard(went_well(), act)[0].failures == []
    assert heard(went_well(), act)[1] == 0
    act.jobs[0].remove_from_cache.reason = RemoveFromCache.EvictionReason.NONDETERMINISM
    act.jobs[0].remove_from_cache.message = "no command for event 19"
    assert heard(went_well(), act)[0].failures == ["nondeterminism: no command for event 19"]


def test_a_failure_without_words_still_says_something() -> None:
    assert words_of("", "") == "no reason given"
    assert words_of("KeyError", "") == "KeyError"
    assert words_of("", "Worker shutting down") == "Worker shutting down"
