"""Ranking: candidate features, the learned ranker, filters, selection with exploration, and reasons."""
