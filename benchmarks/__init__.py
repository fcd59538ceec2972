"""Timings by hand: `python -m benchmarks.NAME`."""
