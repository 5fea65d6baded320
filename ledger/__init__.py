"""The Postgres record of intents, orders, fills, positions and cash: schema, migrations, reads, writes.

`port` says what may be written, `store` keeps it, `memory` is its fake; `report` and `render` read it for people.
"""
