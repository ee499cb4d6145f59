"""Fixtures for worlds: an exchange in a box beside our house, and the command."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from ledger.server import embedded_url
from tests.cases.world import Ended, World, opened_world, run_edi834

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_database_url(server_folder) -> Callable[[], str]:
    """URLs of empty databases on the session's server, a new one at each call."""
    return lambda: embedded_url(server_folder, f"pipeline_{next(_numbers)}")


@pytest.fixture(scope="session")
def open_world():
    """Opens worlds that outlive a test: give it a folder and the URL of an empty database."""
    return opened_world


@pytest.fixture
def world(tmp_path, new_database_url) -> Iterator[World]:
    """A world of the test's own."""
    with opened_world(tmp_path, new_database_url()) as opened:
        yield opened


@pytest.fixture
def edi834(tmp_path) -> Callable[..., Ended]:
    """Runs the real command in a folder that holds nothing."""
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*arguments: object, **environment: str) -> Ended:
        home = {"EDI834_HOME": str(tmp_path / "home")}
        return run_edi834(empty, arguments, home | environment)

    return run
