"""One folder a venue: wire schemas, signing, REST and WebSocket clients, fee and rounding rules.

`venues.paper` is the exchange simulator, `venues.recording` reads and makes recorded sessions.
"""
