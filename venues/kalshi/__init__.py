"""Kalshi trade API v2: signing, REST, WebSocket, messages. Paper or real, this is the only way to the exchange."""
