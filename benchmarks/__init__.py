"""Measurements of the hub's speed: each prints a table and writes `benchmarks/out/NAME.json`."""
