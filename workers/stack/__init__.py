"""One stack on this machine: which processes it has, how they start, how they are watched and stopped."""
