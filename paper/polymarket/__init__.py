"""The paper exchange's Polymarket: orders that are really signed, accounts, settlement on a clock of its own, CLOB
REST, market and user channels, and the little of Gamma a trader reads. The books, the playback and the faults are those
of the exchange next door."""
