"""Judges: pure functions from an observation to findings."""
