"""Trades that outlive the code they began on: which version this is, what it can carry on, and what it must leave."""
