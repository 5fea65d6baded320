"""The one way to a person's terminal: what venues, recordings and people have named is shown, and commands nothing.

A title may hold ESC, which a terminal obeys: it can wipe the screen, rewrite what stands on it, set the clipboard. So
every character that is no text is shown as `�`, whichever command prints it, and tables and panels are never
read as rich's own markup. Colours are rich's: it writes them itself, after the text was cleaned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_SHOWN_AS = "\N{REPLACEMENT CHARACTER}"
_KEPT = "\n\t"
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # the line, to be read backwards
_CONTROLS = [code for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and chr(code) not in _KEPT]
_CLEAN = dict.fromkeys((*_CONTROLS, *_TURNING), _SHOWN_AS)
_IN_JSON = {code: f"\\u{code:04x}" for code in (*(c for c in _CONTROLS if c >= 0x7F), *_TURNING)}


def clean(text: str) -> str:
    """The text, with every character that a terminal would obey shown as `�`."""
    return text if text.isascii() and text.isprintable() else text.translate(_CLEAN)


def clean_json(document: str) -> str:
    """A JSON document without characters a terminal obeys: those that JSON lets stand become escapes of the same."""
    return document if document.isascii() and "\x7f" not in document else document.translate(_IN_JSON)


class Terminal(Console):
    """rich's console, for text that others wrote."""

    def print(self, *objects: Any, markup: bool | None = None, **how: Any) -> None:
        """Only a line that a command prints itself may hold markup; what it prints of tables and panels is text."""
        if markup is None and not any(isinstance(one, str) for one in objects):
            markup = False
        super().print(*objects, markup=markup, **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(clean(text), style)
