"""Fixtures for sealed folders."""

from datetime import date

import pytest

from strongroom.guards import guard
from strongroom.keyring import Keyring


@pytest.fixture
def keys(tmp_path):
    """A key file with one key."""
    made = Keyring(tmp_path / "keys.toml").with_new_key(date(2026, 12, 1))
    assert len(made.ids) == 1  # read now: later the file may have another active key
    return made


@pytest.fixture
def sealed(tmp_path, keys):
    """A folder in which everything is sealed."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    guard(folder, keys)
    yield folder
    guard(folder, None)
