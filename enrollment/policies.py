"""What the book should believe of the folded policies themselves: `next_policy`.

`told_set` comes first: the sets that count, in the order in which they are told. Those are the
applied ones of the policy's last enrollment, and the enrollment is told first, whatever its clock
says; the others follow in their own order even where they had to wait. A policy is `grown` when
more than one of them describes it, and `fresh` when the book does not have it yet. A set is `alone`
when it is all that has ever applied to a fresh policy: nothing need be compared with anything. What
we have said ourselves describes nothing; some of it `identifies`, by the issuer's own ids.
"""

import sqlalchemy as sa

from schemas.columns import SET_HEADER

TOLD_SETS = sa.text("""
CREATE TEMPORARY TABLE told_set ON COMMIT DROP AS
SELECT told.*, b.exchange_policy_id IS NULL AS fresh,
  b.exchange_policy_id IS NULL AND enrollment = 1 AND sets = 1 AS alone
FROM (
  SELECT s.exchange_policy_id, s.place, s.file_id, s.set_ordinal, s.content_hash, enrollment,
    s.plan_id, s.insurance_line, s.maintenance_effective,
    p.benefit_begin AS policy_begin,
    s.transaction IN ('initial', 'renewal', 'change') AS describes,
    s.transaction IN ('effectuation', 'issuer_maintenance') AS identifies,
    row_number() OVER (
      PARTITION BY s.exchange_policy_id
      ORDER BY s.transaction NOT IN ('initial', 'renewal'), s.place
    ) AS said,
    count(*) OVER of_policy AS sets,
    count(*) FILTER (WHERE s.transaction IN ('initial', 'renewal', 'change')) OVER of_policy > 1
      AS grown
  FROM fold_set s
  JOIN fold_policy p USING (exchange_policy_id, enrollment)
  WHERE s.outcome = 'applied'
  WINDOW of_policy AS (PARTITION BY s.exchange_policy_id)
) told
LEFT JOIN book.policy b ON b.exchange_policy_id = told.exchange_policy_id
  AND b.partner_id = :partner_id AND b.known_to = 'infinity'
""")

# What is taken back: events of sets that applied, and now wait or are over because of what has come
# since, or that we have said and the exchange has rejected.
_RETRACTED = sa.text("""
CREATE TEMPORARY TABLE retracted ON COMMIT DROP AS
SELECT e.event_id
FROM fold_set s
JOIN book.event e USING (file_id, set_ordinal)
WHERE s.former_state = 'applied' AND s.outcome <> 'applied' AND s.reason IS NOT NULL
UNION ALL
SELECT e.event_id
FROM fold_policy p
JOIN book.event_set s ON s.exchange_policy_id = p.exchange_policy_id
  AND s.partner_id = :partner_id AND s.transaction = ANY(:ours) AND s.state = 'refused'
JOIN book.event e USING (file_id, set_ordinal)
""")

# The last new set of each policy, or its last one: what the next version of the policy comes from.
_CAUSES = sa.text("""
CREATE TEMPORARY TABLE fold_cause ON COMMIT DROP AS
SELECT DISTINCT ON (s.exchange_policy_id) s.exchange_policy_id, e.event_id,
  s.former_state <> 'applied' AS is_new
FROM fold_set s
JOIN book.event e USING (file_id, set_ordinal)
WHERE s.outcome = 'applied' AND e.is_subscriber
  AND s.exchange_policy_id NOT IN (SELECT exchange_policy_id FROM told_set WHERE alone)
ORDER BY s.exchange_policy_id, s.former_state = 'applied', s.place DESC
""")

# A cancellation or termination carries the subscriber only: what it counts and where it refers to
# is not the group's, which an effectuation returns as the exchange last sent it (CMS guide 7.2,
# section 7.2.4 and tables 18 to 20).
_OF_GROUP = ("reference", "total_count", "dependent_count")
_PARTIES = tuple(name for name in SET_HEADER if name not in _OF_GROUP)
_OF_POLICY = (
    "exchange_subscriber_id",
    "plan_id",
    "insurance_line",
    "issuer_policy_id",
    "rating_area",
)

