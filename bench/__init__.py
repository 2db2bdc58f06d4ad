"""Measures what the relay uses, and computes what it costs."""
