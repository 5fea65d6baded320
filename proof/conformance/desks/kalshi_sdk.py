"""Kalshi's official client, whichever release is installed: how it is made, signed for and let go."""

from __future__ import annotations

import importlib
from typing import Any

from proof.conformance.desk import Ears
from proof.conformance.desks.kalshi_socket import WS_PATH, Socket
from proof.conformance.stand import Stand

sdk: Any = importlib.import_module("kalshi_python_async")


class KalshiSdk:
    """Pointed at the exchange by `Configuration(host=…)`. It has no WebSocket; the socket is plain aiohttp with the
    handshake signed by the client's own `KalshiAuth`."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._client = self._signed("key")
        self._socket = Socket(stand.urls["ws"], lambda: self._client.kalshi_auth.create_auth_headers("GET", WS_PATH))

    @property
    def version(self) -> str:
        return str(sdk.__version__)

    @property
    def lacks(self) -> dict[str, str]:
        return {}

    def _signed(self, key: str) -> Any:
        settings = sdk.Configuration(host=self._stand.urls["rest"])
        settings.api_key_id, settings.private_key_pem = self._stand.secret("key_id"), self._stand.secret(key)
        return sdk.KalshiClient(settings)

    async def close(self) -> None:
        await self._socket.close()
        await self._client.close()

    async def listen(self, markets: list[str], ears: Ears) -> None:
        await self._socket.listen(markets, ears)
