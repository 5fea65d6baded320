"""A desk for each client: its own calls, nothing decided."""
