"""Benchmarks: each prints a table; peers are measured beside us in the same run."""
