"""How a statement over all policies of a book is worked."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from schemas.postgres_copy import give_memory


@contextmanager
def whole_book(conn: sa.Connection) -> Iterator[None]:
    """For a statement over all policies: every join by a hash or in order, none row by row.

    The planner takes policy and member for independent of each other, and so a million members for
    three; and what a common table expression gives for a few rows. It would read the tables once
    for each member: a snapshot of a million did not end in six minutes, and takes half a minute
    without.
    """
    give_memory(conn)
    conn.execute(sa.text("SET LOCAL enable_nestloop = off"))
    yield
    conn.execute(sa.text("SET LOCAL enable_nestloop = on"))
