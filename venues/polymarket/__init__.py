"""Polymarket: order bytes and signatures, the CLOB's REST answers, both of its sockets, and the calls on chain.

An instrument is one outcome token; a `market` string is that token's id in decimal digits.
"""
