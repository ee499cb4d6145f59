"""Whom an enrollment in force has told and has not brought: docs/decisions/0072."""

# The newest version of the enrollment that the set `i` has begun: its subscriber, plan and first
# day. Of one moment it is the one of which fewer members fell.
_NEWEST = """
  SELECT v.* FROM book.event_set v
  WHERE v.exchange_policy_id = i.exchange_policy_id AND v.partner_id = i.partner_id
    AND v.transaction IN ('initial', 'renewal')
    AND v.state IN ('applied', 'duplicate', 'pending') AND v.moment >= i.moment
    AND v.benefit_begin = i.benefit_begin AND left(v.plan_id, 14) = left(i.plan_id, 14)
    AND EXISTS (
      SELECT FROM book.event a JOIN book.event b ON b.exchange_member_id = a.exchange_member_id
      WHERE (a.file_id, a.set_ordinal) = (v.file_id, v.set_ordinal) AND a.is_subscriber
        AND (b.file_id, b.set_ordinal) = (i.file_id, i.set_ordinal) AND b.is_subscriber)
  ORDER BY v.moment DESC, v.members_fallen, v.file_id DESC, v.set_ordinal DESC LIMIT 1
"""

# Whom it names, each once. Who has no id, or was staged before these were kept, is somebody else.
_NAMED = """
  SELECT e.exchange_member_id AS id, 0 AS nameless FROM book.event e
  WHERE (e.file_id, e.set_ordinal) = (v.file_id, v.set_ordinal)
  UNION
  SELECT f.id, CASE WHEN f.id = '' THEN f.place ELSE 0 END
  FROM unnest(coalesce(v.fallen_members,
    array_fill(CAST('' AS text), ARRAY[CAST(v.members_fallen AS int)])))
    WITH ORDINALITY f (id, place)
"""

# By the condition, as SQL, that the enrollment which the set `i` has begun, or a change since, has
# brought the member {id} to the book.
BROUGHT = """EXISTS (
  SELECT FROM book.event_set x JOIN book.event o USING (file_id, set_ordinal)
  WHERE x.exchange_policy_id = i.exchange_policy_id AND x.partner_id = i.partner_id
    AND x.state = 'applied' AND x.moment >= i.moment AND o.exchange_member_id = {id}
    AND (x.transaction IN ('initial', 'renewal')
      OR x.transaction = 'change' AND o.maintenance_type = '021'))"""

# The exchange has taken him off since, from the first day on.
_TAKEN_OFF = """EXISTS (
  SELECT FROM book.event_set x JOIN book.event o USING (file_id, set_ordinal)
  WHERE x.exchange_policy_id = i.exchange_policy_id AND x.partner_id = i.partner_id
    AND x.state IN ('applied', 'pending') AND x.transaction = 'change' AND x.moment >= v.moment
    AND o.exchange_member_id = n.id AND o.maintenance_type = '024'
    AND coalesce(o.benefit_end, o.maintenance_effective) <= i.benefit_begin)"""

# How many, as SQL, of the enrollment that the set `i` has begun: whom its newest version names and
# nothing has brought, but for whom the exchange has taken off. By the set's own count an INS may be
# one too many, and nobody's.
AWAITED = f"""(
  SELECT greatest(0, least(
    count(*) FILTER (WHERE NOT who.is_brought AND NOT who.is_off),
    least(h.total_count, count(*)) - count(*) FILTER (WHERE who.is_brought)))
  FROM ({_NEWEST}) v
  LEFT JOIN ledger.transaction_set h ON (h.file_id, h.set_ordinal) = (v.file_id, v.set_ordinal)
  CROSS JOIN LATERAL ({_NAMED}) n
  CROSS JOIN LATERAL (
    SELECT {BROUGHT.format(id="n.id")} AS is_brought, {_TAKEN_OFF} AS is_off
  ) who
  GROUP BY h.total_count
)"""  # noqa: S608

# By whether, as SQL, the case `c` is of somebody who is awaited: he fell from the enrollment in
# force, or from a version of it, and nothing has brought him. Who has no id may be anybody's. Where
# all of the case's set fell, it is whoever is awaited of the policy.
IS_AWAITED = f"""(c.maintenance_type = '021' AND EXISTS (
  SELECT FROM book.policy p
  JOIN book.event e ON e.event_id = p.initial_event_id
  JOIN book.event_set i ON (i.file_id, i.set_ordinal) = (e.file_id, e.set_ordinal)
  LEFT JOIN book.event_set x ON (x.file_id, x.set_ordinal) = (c.file_id, c.set_ordinal)
    AND x.state <> 'refused'
  CROSS JOIN LATERAL ({_NEWEST}) v
  CROSS JOIN LATERAL ({_NAMED}) n
  WHERE p.exchange_policy_id = c.exchange_policy_id AND p.partner_id = c.partner_id
    AND p.known_to = 'infinity' AND p.status <> 'cancelled' AND i.members_fallen > 0
    AND (x.file_id IS NULL OR x.moment >= i.moment AND x.transaction IN ('initial', 'renewal')
      AND (n.id = '' OR CASE WHEN c.members = 1 AND c.exchange_member_id <> ''
        THEN n.id = c.exchange_member_id ELSE n.id = ANY(x.fallen_members) END))
    AND NOT {BROUGHT.format(id="n.id")} AND NOT {_TAKEN_OFF}
    AND {AWAITED} > 0))"""
