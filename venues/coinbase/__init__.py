"""Coinbase's public market data, of the Exchange and of the Advanced Trade feed, to spot ticks. Nothing is traded."""
