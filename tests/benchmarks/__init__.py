"""Benchmarks, run by ``make bench``: one JSON line a figure on stdout."""
