"""Streaming: event-log adapters, and the consumers that keep online features and the lake up to date."""
