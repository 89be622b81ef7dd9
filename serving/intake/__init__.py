"""Taking events in: validation, durability, and the outbox for the time that the event log is away."""
