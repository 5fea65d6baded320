"""Processes that trade and what they run on: ingest host, trade worker, alerts, the UI's door, the local stack."""
