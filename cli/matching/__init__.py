"""Candidates for equivalence records: markets of two venues that look alike, beside each other, with what differs.

`listing` reads the venues' documents, `pairing` scores, `rules` reads what texts say of voids, ties and postponements.
"""
