"""The loops of the consumer: poll, apply, commit; gather, append, commit."""
