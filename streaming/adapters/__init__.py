"""Event logs: embedded (SQLite), in memory, Kafka."""
