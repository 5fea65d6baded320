"""What was asked of the chain, on disk before it leaves: a request is made once, and its bytes are kept.

The nonce inside a request comes from the relayer, so the request is no pure function of its ticket; what makes it the
same in every process is this folder. Each fact is a file of its own that is created once, whole and synced, and never
changed: `<order>.request`, `<order>.sent`, `<order>.transaction`, `<order>.done`, `<order>.fills`.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from venues.polymarket.chain import ChainRequest


class _Request(msgspec.Struct, frozen=True):
    body: str
    digest: str
    nonce: int
    deadline: int


class ChainJournal:
    """One folder, which every process that carries out calls for the wallet must share. Names are order ids."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def request(self, name: str) -> ChainRequest | None:
        """The request kept for that order, if one was."""
        text = self._read(name, "request")
        if text is None:
            return None
        kept = msgspec.json.decode(text, type=_Request)
        return ChainRequest(kept.body.encode(), kept.digest, kept.nonce, kept.deadline)

    def keep(self, name: str, request: ChainRequest) -> ChainRequest:
        """Keep a request unless one is kept already; returns the one that is."""
        made = _Request(request.body.decode(), request.digest, request.nonce, request.deadline)
        self._create(name, "request", msgspec.json.encode(made))
        kept = self.request(name)
        assert kept is not None  # just written, or written before
        return kept

    def leave(self, name: str) -> bool:
        """Note that a copy is about to leave. True for the first one."""
        return self._create(name, "sent", b"")

    def left(self, name: str) -> bool:
        """Whether a copy may have left."""
        return self._read(name, "sent") is not None

    def taken(self, name: str, transaction_id: str) -> None:
        self._create(name, "transaction", transaction_id.encode())

    def transaction(self, name: str) -> str:
        """The relayer's id of the request, empty while it is not known."""
        return (self._read(name, "transaction") or b"").decode()

    def done(self, name: str, at: int) -> int:
        """Note when (µs) the request was first seen carried out; returns what was noted first."""
        self._create(name, "done", str(at).encode())
        return int(self._read(name, "done") or at)

    def book(self, name: str, fills: bytes) -> None:
        """Keep what a request that was carried out has done to the wallet."""
        self._create(name, "fills", fills)

    def booked(self) -> list[bytes]:
        """All that was kept so, in no order."""
        return [path.read_bytes() for path in self._folder.glob("[!.]*.fills")]

    def _read(self, name: str, fact: str) -> bytes | None:
        try:
            return (self._folder / f"{name}.{fact}").read_bytes()
        except FileNotFoundError:
            return None

    def _create(self, name: str, fact: str, content: bytes) -> bool:
        """All of it or nothing, also under kill -9: written beside, synced, linked to its name. False if it exists."""
        path = self._folder / f"{name}.{fact}"
        beside = self._folder / f".{name}.{fact}.{os.getpid()}"
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True
