"""The one line that `surefoot status` begins with: is all well, and if not, what is worst.

| headline        | when                                                                                       |
|-----------------|--------------------------------------------------------------------------------------------|
| UNSUPERVISED    | it runs and its supervisor is gone: what dies now is not started again                     |
| STUCK n         | n trades stand alone and ask for a person, or cannot go on                                 |
| SAFE MODE       | a start found exposure that no trade owns, and nobody has acknowledged it                  |
| HALTED by whom  | another halt is in force                                                                   |
| DEGRADED why    | a process or server does not answer, ingest opens nothing, or something could not be learnt |
| DOWN            | nothing runs                                                                               |
| RUNNING         | none of these                                                                              |

All that hold are told, the worst first. What could not be learnt is never taken for well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.halt import Halt, Rule


class Word(StrEnum):
    UNSUPERVISED = "UNSUPERVISED"
    STUCK = "STUCK"
    SAFE_MODE = "SAFE MODE"
    HALTED = "HALTED"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Headline:
    word: Word
    text: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found. `runs` names what runs, `supervised` whether by a supervisor; `silent` says of each process or
    server that does not answer why; `stuck` and `faulty` are trades; `waits` why nothing is opened; `unlearnt` what
    could not be asked."""

    runs: Sequence[str] = ()
    supervised: bool = True
    silent: Sequence[tuple[str, str]] = ()
    stuck: Sequence[str] = ()
    faulty: Sequence[str] = ()
    halts: Sequence[Halt] = ()
    waits: Sequence[str] = ()
    unlearnt: Sequence[str] = ()


def headlines(seen: Seen) -> tuple[Headline, ...]:
    """All that hold, the worst first; never none."""
    found: list[Headline] = []
    if seen.runs and not seen.supervised:
        found.append(Headline(Word.UNSUPERVISED, f"still trading: {', '.join(seen.runs)}"))
    asking = list(dict.fromkeys((*seen.stuck, *seen.faulty)))
    if asking:
        found.append(Headline(Word.STUCK, f"{len(asking)}: {_few(asking)}"))
    safe = [halt for halt in seen.halts if halt.rule is Rule.SAFE_MODE]
    found += [Headline(Word.SAFE_MODE, f"until `surefoot acknowledge`: {halt.reason}") for halt in safe[:1]]
    others = [halt for halt in seen.halts if halt.rule not in (Rule.SAFE_MODE, Rule.WORKFLOW_FAULT)]
    if others:
        first = others[0]
        where = "everything" if not first.target else f"{first.scope} {first.target}"
        more = f" (and {len(others) - 1} more: `surefoot halts`)" if len(others) > 1 else ""
        found.append(Headline(Word.HALTED, f"by {first.author}: {where}, {first.reason} [{first.id}]{more}"))
    found += [Headline(Word.DEGRADED, f"{name} does not answer: {why}") for name, why in seen.silent]
    found += [Headline(Word.DEGRADED, f"nothing is opened: {why}") for why in seen.waits]
    found += [Headline(Word.DEGRADED, f"not learnt: {what}") for what in seen.unlearnt]
    if not seen.runs:
        return (*found, Headline(Word.DOWN, "start it with `surefoot up`; the ledger and history are kept"))
    return tuple(found) or (Headline(Word.RUNNING),)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
