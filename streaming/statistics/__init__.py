"""Item, trending and acceptance statistics computed from the lake."""
