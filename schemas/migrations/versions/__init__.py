"""One revision of the database a file."""
