"""What in the book a value of ours comes from: the event, and with it the bytes of a file."""

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out, copy_to_temporary
from schemas.tables import TEXT

WANTED = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("exchange_policy_id", TEXT),
        ("exchange_member_id", TEXT),
        ("told_by", TEXT),  # policy | member | coverage | amount
        ("name", TEXT),  # of the amount
    ]
)
ORIGINS = pa.schema([("ordinal", pa.int64()), ("event_id", pa.int64()), ("file_id", pa.int64())])

_BELIEVED = """{0}.partner_id = :partner_id AND {0}.known_from <= :known_at
    AND {0}.known_to > :known_at AND {0}.exchange_policy_id = w.exchange_policy_id"""


def _last(table: str, told_by: str, more: str = "") -> str:
    """The last event of what the book holds of the policy, or of the member, in that table."""
    return f"""(SELECT max(t.event_id) FROM book.{table} t
    WHERE w.told_by = '{told_by}' AND {_BELIEVED.format("t")} {more})"""


_ORIGINS = f"""
SELECT w.ordinal, e.event_id, e.file_id
FROM wanted_origin w
JOIN book.event e ON e.event_id = coalesce(
  {_last("amount", "amount", "AND t.name = w.name")},
  {_last("coverage", "coverage", "AND t.exchange_member_id = w.exchange_member_id")},
  {_last("member", "member", "AND t.exchange_member_id = w.exchange_member_id")},
  {_last("policy", "policy").replace("w.told_by = 'policy' AND ", "")}
)
ORDER BY w.ordinal
"""


def origins(conn: sa.Connection, partner_id: str, known_at: datetime, wanted: pa.Table) -> pa.Table:
    """The events behind our values (ORIGINS), for those of `wanted` (WANTED) that the book knows.

    Where the book has nothing of the amount, coverage or member, it is the policy's last event.
    """
    copy_to_temporary(conn, "wanted_origin", wanted)
    query = sa.text(_ORIGINS).bindparams(partner_id=partner_id, known_at=known_at)
    return copy_out(conn, query, ORIGINS)
