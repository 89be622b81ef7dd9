"""Who may ask for what, how often, and a record of what operators did."""
