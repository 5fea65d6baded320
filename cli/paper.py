"""The paper exchange's own pages: play a session, how far it is, and its books for the audit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import BadInput, Denied, Unavailable

if TYPE_CHECKING:
    from config.settings import PaperSession
    from venues.wire import Answer
    from workers.local.layout import Layout, Stack


def play(stack: Stack, session: PaperSession) -> dict[str, Any]:
    """Starts a session; another one that plays is replaced. Raises `BadInput` for a bad recording, `Unavailable`."""
    body = {
        "recording": session.recording,
        "game": session.game,
        "from": session.from_,
        "to": session.to,
        "speed": session.speed,
    }
    # Reading a long recording takes the exchange a while before it answers.
    return _call(stack, "POST", "/paper/v1/play", timeout=120, body=body)


def status(stack: Stack) -> dict[str, Any]:
    """`state` idle, playing or ended, and the progress. Raises `Unavailable`."""
    return _call(stack, "GET", "/paper/v1/status", timeout=5)


def resolve(stack: Stack, **how: str) -> list[dict[str, Any]]:
    """Ends markets: `market`, `result` and perhaps `settlement_value`, or `event` and `winner`.

    Returns them as they stand then. Raises `BadInput` for a market that is not there or was paid otherwise."""
    markets: list[dict[str, Any]] = _call(stack, "POST", "/paper/v1/resolve", timeout=30, body=how)["markets"]
    return markets


def audit(stack: Stack) -> dict[str, Any]:
    """What arrived under each client order id, and every position that was paid. Raises `Unavailable`."""
    return _call(stack, "GET", "/paper/v1/audit", timeout=60)


def rudeness(counts: Mapping[str, Mapping[str, int]]) -> str:
    """How often each kind of fault happened, and of how many chances; empty if none did."""
    return ", ".join(f"{name} {one['fired']}/{one['seen']}" for name, one in counts.items() if one["fired"])


def last_rudeness(layout: Layout) -> str:
    """The same of the exchange that was stopped last; empty if it did not say."""
    try:
        counts = json.loads(layout.paper_faults.read_bytes())
    except (OSError, ValueError):
        return ""
    return rudeness(counts)


def session_overrides(
    recording: str | None, game: str | None, start: str | None, end: str | None, speed: float | None
) -> dict[str, Any]:
    """Command-line flags as settings. A relative path becomes absolute: another process will open it."""
    given: dict[str, Any] = {
        "recording": located(recording),
        "game": game,
        "from": start,
        "to": end,
        "speed": speed,
    }
    chosen = {f"paper.session.{key}": value for key, value in given.items() if value is not None}
    if recording is not None:  # another recording than the profile's: its game and window do not apply
        chosen = {f"paper.session.{key}": None for key in ("game", "from", "to")} | chosen
    return chosen


def located(recording: str | None) -> str | None:
    if recording is None or recording.startswith(("synth:", "synth-cross:")):
        return recording
    return str(Path(recording).expanduser().absolute())


def _call(
    stack: Stack, method: str, path: str, *, timeout: float, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    from workers.local.pages import NoAnswer, ask

    if stack.paper_admin_url is None:
        raise Denied("this stack runs in mode live: there is no paper exchange to ask", "live")
    try:
        answer = ask(method, stack.paper_admin_url + path, timeout=timeout, body=body)
    except NoAnswer as error:
        raise Unavailable(
            f"the paper exchange at {stack.paper_admin_url} does not answer ({error}); "
            "see `surefoot status`, start the stack with `surefoot up`",
            "paper",
        ) from None
    if 200 <= answer.status < 300:
        document: dict[str, Any] = json.loads(answer.body)
        return document
    message = _message(answer)
    if 400 <= answer.status < 500:
        raise BadInput(message, "session")
    raise Unavailable(f"the paper exchange failed: {message}", "paper")


def _message(answer: Answer) -> str:
    try:
        document = json.loads(answer.body)
    except ValueError:
        return answer.body.decode("utf-8", "replace").strip()[:500] or f"HTTP {answer.status}"
    error = document.get("error", document) if isinstance(document, dict) else {}
    if isinstance(error, dict):
        return str(error.get("details") or error.get("message") or error.get("detail") or error)
    return str(error)
