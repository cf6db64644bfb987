"""How long a test waits for what must come. No test passes by it, so it is longer than the slowest machine needs."""

PATIENCE_SECONDS = 120.0
