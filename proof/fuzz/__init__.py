"""Whatever bytes come in: every decoder under mutated input, its books held against slow ones that are plainly right.

`make fuzz MINUTES=` searches with atheris; `tests/proof/fuzz` runs the same targets on their seeds and on what was
found.
"""
