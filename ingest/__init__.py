"""The decision side: spot prices, strategies, gates, intents. One event runs to its end before the next.

`engine.py` decides, frame by frame, on the books that the venues' feeds keep (`venues.book_feed`).
"""
