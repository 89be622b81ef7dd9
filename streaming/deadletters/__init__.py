"""Dead letters: writing events that could not be used, and replaying those that were repaired."""
