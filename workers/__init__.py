"""Processes: the CLI, the trade worker, the ingest host, the development stack and its supervisor."""
