"""The one door to the Temporal UI: a loopback server of ours that shows its pages and asks Temporal for what they need.

Temporal's own UI is not opened and its HTTP API answers no browser (see `keys`); who has no session gets nothing here.
"""
