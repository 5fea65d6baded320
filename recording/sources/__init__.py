"""Recorded sessions: one form for every source, readers for what recorders left behind, and a seeded generator.

`open.py` is the door, `session.py` the form; `kalshi_csv`, `snapshots`, `cross_venue`, `polymarket_csv`, `updown`
and `session_file` read, `synth` makes.
"""
