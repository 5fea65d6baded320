"""A venue to begin from: the least that an adapter needs, complete enough for the adapters' contract tests.

Copy the folder to `venues/NAME/` and go on as docs/how-to-add-a-venue.md says.
"""
