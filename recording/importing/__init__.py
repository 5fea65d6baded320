"""Recordings of others, made sessions of ours.

Books become frames as their venues would send them and are decided on; everything else becomes events of its kind.
What cannot be read is set aside with its place and counted by reason: nothing is lost and nothing is guessed.
"""
