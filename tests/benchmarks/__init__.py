"""Benchmarks: `make bench` prints tables and judges nothing."""
