"""Versions: the difference between what the book believes and what it should, written once.

`next_<table>` holds all rows that should be believed of the folded policies. Rows that are believed
already stay untouched, with the event that made us, unless that is among the `retracted`. The
others are closed and the new ones inserted, so that no version is ever stored that nobody believed:
what came and went within a night leaves nothing behind.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from schemas import book

_KNOWN = ("known_from", "known_to", "event_id")

# The last transaction of a policy is a part of what is believed of it; of all other rows it is
# told where they come from.
_BELIEVED_WITH_EVENT = (book.policy,)
TABLES = (
    book.policy,
    book.member,
    book.coverage,
    book.amount,
    book.address,
    book.identifier,
    book.broker,
)


def write_versions(table: sa.Table) -> tuple[sa.TextClause, ...]:
    """The statements that bring a table of the book to what `next_<table>` says."""
    keys = [c.name for c in table.primary_key if c.name not in {"partner_id", "known_to"}]
    names = [c.name for c in table.columns if c.name not in {"partner_id", *_KNOWN}]
    values = [name for name in names if name not in keys]
    if table in _BELIEVED_WITH_EVENT:
        values.append("event_id")
    same = _same(keys, values)
    outdated = f"""
  b.partner_id = :partner_id AND b.known_to = 'infinity'
  AND b.exchange_policy_id = p.exchange_policy_id
  AND NOT EXISTS (SELECT FROM next_{table.name} n WHERE {same})"""
    listed = ", ".join(names)
    return (
        sa.text(f"ANALYZE next_{table.name}"),
        # Believed since this very moment: nobody ever saw it.
        sa.text(f"""
DELETE FROM {table.fullname} b USING fold_policy p
WHERE b.known_from = :known_at AND {outdated}"""),
        sa.text(f"""
UPDATE {table.fullname} b SET known_to = :known_at FROM fold_policy p
WHERE {outdated}"""),
        sa.text(f"""
INSERT INTO {table.fullname} (partner_id, {listed}, known_from, event_id)
SELECT :partner_id, {listed}, :known_at, event_id FROM next_{table.name} n
WHERE NOT EXISTS (
  SELECT FROM {table.fullname} b
  WHERE b.partner_id = :partner_id AND b.known_to = 'infinity' AND {same}
)"""),
        sa.text(f"DROP TABLE next_{table.name}"),
    )


def write_fresh(table: sa.Table, plain: str) -> sa.TextClause:
    """The statement that enters what was told once of policies that the book does not have yet.

    `plain` is the query for rows as `next_<table>` has them. There is nothing to compare them with,
    and most rows of a large night are such. Comes after `write_versions`, which would take them
    for outdated.
    """
    names = [c.name for c in table.columns if c.name not in {"partner_id", *_KNOWN}]
    listed = ", ".join(names)
    return sa.text(f"""
INSERT INTO {table.fullname} (partner_id, {listed}, known_from, event_id)
SELECT :partner_id, {listed}, :known_at, event_id FROM ({plain.format(fresh="true")}) fresh""")


def _same(keys: Sequence[str], values: Sequence[str]) -> str:
    on = " AND ".join(f"n.{name} = b.{name}" for name in keys)
    said, believed = (", ".join(f"{alias}.{name}" for name in values) for alias in "nb")
    same = f" AND ROW({said}) IS NOT DISTINCT FROM ROW({believed})" if values else ""
    return f"{on}{same} AND b.event_id NOT IN (SELECT event_id FROM retracted)"
