"""Stores of features: Feast on SQLite or Redis, and memory."""
