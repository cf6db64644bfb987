"""Key providers: where the root key lives and who may use it."""
