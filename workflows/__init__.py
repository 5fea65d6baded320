"""Temporal workflows and the lifecycle they run. Deterministic; imports only `domain`."""
