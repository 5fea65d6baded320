"""What a failed exchange of bytes proves of a submit, at any venue."""

from __future__ import annotations

from domain.orders import SubmitResult, Verdict
from venues.wire import AnswerLate, NotSent, WireFailure

_MOST_SHOWN = 300  # bytes of an answer that an order's record keeps


def as_written(body: bytes) -> str:
    """The beginning of what a venue wrote, for the record: any bytes, and no character that a terminal acts on."""
    more = "…" if len(body) > _MOST_SHOWN else ""
    return f"{body[:_MOST_SHOWN]!r}{more}"


def unknown(
    code: str, detail: str, at: int, *, landed: bool = False, sent: bool = True, order_id: str | None = None
) -> SubmitResult:
    """An outcome that only evidence can settle."""
    return SubmitResult(Verdict.UNKNOWN, code, detail, order_id=order_id, landed=landed, sent=sent, at=at)


def judge_failure(failure: WireFailure, at: int) -> SubmitResult:
    """Never that nothing happened, unless nothing left. `at` is our wall clock in microseconds."""
    if isinstance(failure, NotSent):
        return unknown("refused", f"no connection to the venue ({failure}); nothing was sent", at, sent=False)
    if isinstance(failure, AnswerLate):
        return unknown("timeout", f"no answer in time ({failure}); the order may or may not have run", at)
    return unknown("disconnected", f"the connection was lost ({failure}); the order may have run", at)
