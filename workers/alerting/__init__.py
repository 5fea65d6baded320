"""Alerts in processes: where they are kept, how they reach a person, and who looks for what raises them."""
