"""What a raw COPY takes: the same rows into plain tables without keys."""

import sqlalchemy as sa

from benchmarks.spent import Spent, spending
from enrollment.staged_events import FileTables
from schemas import tables
from schemas.columns import columns_of
from schemas.postgres_copy import copy_into


def copy_spent(engine: sa.Engine, parsed: FileTables) -> Spent:
    """What it takes to put the rows into plain tables and commit; the tables are dropped again."""
    catalogue = sa.MetaData()
    plain = {
        "plain_member": (tables.MEMBERS, parsed.members),
        "plain_coverage": (tables.COVERAGES, parsed.coverages),
        "plain_category": (tables.REPORTING_CATEGORIES, parsed.reporting_categories),
    }
    made = {name: sa.Table(name, catalogue, *columns_of(s)) for name, (s, _) in plain.items()}
    catalogue.create_all(engine)
    with spending(engine) as spent, engine.begin() as conn:
        for name, (_, rows) in plain.items():
            copy_into(conn, made[name], rows)
    catalogue.drop_all(engine)
    return spent[0]
