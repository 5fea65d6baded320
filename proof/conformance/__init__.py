"""Software nobody here wrote trades against the paper exchange, and both sides' books are compared.

`surefoot-proof conformance [CLIENT…]` runs one script through each client. What a client's own process imports
(`checks`, `desk`, `stand`, `operator`, `script`, `refusals`, `drive` and its desk) rests on the standard library and
that client alone, so that a client that wants another Python can have it.
"""
