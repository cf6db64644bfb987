"""Migrations of all packages' tables, in one history."""
