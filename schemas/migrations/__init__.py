"""The history of the database, one revision a file."""

VERSION_TABLE = "edi834_version"  # says at which revision a database is
