"""Locks of a session, for work that bears no other work beside it.

They outlive the transactions in their block, and end with the process, however that ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from schemas.errors import AtWork, Retryable

KEYS = 834_005_013  # of whoever changes keys
CONTENTS = 834_005_015  # of whoever removes contents, and shared by those who copy them


@contextmanager
def alone(conn: sa.Connection, lock: int, otherwise: str) -> Iterator[None]:
    """Nobody else has the lock in the block. Raises AtWork, which says `otherwise`, if he has."""
    is_mine = conn.scalar(sa.select(sa.func.pg_try_advisory_lock(lock)))
    conn.commit()
    if not is_mine:
        raise AtWork(otherwise)
    with _unlocked(conn, sa.func.pg_advisory_unlock(lock)):
        yield


@contextmanager
def shared(conn: sa.Connection, lock: int) -> Iterator[None]:
    """Others may share the lock in the block; whoever has it alone is waited for."""
    conn.execute(sa.select(sa.func.pg_advisory_lock_shared(lock)))
    conn.commit()
    with _unlocked(conn, sa.func.pg_advisory_unlock_shared(lock)):
        yield


@contextmanager
def _unlocked(conn: sa.Connection, unlock: sa.ColumnElement[bool]) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(Retryable):  # with the connection the lock has gone, too
            conn.rollback()
            conn.execute(sa.select(unlock))
            conn.commit()
