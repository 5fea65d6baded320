"""Measurements: `surefoot-proof bench` prints one JSON line a figure. Never a test: nothing here passes or fails.

Each figure names its command and the machine it was taken on; docs/benchmarks.md says what they mean.
"""
