"""WHO LOOKS: the console, on which operations, stewards and auditors work in a browser."""
