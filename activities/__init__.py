"""What workflows may ask of the world: orders, evidence, quotes, the ledger."""
