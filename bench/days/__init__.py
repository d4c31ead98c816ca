"""Simulated days of the desk, written to a record as the real thing would write them."""
