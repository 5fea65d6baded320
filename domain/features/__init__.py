"""What a strategy looks at besides the book: numbers computed from quotes and spot prices, each with its validity.

Pure and in plain data. Each feature exists once as a fold (an object fed one event at a time) and, where a back-test
wants it, as a function over whole columns; both give the same numbers. Exact integers go in, float64 comes out:
features steer decisions, they never are a price, a size or a fee. Formulas and sources: docs/features.md.
"""
