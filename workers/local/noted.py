"""The supervisor's own file, `stack.json`, on a disk that may be full: what could not be written is written later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.local.layout import write_json

_AGAIN_S = 2.0


class Noted:
    """A document and the file that shows it. `write` never raises; `keep`, beside it, tries again until it is there."""

    def __init__(self, path: Path, document: dict[str, Any], say: Callable[[str], None]) -> None:
        self._path = path
        self._document = document
        self._say = say
        self._unsaid = ""

    def write(self, **changes: Any) -> None:
        self._document.update(changes)
        try:
            write_json(self._path, self._document)
        except OSError as error:
            why = error.strerror or str(error)
            if why != self._unsaid:
                self._unsaid = why
                self._say(f"{self._path} cannot be written ({why}); going on, and trying again")
            return
        if self._unsaid:
            self._unsaid = ""
            self._say(f"{self._path} can be written again")

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_AGAIN_S)
            if self._unsaid:
                self.write()
