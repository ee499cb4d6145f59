"""The order of work, settings and the command line."""
