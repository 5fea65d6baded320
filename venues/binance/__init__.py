"""Binance's public spot stream, to spot ticks. Nothing is traded here, and BTCUSDT is not BTC-USD."""
