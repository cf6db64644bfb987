"""Whole tasks over real HTTP."""
