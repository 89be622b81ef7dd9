"""What people look at beside their lists: search, shelves, similar items, the map."""
