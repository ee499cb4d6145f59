"""What a file of a whole coverage year is held against: how much there is, and what is newer."""

from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out
from schemas.tables import TEXT

_POLICIES = sa.text("""
SELECT count(*) FROM book.policy
WHERE partner_id = :partner_id AND known_to = 'infinity' AND status <> 'cancelled'
  AND benefit_begin BETWEEN :first AND :last
""")
_NEWER = sa.text("""
SELECT DISTINCT exchange_policy_id FROM book.event_set
WHERE partner_id = :partner_id AND state = 'applied' AND moment > :moment
ORDER BY exchange_policy_id
""")
_POLICY_IDS = pa.schema([("exchange_policy_id", TEXT)])


def policies_of_year(conn: sa.Connection, partner_id: str, coverage_year: int) -> int:
    """How many policies of the book, cancelled ones aside, begin in the year."""
    first, last = date(coverage_year, 1, 1), date(coverage_year, 12, 31)
    asked = {"partner_id": partner_id, "first": first, "last": last}
    return int(conn.execute(_POLICIES, asked).scalar_one())


def policies_changed_since(conn: sa.Connection, partner_id: str, moment: str) -> pa.ChunkedArray:
    """Ids of the policies of which something was said after the moment (CCYYMMDDHHMMSSss)."""
    query = _NEWER.bindparams(partner_id=partner_id, moment=moment)
    return copy_out(conn, query, _POLICY_IDS)["exchange_policy_id"]
