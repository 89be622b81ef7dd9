"""Evaluation: full ranking, later events only, intervals beside every figure."""
