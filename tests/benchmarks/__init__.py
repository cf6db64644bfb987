"""Benchmarks: each module is run by `infra/bench NAME`, prints a table and writes its figures as JSON."""
