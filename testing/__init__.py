"""Stand-ins for what costs a server or a venue, each behind the port it stands for: venue, ledger, desk, relayer.

The simulator and the tests run on them; no process that trades does.
"""
