"""Obstacles: why a decision could not be sent, kept beside it until nothing hinders it.

A decision that cannot be written or proved stays as it is, open or released. Each run decides it
afresh and tries again, so it goes by itself once what was missing has come.
"""

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_to_temporary

# Of what was offered nothing is written when the book knows nobody whom it could name. What persons
# have released since waits for the next night.
_NOTE = sa.text("""
UPDATE book.decision d SET obstacle = o.obstacle
FROM (
  SELECT d.decision_id, coalesce(min(k.obstacle), 'nobody is covered whom it could name')
    AS obstacle
  FROM book.decision d LEFT JOIN obstacle k USING (decision_id)
  WHERE d.partner_id = :partner_id AND d.state IN ('open', 'released')
    AND d.decision_id IN (SELECT decision_id FROM offered)
  GROUP BY d.decision_id
) o
WHERE o.decision_id = d.decision_id AND d.obstacle IS DISTINCT FROM o.obstacle
""")


def note_obstacles(conn: sa.Connection, partner_id: str, obstacles: pa.Table) -> int:
    """The number of the partner's decisions that could not be sent now, each with its reason.

    `obstacles` is tables.OBSTACLES, of the run's attempt. Belongs behind the sending, in its
    transaction: what was offered (`enrollment/offering.py`) and is open or released still has an
    obstacle.
    """
    copy_to_temporary(conn, "obstacle", obstacles)
    conn.execute(_NOTE, {"partner_id": partner_id})
    counted: int = conn.execute(_COUNT, {"partner_id": partner_id}).scalar_one()
    return counted


_COUNT = sa.text("""
SELECT count(*) FROM book.decision WHERE partner_id = :partner_id AND obstacle IS NOT NULL
""")
