"""Of which policies something newer was said than a file of a coverage year was gathered."""

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out
from schemas.tables import TEXT

_NEWER = sa.text("""
SELECT DISTINCT exchange_policy_id FROM book.event_set
WHERE partner_id = :partner_id AND state = 'applied' AND moment > :moment
ORDER BY exchange_policy_id
""")
_POLICY_IDS = pa.schema([("exchange_policy_id", TEXT)])


def policies_changed_since(conn: sa.Connection, partner_id: str, moment: str) -> pa.ChunkedArray:
    """Ids of the policies of which something was said after the moment (CCYYMMDDHHMMSSss)."""
    query = _NEWER.bindparams(partner_id=partner_id, moment=moment)
    return copy_out(conn, query, _POLICY_IDS)["exchange_policy_id"]
