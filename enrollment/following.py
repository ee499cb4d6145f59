"""What may follow what: the exchange's rows as a table, and the conditions that they name.

A condition is a bit. The judge of a round sets the bits that hold for a set; a row of `follow`
counts when all of its own are among them.
"""

import pyarrow as pa
import sqlalchemy as sa

from schemas.partners import Condition, Exchange
from schemas.postgres_copy import copy_to_temporary
from schemas.tables import TEXT

_FOLLOW = pa.schema(
    [
        ("status", TEXT),
        ("transaction", TEXT),
        ("place", pa.int64()),  # the first that counts is taken
        ("needs", pa.int64()),  # bits of its conditions
        ("outcome", TEXT),  # applied | duplicate | waits
        ("reason", TEXT),
        ("becomes", TEXT),
    ]
)

_SAID = """EXISTS (
  SELECT FROM fold_set b
  WHERE b.exchange_policy_id = s.exchange_policy_id AND b.outcome = 'applied'
    AND b.transaction = s.transaction AND b.content_hash = s.content_hash AND {}
)"""
_OF_ITS_CLOCK = "b.submitted_at IS NOT DISTINCT FROM s.submitted_at"

# The set speaks of somebody whom the policy's enrollment, or a change since, did not bring.
_NAMES = """EXISTS (
  SELECT FROM book.event o
  WHERE o.file_id = s.file_id AND o.set_ordinal = s.set_ordinal AND {}
    AND NOT EXISTS (
      SELECT FROM fold_member a
      WHERE a.exchange_policy_id = s.exchange_policy_id AND a.enrollment = p.enrollment
        AND a.exchange_member_id = o.exchange_member_id{}
    )
)"""

# What we have said answers an enrollment, by the decision that was sent. A copy of that
# enrollment is the same one, unless it was told again later.
_ANSWERS = """EXISTS (
  SELECT FROM book.decision d
  JOIN book.event e ON e.event_id = d.event_id
  JOIN fold_set a ON a.exchange_policy_id = d.exchange_policy_id
    AND a.file_id = e.file_id AND a.set_ordinal = e.set_ordinal
  JOIN fold_set b ON b.exchange_policy_id = d.exchange_policy_id
    AND b.content_hash = a.content_hash AND b.outcome = 'applied' AND b.place <= a.place
    AND b.enrollment = p.enrollment AND b.transaction IN ('initial', 'renewal')
  WHERE d.sent_file_id = s.file_id AND d.set_ordinal = s.set_ordinal
)"""

# What the last set before this one that describes the policy's household says.
_LAST_DESCRIBED = """(
  SELECT b.content_hash FROM fold_set b
  WHERE b.exchange_policy_id = s.exchange_policy_id AND b.outcome = 'applied'
    AND b.enrollment = p.enrollment AND b.transaction IN ('initial', 'renewal', 'change')
    AND b.place < s.place
  ORDER BY b.place DESC LIMIT 1
)"""

# The enrollment in force lacks members who fell by our verdict; this one has its plan, days and
# subscriber, and everybody whom that one names.
_FELL_FROM = """EXISTS (
  SELECT FROM fold_set b
  WHERE b.exchange_policy_id = s.exchange_policy_id AND b.outcome = 'applied'
    AND b.enrollment = p.enrollment AND b.transaction = s.transaction AND b.members_fallen > 0
    AND left(b.plan_id, 14) = left(s.plan_id, 14) AND b.benefit_begin = s.benefit_begin
    AND b.benefit_end IS NOT DISTINCT FROM s.benefit_end
    AND NOT EXISTS (
      SELECT FROM book.event k
      WHERE k.file_id = b.file_id AND k.set_ordinal = b.set_ordinal AND NOT EXISTS (
        SELECT FROM book.event o
        WHERE o.file_id = s.file_id AND o.set_ordinal = s.set_ordinal
          AND o.exchange_member_id = k.exchange_member_id AND o.is_subscriber = k.is_subscriber
      )
    )
)"""

# What gave the policy its status was said by the exchange.
_OF_EXCHANGE = """EXISTS (
  SELECT FROM fold_set b
  WHERE b.exchange_policy_id = s.exchange_policy_id AND b.place = p.place AND NOT b.is_ours
)"""

# Of a set `s` and its policy `p` in the fold.
CONDITIONS: dict[Condition, str] = {
    "effectuated": "p.effectuated",
    "other-enrollment": f"s.is_ours AND NOT {_ANSWERS}",
    "same-content": _SAID.format(f"(b.enrollment = p.enrollment OR {_OF_ITS_CLOCK})"),
    "said-before": _SAID.format(_OF_ITS_CLOCK),
    "said-again": f"NOT s.has_clock AND {_LAST_DESCRIBED} IS DISTINCT FROM s.content_hash",
    "said-after": "s.has_clock AND s.place > p.place",
    "before-enrollment": "p.enrollment > 1 AND s.has_clock AND s.place < p.began",
    "completes": f"s.transaction IN ('initial', 'renewal') AND {_FELL_FROM} AND "
    + _NAMES.format("true", ""),
    "unknown-member": "s.transaction = 'change' AND "
    + _NAMES.format("o.maintenance_type <> '021'", ""),
    "other-subscriber": "s.transaction NOT IN ('initial', 'renewal') AND NOT s.is_ours AND "
    + _NAMES.format("o.is_subscriber", " AND a.is_subscriber"),
    "other-plan": "s.transaction = 'change' AND left(s.plan_id, 14) <> left(p.plan_id, 14)",
    "end-after-begin": "s.benefit_end > p.benefit_begin",
    "end-not-after-begin": "s.benefit_end <= p.benefit_begin",
    "end-before-begin": "s.benefit_end < p.benefit_begin",
    "end-later": "s.benefit_end > p.benefit_end",
    "end-equal": "s.benefit_end = p.benefit_end",
    "end-of-exchange": f"s.transaction = 'termination' AND {_OF_EXCHANGE}",
}
_BITS = {name: 1 << place for place, name in enumerate(CONDITIONS)}

# What holds, as bits. Nothing can hold of a policy that has not begun.
HOLDS = "CASE WHEN p.status = 'none' THEN 0 ELSE {} END".format(
    " + ".join(
        f"CASE WHEN {condition} THEN {_BITS[name]} ELSE 0 END"
        for name, condition in CONDITIONS.items()
    )
)


def open_follow(conn: sa.Connection, exchange: Exchange) -> None:
    """Makes the temporary table `follow` of the exchange's rows."""
    rows = []
    for key, followings in exchange.follows.items():
        status, _, transaction = key.partition("-")
        for place, following in enumerate(followings):
            rows.append(
                {
                    "status": status,
                    "transaction": transaction,
                    "place": place,
                    "needs": sum(_BITS[name] for name in set(following.when)),
                    "outcome": following.then,
                    "reason": following.reason,
                    "becomes": following.becomes,
                }
            )
    copy_to_temporary(conn, "follow", pa.Table.from_pylist(rows, schema=_FOLLOW))
