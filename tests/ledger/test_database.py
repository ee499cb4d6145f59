"""The declared database and the migrated one are the same, however many upgrade it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ledger.server import open_engine, upgrade
from schemas.audit import audit_entry
from schemas.book import event
from schemas.console import account
from schemas.database import file
from schemas.months import month_file
from schemas.operations import operator_word
from schemas.premium_database import premium_file
from schemas.sign_offs import signed_period
from schemas.watch import alert

SCHEMAS = {"ledger", "book", "reconciliation", "console"}
metadata = event.metadata

assert account.metadata is metadata
assert file.metadata is metadata
assert month_file.metadata is metadata
assert operator_word.metadata is metadata
assert premium_file.metadata is metadata
assert signed_period.metadata is metadata
assert alert.metadata is metadata


def _is_ours(name, kind, _parents):
    return kind != "schema" or name in SCHEMAS


def test_the_migrations_make_what_is_declared(conn):
    """No table, column, type, default, index or key differs from the declaration."""
    context = MigrationContext.configure(
        conn,
        opts={
            "include_schemas": True,
            "include_name": _is_ours,
            "compare_type": True,
            "compare_server_default": True,
        },
    )

    differences = compare_metadata(context, metadata)

    assert audit_entry.fullname in metadata.tables
    assert differences == []


def _definitions(conn):
    found = conn.execute(
        sa.text(
            "SELECT connamespace::regnamespace || '.' || conname, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE contype = 'c'"
            " AND connamespace::regnamespace::text = ANY(:schemas)"
        ),
        {"schemas": list(SCHEMAS)},
    )
    return dict(tuple(row) for row in found)


def test_the_checks_are_the_declared_ones(conn, empty_database_url):
    """Every check constraint has the declared name and condition."""
    migrated = _definitions(conn)
    engine = open_engine(empty_database_url)
    with engine.connect() as other:
        for schema in SCHEMAS:
            other.execute(sa.schema.CreateSchema(schema))
        metadata.create_all(other)
        declared = _definitions(other)
    engine.dispose()

    assert len(declared) > 10
    assert migrated == declared


def test_three_may_upgrade_at_once(empty_database_url):
    """The later upgrades wait for the first one and find nothing left to do."""
    engine = open_engine(empty_database_url)
    with ThreadPoolExecutor(3) as threads:
        upgrades = [threads.submit(upgrade, engine) for _ in range(3)]
        for done in upgrades:
            done.result()
    with engine.connect() as connection:
        revisions = connection.scalars(sa.text("SELECT version_num FROM edi834_version")).all()
    engine.dispose()

    versions = Path(__file__).parents[2] / "schemas/migrations/versions"
    files = versions.glob("revision_*.py")
    assert revisions == [max(path.stem for path in files).removeprefix("revision_")]
