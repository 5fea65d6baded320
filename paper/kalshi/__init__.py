"""Kalshi's wire over the paper exchange: its account, orders, markets, routes and frames."""
