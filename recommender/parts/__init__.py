"""The parts of a pipeline. `registry` lists them by role and name."""
