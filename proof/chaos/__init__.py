"""Real processes killed at every step of a trade's life: `surefoot-proof chaos`, and the seam that lets it.

What is told to the processes is a plan (`plan`); they come by their points (`switch`, tapped in by `taps`), and one of
them stops there until it is told to die or to go on. The rest drives: `system` the stack, `paths` the trades, `rounds`
which points share one kill, `verdict` what must hold afterwards.
"""
