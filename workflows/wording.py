"""An order of a trade in words, and whether what is said of it is said again."""

from __future__ import annotations

from domain.money import plain
from domain.naming import shown
from domain.orders import NO_ANSWER, SubmitResult
from workflows.state import OrderState


def count_refusals(order: OrderState, result: SubmitResult) -> None:
    """Equal answers in a row that prove nothing, refusals or not."""
    if order.told or result.code in NO_ANSWER or not result.sent:
        order.refusal, order.refusals = "", 0
        return
    said = f"{result.code}: {result.detail}"
    order.refusal, order.refusals = said, order.refusals + 1 if said == order.refusal else 1


def name(order: OrderState) -> str:
    ticket = order.ticket
    return (
        f"{ticket.purpose} {ticket.leg}{ticket.attempt}: {ticket.side} {plain(ticket.size)} {shown(ticket.market)} "
        f"at {plain(ticket.limit)}"
    )


def fill_words(order: OrderState) -> str:
    if not order.filled:
        return "nothing filled"
    average = order.paid / order.filled if order.paid is not None else order.price  # for people; never kept
    price = f" at {average:.4f}" if average is not None else ""
    share = "all" if order.filled == order.ticket.size else f"{plain(order.filled)} of {plain(order.ticket.size)}"
    return f"{share} filled{price}"
