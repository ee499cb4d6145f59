"""A reader of contents written inside a test."""

import pytest

from tests.cases.reading import Reader


@pytest.fixture
def reader(tmp_path):
    """Checks contents as files."""
    return Reader(tmp_path)