_SOURCES = """
FROM told_set t
JOIN book.event e ON e.file_id = t.file_id AND e.set_ordinal = t.set_ordinal AND e.is_subscriber
JOIN ledger.transaction_set h ON h.file_id = t.file_id AND h.set_ordinal = t.set_ordinal
"""


def _last(column: str, where: str) -> str:
    return f"(array_agg({column} ORDER BY t.said DESC) FILTER (WHERE {where}))[1]"


def _plain() -> str:
    says = [f"e.{name}" for name in _OF_POLICY] + [f"h.{name}" for name in SET_HEADER]
    return f"SELECT t.exchange_policy_id, e.event_id AS initial_event_id, {', '.join(says)}"


def _grown() -> str:
    of_group = "t.describes AND {} IS NOT NULL"
    says = {name: _last(f"e.{name}", of_group.format(f"e.{name}")) for name in _OF_POLICY}
    says["issuer_policy_id"] = _last(
        "e.issuer_policy_id", "(t.describes OR t.identifies) AND e.issuer_policy_id IS NOT NULL"
    )
    says |= {name: _last(f"h.{name}", of_group.format(f"h.{name}")) for name in _OF_GROUP}
    says |= {name: _last(f"h.{name}", f"h.{name} IS NOT NULL") for name in _PARTIES}
    says["dependent_count"] = _last("h.dependent_count", of_group.format("h.total_count"))
    listed = ", ".join(f"{says[name]} AS {name}" for name in (*_OF_POLICY, *SET_HEADER))
    return f"SELECT t.exchange_policy_id, (array_agg(e.event_id ORDER BY t.said))[1], {listed}"


# Of a policy in the fold.
_STANDING = """
  CASE WHEN p.status IN ('terminated', 'cancelled') THEN p.status
       WHEN p.effectuated THEN 'effectuated'
       ELSE 'initial' END AS status,
  p.benefit_begin,
  CASE WHEN p.benefit_end < p.benefit_begin THEN p.benefit_begin ELSE p.benefit_end END
    AS benefit_end,
  NOT p.effectuated AND p.status <> 'cancelled' AS needs_effectuation,"""

PLAIN = f"""
SELECT said.*,{_STANDING}
  said.initial_event_id AS event_id
FROM ({_plain()} {_SOURCES} WHERE t.alone = {{fresh}}) said
JOIN fold_policy p USING (exchange_policy_id)
"""

# A CSR variant change moves the last two characters of the plan id and stays on the policy
# (section 6.6).
_NEXT_POLICIES = sa.text(f"""
CREATE TEMPORARY TABLE next_policy ON COMMIT DROP AS
WITH said AS (
  {_plain()} {_SOURCES} WHERE t.sets = 1 AND NOT t.alone
  UNION ALL
  {_grown()} {_SOURCES} WHERE t.sets > 1 GROUP BY t.exchange_policy_id
)
SELECT said.*,{_STANDING}
  CASE WHEN f.is_new OR b.event_id IS NULL OR b.event_id IN (SELECT event_id FROM retracted)
    THEN f.event_id ELSE b.event_id END AS event_id
FROM said
JOIN fold_policy p USING (exchange_policy_id)
JOIN fold_cause f ON f.exchange_policy_id = said.exchange_policy_id
LEFT JOIN book.policy b ON b.exchange_policy_id = said.exchange_policy_id
  AND b.partner_id = :partner_id AND b.known_to = 'infinity'
""")

STATEMENTS = (
    sa.text("ANALYZE told_set"),
    _RETRACTED,
    _CAUSES,
    sa.text("ANALYZE retracted"),
    sa.text("ANALYZE fold_cause"),
    _NEXT_POLICIES,
)
