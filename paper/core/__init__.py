"""What the paper exchanges of all venues share: books, matching, faults, playback, and the operator's side."""
