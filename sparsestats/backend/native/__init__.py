"""Calls into the compiled core, one file a family."""
