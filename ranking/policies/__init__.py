"""Exploration policies: which candidate gets which position, and with what probability."""
