"""The Postgres record of intents, orders, fills, positions and cash: schema, migrations, reads, writes."""
