"""Events that could not be used: setting them aside, and replaying what was repaired."""
