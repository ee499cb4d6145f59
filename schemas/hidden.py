"""Packages that are left out where a library asks for them and goes on without them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder

import pyarrow as pa


def leave_pandas_out() -> None:
    """Lets pyarrow make its first array without pandas, which it would load for half a second.

    It asks for pandas once, to know what a series is, and goes without where there is none. For a
    process that has no series; one that calls `to_pandas` still gets it.
    """
    if "pandas" in sys.modules:
        return
    with hidden("pandas"):
        pa.array([0])


@contextmanager
def hidden(package: str) -> Iterator[None]:
    """A block in which a package, as far as it is not imported yet, is as if not installed."""
    without = _Without(package)
    sys.meta_path.insert(0, without)
    try:
        yield
    finally:
        sys.meta_path.remove(without)


@dataclass(frozen=True)
class _Without(MetaPathFinder):
    """An importer to which a package is not there."""

    package: str

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] == self.package:
            raise ModuleNotFoundError(fullname, name=fullname)
