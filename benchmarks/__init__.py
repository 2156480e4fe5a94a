"""What the engine costs and how right it is: ``python -m benchmarks.engine``."""
