"""Benchmarks of examination scripts: pages read and assigned, tracking events, a national day reconciled."""
