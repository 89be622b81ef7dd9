"""Online learning: examples from the stream, gradient steps, a guard, and published versions."""
