"""The simulator: whole lives of trades on virtual time, under seeded faults and crashes at every await.

The lifecycle and the activities are those of production; the venues, the ledger and Temporal are models. A tool:
nothing of a running system imports it.
"""
