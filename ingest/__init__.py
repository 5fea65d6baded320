"""The decision side: feeds, books, strategies, gates, intents. One event runs to its end before the next.

`engine.py` decides, frame by frame; `replay.py` runs a recording through it; `bench.py` measures it.
"""
