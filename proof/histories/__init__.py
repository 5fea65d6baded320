"""The corpus of histories: one life of a trade for every path, recorded on a real Temporal server."""
