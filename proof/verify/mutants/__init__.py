"""Small plausible mistakes, made one at a time: each must be noticed by a test or by a simulated world."""
