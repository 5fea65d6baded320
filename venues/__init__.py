"""One folder a venue: wire schemas, signing, REST and WebSocket clients, fee and rounding rules."""
