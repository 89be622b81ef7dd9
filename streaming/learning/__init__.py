"""Online learning: examples from the stream, steps, a guard, and versions that are published."""
