"""An upgrade beside a half-done run: the database comes forward, and the new program ends it."""

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import pipeline.report
import pipeline.wiring
from ledger import audit
from ledger.reported import ToReport
from ledger.server import upgrade
from pipeline.runs import at_work
from pipeline.steps import Steps
from reconciliation.comparison import reconcile_folders
from tests.cases.world import CEDAR
from tests.pipeline.invariants import broken

FIRST = "0001"


def bring_to_the_first(engine):
    """The database as the first release has it."""
    config = Config()
    config.set_main_option("script_location", "schemas:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)


# Columns that the nights of today's program write, and the first release has not.
_NEWER = {
    "book.event_set": {
        "members_fallen": "BIGINT NOT NULL DEFAULT 0",
        "fallen_members": "TEXT[]",
    },
    "ledger.carrier_reading": {
        "payments_unchanged_since": "TIMESTAMP WITH TIME ZONE",
        "payments_are_stale": "BOOLEAN NOT NULL DEFAULT false",
    },
    "ledger.case": {"maintenance_type": "TEXT", "submitted_at": "TEXT", "is_subscriber": "BOOLEAN"},
}


def work_as_the_first(engine):
    """The same, with what today's program writes, whose nights stand in for the first's."""
    bring_to_the_first(engine)
    with engine.begin() as connection:
        for table, columns in _NEWER.items():
            added = ", ".join(
                f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items()
            )
            connection.exec_driver_sql(f"ALTER TABLE {table} {added}")


def take_away_what_the_first_has_not(engine):
    """The database as the first release leaves it to the upgrade."""
    with engine.begin() as connection:
        for table, columns in _NEWER.items():
            removed = ", ".join(f"DROP COLUMN {name}" for name in columns)
            connection.exec_driver_sql(f"ALTER TABLE {table} {removed}")


def reported_in_the_first(conn, run_id, partner_id):
    """What the first release reports: the files that came in the run."""
    rows = conn.execute(
        sa.text(
            "SELECT file_id, name, kind, storage_key FROM ledger.file WHERE run_id = :run"
            " AND partner_id = :partner AND direction = 'exchange_to_issuer'"
            " AND verdict IS NOT NULL ORDER BY file_id"
        ),
        {"run": run_id, "partner": partner_id},
    )
    return [ToReport(*row, parts=("verdict",), untold=()) for row in rows]


def told_again(world):
    """How many files with a verdict the next report would have, of each run that received them."""
    return world.rows(
        "SELECT run_id, count(*) FROM ledger.file f WHERE verdict IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM ledger.reported_file r WHERE r.file_id = f.file_id) GROUP BY 1"
    )


def revision_of(world):
    return world.rows("SELECT version_num FROM edi834_version")


@pytest.mark.fault("F38")
def test_a_run_of_the_version_before_is_ended_by_the_new_one(
    tmp_path, new_empty_database_url, open_world, monkeypatch
):
    """One night is whole and one half done in the old database; nothing of both is lost."""
    monkeypatch.setattr(pipeline.wiring, "upgrade", work_as_the_first)
    monkeypatch.setattr(pipeline.report, "to_report", reported_in_the_first)
    with open_world(tmp_path, new_empty_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        world.run(1)
        world.send(2)
        with at_work(world.house, world.clock(2), [CEDAR]) as opened:
            steps = Steps(world.house, opened.run, CEDAR)
            steps.receive()
            steps.check(steps.waiting_files()[0])
        before = revision_of(world), kept(world)
        assert before[0] == [(FIRST,)]

        take_away_what_the_first_has_not(world.house.engine)
        upgrade(world.house.engine)
        assert revision_of(world) > before[0]
        assert kept(world) == before[1]
        assert told_again(world) == [(opened.run.run_id, 1)]
        monkeypatch.undo()

        result = world.run(2)
        assert result.run == opened.run
        assert result.state != "failed"
        assert broken(world) == {}
        compared = snapshots_compared_again(world, tmp_path / "again")
        assert compared == world.rows(
            "SELECT matched, differing, missing_at_carrier, missing_in_book"
            " FROM reconciliation.result WHERE run_id = 1"
        )


def kept(world):
    """How many rows every table of the first release has, and where the trail ends."""
    tables = world.rows(
        "SELECT table_schema || '.' || quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('ledger', 'book', 'reconciliation') AND table_type = 'BASE TABLE'"
        " AND table_name NOT LIKE 'alert%' AND table_name <> 'audit_walk'"
        " AND table_name NOT IN ('reported_file', 'dispute_file', 'dispute_told') ORDER BY 1"
    )
    counts = {name: world.rows(f"SELECT count(*) FROM {name}") for (name,) in tables}
    with world.house.engine.connect() as conn:
        return counts, audit.head(conn), audit.verify(audit.entries(conn)).fault


def snapshots_compared_again(world, out):
    """What the new program finds in the snapshots that the old one has frozen."""
    (folder,) = (world.house.settings.reports_folder).glob(f"1/{CEDAR}/reconciliation")
    found = reconcile_folders(folder / "book", folder / "carrier", out).counts
    names = ("matched", "differing", "missing_at_carrier", "missing_in_book")
    return [tuple(found[name] for name in names)]


def test_an_old_table_keeps_its_rows_and_new_ones_are_empty(empty_database_url):
    """Forward from the first revision, and again without anything left to do."""
    from ledger.server import open_engine

    engine = open_engine(empty_database_url)
    bring_to_the_first(engine)
    with engine.begin() as conn:
        conn.execute(
            sa.text(
                "INSERT INTO ledger.rule_version (digest, program, parts) VALUES ('x', '0', '{}')"
            )
        )
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as conn:
        assert conn.scalar(sa.text("SELECT digest FROM ledger.rule_version")) == "x"
        assert conn.scalar(sa.text("SELECT count(*) FROM ledger.alert")) == 0
    engine.dispose()
