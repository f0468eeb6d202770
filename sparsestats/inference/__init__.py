"""Tests and intervals that a fit does not give by itself."""
