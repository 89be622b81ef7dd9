"""A simulated world whose users choose with known probabilities: ground truth for everything that learns from events."""
