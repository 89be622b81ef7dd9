"""Baseline models to compare with, one per file; they use well-maintained libraries where these exist."""
