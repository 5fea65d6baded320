"""Recorded sessions: one form for every source, readers for what recorders left behind, and a seeded generator."""
