"""`edi834 db`: where the database is, and its upgrade."""

import json

import pytest
import sqlalchemy as sa

from ledger.server import open_engine
from tests.pipeline.test_upgrade import bring_to_the_first


@pytest.fixture
def first(empty_database_url):
    """The URL of a database as the first release left it."""
    engine = open_engine(empty_database_url)
    bring_to_the_first(engine)
    engine.dispose()
    return empty_database_url


def test_an_upgrade_brings_the_database_to_the_newest_revision(edi834, first):
    """Asking changes nothing; the second upgrade has nothing to do."""
    there = {"EDI834_DATABASE_URL": first}
    before = edi834("db", "status", "--json", **there)
    told = json.loads(before.out)
    assert (before.code, told["revision"]) == (1, "0001")
    assert "The database is at 0001; " in edi834("db", "status", **there).out

    assert edi834("db", "upgrade", **there).out == (
        f"The database was at 0001, and is at {told['newest']} now.\n"
    )
    assert edi834("db", "upgrade", **there).out == (
        f"The database is at {told['newest']} already.\n"
    )
    after = edi834("db", "status", **there)
    assert (after.code, after.out) == (
        0, f"The database is at {told['newest']}, the newest revision.\n"
    )  # fmt: skip


def test_a_database_of_a_newer_version_is_left_alone(edi834, database_url):
    """One line says so, whatever is asked of it."""
    engine = open_engine(database_url)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE edi834_version SET version_num = '9999'"))
    engine.dispose()
    there = {"EDI834_DATABASE_URL": database_url}

    for command in (("db", "status"), ("db", "upgrade"), ("audit", "list")):
        ended = edi834(*command, **there)
        (line,) = ended.failures
        assert (ended.code, "9999" in line, "newer version" in line) == (2, True, True), line


def test_nothing_is_made_to_be_looked_at(edi834, tmp_path):
    """In a home without a database there is none after the question either."""
    ended = edi834("db", "status")

    assert ended.code == 1
    assert ended.out.startswith("The database is not there yet; ")
    assert not (tmp_path / "home" / "postgresql").exists()
