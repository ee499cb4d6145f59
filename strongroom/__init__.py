"""KEEP: files at rest, sealed by keys that lie elsewhere, and read as if they were plain."""
