"""Marks at national scale: a generated series from entries to released results, on both databases."""
