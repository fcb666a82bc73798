"""Weight files: which are known, how they are fetched, trusted and read."""
