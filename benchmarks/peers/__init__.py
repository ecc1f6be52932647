"""The systems the hub is raced against: PostGraphile 5, plain Strawberry. The ceiling is `benchmarks/bare.py`."""
