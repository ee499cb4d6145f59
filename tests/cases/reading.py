"""Checks a file that stands in a test, and keeps all its tables."""

import pyarrow as pa

from validators.check import Terms, check_file


class Tables:
    """A sink that keeps what it is given: one Arrow table by name."""

    def __init__(self):
        self.parts = {}

    def write(self, name, table):
        """Keeps rows of a table."""
        self.parts.setdefault(name, []).append(table)

    def __getitem__(self, name):
        """The whole table of that name, with its columns in one piece."""
        return pa.concat_tables(self.parts[name]).combine_chunks()


def as_bytes(content):
    """Bytes as they are, text in Latin-1, an interchange as it writes itself."""
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else content.text()).encode("latin-1")


class Reader:
    """Checks contents, each as a file in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, content):
        """A file with that content."""
        path = self.folder / "received.834"
        path.write_bytes(as_bytes(content))
        return path

    def check(self, content, terms=None):
        """The verdict on a content and the tables that it holds."""
        tables = Tables()
        checked = check_file(self.path(content), terms or Terms(), tables)
        return checked, tables

    def verdict(self, content, terms=None):
        """The verdict on a content."""
        return check_file(self.path(content), terms or Terms()).verdict

    def rules(self, content, terms=None):
        """The rules that a content breaks, in the order of its bytes."""
        return self.verdict(content, terms).issues["rule"].to_pylist()
