"""One file per migration, oldest first by name."""
