"""Measure, compare, draw and tabulate."""
