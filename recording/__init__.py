"""Sessions: what the engine was given and what it decided, written beside it, read back and decided again.

`sources` reads other people's recordings, `importing` makes sessions of them.
"""
