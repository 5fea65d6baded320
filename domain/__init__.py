"""The words of the trade and the arithmetic on them: money, books, fees, intents, orders, evidence, states.

Pure: no I/O, no clock, no framework. Every other room imports this one; it imports none of them.
"""
