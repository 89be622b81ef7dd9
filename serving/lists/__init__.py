"""Making lists for requests: reading features, asking the recommender, logging impressions."""
