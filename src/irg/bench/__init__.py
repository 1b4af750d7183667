"""Benchmarks: protocols that score checkpoints, each under its own name with counts and confidence intervals."""
