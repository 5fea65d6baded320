"""The paper exchange: a process of its own that speaks Kalshi's wire, matches against a moving recorded book,
verifies signatures, charges the real fees, survives kill -9, and goes wrong on request.
"""
