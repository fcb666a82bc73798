"""Records on disk, and what is made of them. Nothing here loads torch."""
