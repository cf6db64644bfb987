"""Records of moderation: what the service calls inside a transaction. Nothing here commits."""
