"""The ledger in memory: the port of `ledger.port`, with the same refusals as Postgres."""
