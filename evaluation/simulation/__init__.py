"""A world of made-up users whose choices are known in law: ground truth for everything that learns from events."""
