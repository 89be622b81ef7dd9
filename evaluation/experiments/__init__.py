"""What an A/B experiment showed: who was in it, what changed for them, how certain that is, and how long it will take still."""
