"""Adapters of the drift detector port: Evidently, and a light one in numpy."""
