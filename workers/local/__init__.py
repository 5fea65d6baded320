"""Everything on one machine: Postgres, Temporal, paper exchange, worker, ingest; started, watched and stopped."""
