"""Finding and erasing everything that is held of one user."""
