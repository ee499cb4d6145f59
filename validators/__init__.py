"""Tables and rules to issues and one verdict."""
