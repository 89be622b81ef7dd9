"""The composition root: the only package that knows every other one. Settings become objects here, and nowhere else."""
