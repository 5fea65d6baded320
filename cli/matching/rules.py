"""What two rule texts say about the ways an event may fail to end as expected, and where they differ.

A reading by patterns, made to draw a person's eye to the right sentences: it may miss what a text says, so silence is
shown as silence, and nothing is concluded from two texts that look alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from domain.claims import Pays

_TOPICS = {
    "canceled": r"cancell?ed|void|abandon|not played|no contest|never (?:takes|took) place",
    "postponed": r"postpone|delay|resched|suspend",
    "tied": r"\bties?\b|\btied\b|\bdraws?\b|\bdrawn\b|dead heat",
    "forfeited": r"forfeit|walkover|disqualif|retire[sd]?\b|withdraw",
}
_TREATMENTS = {
    "50-50": r"50\s?[-/–]\s?50|half of|\$?0\.50\b",
    "fair price": r"fair (?:market )?(?:price|value)|last (?:traded|fair) price",
    "stays open": r"remain open|stay open|until the (?:game|match|event) (?:has been|is) completed",
    "the winner": r"(?:team|player|fighter) (?:that|who|which) (?:wins|advances|is declared)|declared (?:the )?winner",
    "refund": r"refund",
    "No": r"resolves? to [\"“']?no\b",
    "Yes": r"resolves? to [\"“']?yes\b",
}
_LIMIT = re.compile(r"(?:within|beyond|more than|after|by)\s+((?:\d+|two|three|seven)\s+(?:hours?|days?|weeks?))", re.I)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a text does on one topic: words from `_TREATMENTS`, time limits, and the sentences they stand in."""

    does: tuple[str, ...]
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.does) or ("not said" if not self.sentences else "said otherwise")


def treatments(text: str) -> dict[str, Treatment]:
    """By topic."""
    sentences = [one.strip() for one in _SENTENCE.split(text) if one.strip()]
    found: dict[str, Treatment] = {}
    for topic, pattern in _TOPICS.items():
        said = [one for one in sentences if re.search(pattern, one, re.I)]
        does = [name for name, how in _TREATMENTS.items() if any(re.search(how, one, re.I) for one in said)]
        does += sorted({limit[1].lower() for one in said for limit in _LIMIT.finditer(one)})
        found[topic] = Treatment(tuple(does), tuple(said))
    return found


def differences(one: str, other: str) -> dict[str, tuple[Treatment, Treatment]]:
    """The topics that the two texts do not treat alike; a topic that neither speaks of is none."""
    here, there = treatments(one), treatments(other)
    return {
        topic: (here[topic], there[topic])
        for topic in _TOPICS
        if (here[topic].sentences or there[topic].sentences) and here[topic].does != there[topic].does
    }


def pays_when(treatment: Treatment) -> Pays:
    """What a share may pay then: half where only that is said, otherwise anything from nothing to a dollar."""
    if treatment.does and treatment.does[0] == "50-50" and not {"fair price", "No", "Yes"} & set(treatment.does):
        return Pays.exactly(Decimal("0.5"))
    return Pays(Decimal(0), Decimal(1))
