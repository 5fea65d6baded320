"""What shows the rest to be right: `surefoot-proof`. Simulation, chaos, fuzzing, conformance, histories, benches.

Nothing of the product imports it.
"""
