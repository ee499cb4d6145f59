"""The book and the carrier's records to differences."""
