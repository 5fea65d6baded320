"""The paper exchange: a process of its own that speaks the venues' wires, matches against a moving recorded book,
verifies signatures, charges the real fees, survives kill -9, and goes wrong on request.

`core` is shared, `kalshi` and `polymarket` are a wire each, `server` serves them, `process` is the stack's.
"""
