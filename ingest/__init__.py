"""The decision side: feeds, books, strategies, gates, intents. One event runs to its end before the next."""
