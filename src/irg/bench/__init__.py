"""Benchmarks: protocols that score checkpoints, under their own names, with counts and intervals."""
