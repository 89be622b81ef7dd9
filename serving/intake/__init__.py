"""Taking events in: validation, durability, and the outbox for outages of the event log."""
