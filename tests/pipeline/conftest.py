"""Fixtures for worlds: an exchange in a box beside our house, and the command."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.server import embedded_url
from tests.cases.world import CEDAR, HARBOR, Ended, World, opened_world, run_edi834

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_database_url(made_database, migrated_url) -> Callable[[], str]:
    """URLs of databases at the newest revision, a new one at each call."""
    template = sa.make_url(migrated_url).database
    return lambda: made_database(f"pipeline_{next(_numbers)}", template)


@pytest.fixture(scope="session")
def new_empty_database_url(server_folder) -> Callable[[], str]:
    """URLs of databases without any table, a new one at each call."""
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
def cedar_world(tmp_path, new_database_url) -> Iterator[World]:
    """A world of the test's own with one partner: a night takes half as long."""
    with opened_world(tmp_path, new_database_url(), partner_ids=(CEDAR,)) as opened:
        yield opened


@dataclass(frozen=True)
class FirstNights:
    """Worlds after their first night, each played once in this process and then copied."""

    folder: Path
    new_database_url: Callable[[], str]
    made_database: Callable[[str, str], str]
    played: dict[tuple[str, ...], tuple[Path, str]] = field(default_factory=dict)

    def copied_to(self, folder: Path, partner_ids: tuple[str, ...]) -> str:
        """Fills the folder with such a world's; the URL of a database with what it knows."""
        if partner_ids not in self.played:
            self.played[partner_ids] = self._play(partner_ids)
        source, url = self.played[partner_ids]
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return self.made_database(f"pipeline_{next(_numbers)}", sa.make_url(url).database)

    def _play(self, partner_ids: tuple[str, ...]) -> tuple[Path, str]:
        folder, url = self.folder / "-".join(partner_ids), self.new_database_url()
        with opened_world(folder, url, partner_ids=partner_ids) as world:
            world.send(1)
            assert world.run(1).state != "failed"
        return folder, url


@pytest.fixture(scope="session")
def first_nights(tmp_path_factory, new_database_url, made_database) -> FirstNights:
    """Worlds after their first night, to be copied."""
    folder = tmp_path_factory.mktemp("first-nights")
    return FirstNights(folder, new_database_url, made_database)


@pytest.fixture
def after_a_night(tmp_path, first_nights) -> Iterator[World]:
    """A world of the test's own in which the first night is over; the exchange has read nothing."""
    url = first_nights.copied_to(tmp_path, (CEDAR, HARBOR))
    with opened_world(tmp_path, url) as opened:
        yield opened


@pytest.fixture
def cedar_after_a_night(tmp_path, first_nights) -> Iterator[World]:
    """The same with one partner."""
    url = first_nights.copied_to(tmp_path, (CEDAR,))
    with opened_world(tmp_path, url, partner_ids=(CEDAR,)) as opened:
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
