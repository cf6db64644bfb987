"""How long a test waits for what must come: longer than a slow and busy machine needs, as nothing passes by waiting."""

PATIENCE_SECONDS = 120
