"""Strategies: pure functions of books that say what would be bought, at what limits, and why."""
