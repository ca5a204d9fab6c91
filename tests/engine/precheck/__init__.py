"""Prechecks: each line, remembering, dry runs."""
