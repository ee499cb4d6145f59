"""A real PostgreSQL for every room: one embedded server in a session.

`conn` is rolled back after each test; `engine` has a database of its own, for tests that commit.
"""

import itertools

import pytest

from ledger.server import embedded_url, open_engine, upgrade

_database_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory):
    """The data folder of the session's embedded PostgreSQL server."""
    return tmp_path_factory.mktemp("postgresql") / "data"


@pytest.fixture(scope="session")
def migrated_url(server_folder):
    """The URL of a database at the newest revision, from which every test gets a copy."""
    url = embedded_url(server_folder, "template_edi834")
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture
def empty_database_url(server_folder):
    """The URL of a database of the test's own without any table."""
    return embedded_url(server_folder, f"empty_{next(_database_numbers)}")


def _copy_of_template(server_folder, name):
    engine = open_engine(embedded_url(server_folder, "postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template_edi834")
    engine.dispose()
    return embedded_url(server_folder, name)


@pytest.fixture
def database_url(server_folder, migrated_url):
    """The URL of a database of the test's own at the newest revision."""
    return _copy_of_template(server_folder, f"test_{next(_database_numbers)}")


@pytest.fixture
def engine(database_url):
    """An engine on the test's own database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_engine(server_folder, migrated_url):
    """An engine on a database in which no test ever commits."""
    engine = open_engine(_copy_of_template(server_folder, "shared"))
    yield engine
    engine.dispose()


@pytest.fixture
def conn(shared_engine):
    """A connection in a transaction that is rolled back when the test ends."""
    with shared_engine.connect() as connection:
        yield connection
