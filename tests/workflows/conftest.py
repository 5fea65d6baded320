"""Rehearsals speak by thousands; their log lines would only be noise."""

from __future__ import annotations

from tests.quiet import quiet

__all__ = ["quiet"]
