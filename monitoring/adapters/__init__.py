"""Adapters of the drift detector port: Evidently, and a lightweight one in numpy."""
