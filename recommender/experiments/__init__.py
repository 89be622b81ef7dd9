"""A/B experiments: their definition, who is in which variant, and what makes the lists of each combination of variants."""
