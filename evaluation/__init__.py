"""Evaluation: full ranking on later events only, with a confidence interval for every figure."""
