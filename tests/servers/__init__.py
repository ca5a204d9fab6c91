"""Strict in-memory object-store servers for tests, benchmarks and the demo."""
