"""How long a test waits for what must come in the end, in seconds: no machine is so busy, and only a failing test waits
so long."""

PATIENCE_S = 120
