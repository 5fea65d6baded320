"""Recorded sessions: one form for every source, readers for what recorders left behind, and a seeded generator.

`open.py` is the door, `session.py` the form; `kalshi_csv`, `snapshots` and `session_file` read, `synth` makes.
"""
