"""Item, trending and acceptance statistics from what the lake holds."""
