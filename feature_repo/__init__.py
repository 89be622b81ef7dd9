"""Features: one definition of each transform, and the stores that keep what it computed."""
