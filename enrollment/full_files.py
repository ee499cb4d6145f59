"""What an exchange's full files say otherwise than the book, member by member, as it stands now.

An audit that the book has moved on from says nothing any more: `audits.py` notes what each of them
said, and here only the newest word about a policy counts. A policy, or a member of one, whom the
newest full files leave out is no end of coverage: it is a difference for persons.
"""

import pyarrow as pa
import sqlalchemy as sa

from enrollment.last_day import LAST_DAY
from enrollment.newer_word import changes_coverage
from schemas import tables
from schemas.postgres_copy import copy_out, copy_to_temporary

# What both reconciliations call the amounts, by the exchange's names.
_FIELDS = {
    "PRE AMT TOT": "premium_total",
    "APTC AMT": "aptc",
    "CSR AMT": "csr",
    "TOT RES AMT": "responsible_amount",
    "PRE AMT 1": "individual_premium",
}
_NAMED = ", ".join(f"('{theirs}', '{ours}')" for theirs, ours in _FIELDS.items())
_DOLLARS = ", ".join(
    f"CASE WHEN d.field = '{name}' THEN coalesce(d.told_amount, 0) - coalesce(d.amount, 0) END"
    for name in ("PRE AMT TOT", "APTC AMT", "CSR AMT")
)
_OMITTED_DOLLARS = ", ".join(
    f"-max(a.amount) FILTER (WHERE a.name = '{name}')"
    for name in ("PRE AMT TOT", "APTC AMT", "CSR AMT")
)
_NEWER = f"""
  SELECT FROM book.event_set newer
  WHERE newer.exchange_policy_id = s.exchange_policy_id AND newer.partner_id = s.partner_id
    AND newer.state = 'applied' AND {changes_coverage("newer")}
    AND newer.moment > s.moment
"""

_DIFFERENCES = f"""
SELECT DISTINCT ON (d.exchange_policy_id, d.exchange_member_id, d.field)
  CASE d.field WHEN 'member' THEN 'missing_in_book' ELSE 'differs' END, d.exchange_policy_id,
  d.exchange_member_id, CASE WHEN d.field <> 'member' THEN coalesce(named.ours, d.field) END,
  CASE WHEN named.ours IS NOT NULL THEN CAST(d.amount AS text)
    WHEN d.field = 'plan_id' THEN d.plan_id
    WHEN d.field = 'benefit_begin' THEN CAST(d.benefit_begin AS text)
    WHEN d.field = 'benefit_end' THEN CAST(nullif(d.benefit_end, 'infinity') AS text)
    ELSE d.believed ->> d.field END,
  CASE WHEN named.ours IS NOT NULL THEN CAST(d.told_amount AS text)
    ELSE d.told ->> d.field END,
  {_DOLLARS}, d.file_id
FROM (
  SELECT a.field, s.exchange_policy_id, s.moment, e.exchange_member_id, e.file_id,
    to_jsonb(e) AS told, to_jsonb(m) AS believed, c.plan_id, c.benefit_begin, c.benefit_end,
    t.amount AS told_amount, b.amount
  FROM book.audit_difference a
  JOIN book.event e USING (event_id)
  JOIN book.event_set s USING (file_id, set_ordinal)
  LEFT JOIN book.member m ON m.partner_id = s.partner_id
    AND m.exchange_policy_id = s.exchange_policy_id
    AND m.exchange_member_id = e.exchange_member_id AND m.known_to = 'infinity'
  LEFT JOIN LATERAL (
    SELECT max(v.plan_id) AS plan_id, max(v.benefit_begin) AS benefit_begin,
      max(coalesce(v.benefit_end, 'infinity')) AS benefit_end
    FROM book.effective_coverage v
    WHERE v.partner_id = s.partner_id AND v.exchange_policy_id = s.exchange_policy_id
      AND v.exchange_member_id = e.exchange_member_id AND v.known_to = 'infinity'
  ) c ON true
  LEFT JOIN LATERAL (
    SELECT u.amount, u.valid_from FROM unnest(e.amount_names, e.amounts_from, e.amounts)
      u (name, valid_from, amount)
    WHERE u.name = a.field ORDER BY u.valid_from DESC LIMIT 1
  ) t ON true
  LEFT JOIN book.amount b ON b.partner_id = s.partner_id
    AND b.exchange_policy_id = s.exchange_policy_id
    AND b.exchange_member_id = e.exchange_member_id AND b.name = a.field
    AND b.known_to = 'infinity' AND t.valid_from
      BETWEEN b.valid_from AND coalesce(b.valid_to, 'infinity')
  WHERE s.partner_id = :partner_id AND NOT EXISTS ({_NEWER})
    AND (a.field = 'member' OR m.exchange_member_id IS NOT NULL)
) d
LEFT JOIN (VALUES {_NAMED}) named (theirs, ours) ON named.theirs = d.field
ORDER BY d.exchange_policy_id, d.exchange_member_id, d.field, d.moment DESC, d.file_id DESC
"""

# A policy that was in force when the full files were made, that the book had then, and of which
# nothing has come since.
_OMITTED = f"""
SELECT 'missing_at_carrier', s.exchange_policy_id, p.exchange_subscriber_id, CAST(NULL AS text),
  CAST(NULL AS text), CAST(NULL AS text), {_OMITTED_DOLLARS}, CAST(NULL AS bigint)
FROM book.policy p
JOIN book.event_set s ON s.partner_id = p.partner_id
  AND s.exchange_policy_id = p.exchange_policy_id AND s.state = 'applied'
  AND {changes_coverage("s")}
LEFT JOIN book.amount a ON a.partner_id = p.partner_id
  AND a.exchange_policy_id = p.exchange_policy_id AND a.known_to = 'infinity'
  AND greatest(CAST(:on_day AS date), p.benefit_begin)
    BETWEEN a.valid_from AND coalesce(a.valid_to, 'infinity')
WHERE p.partner_id = :partner_id AND p.known_to = 'infinity' AND p.status <> 'cancelled'
  AND {LAST_DAY.format("p")} >= CAST(:on_day AS date)
  AND NOT EXISTS (
    SELECT FROM in_full_file n WHERE n.exchange_policy_id = p.exchange_policy_id)
GROUP BY s.exchange_policy_id, p.exchange_subscriber_id
HAVING max(s.moment) < :moment
ORDER BY s.exchange_policy_id
"""

# A member of a policy that the files name, covered when they were made, whom they do not name.
_OMITTED_MEMBERS = f"""
SELECT 'missing_at_carrier', v.exchange_policy_id, v.exchange_member_id, CAST(NULL AS text),
  CAST(NULL AS text), CAST(NULL AS text), -max(a.amount), CAST(NULL AS numeric),
  CAST(NULL AS numeric), CAST(NULL AS bigint)
FROM book.effective_coverage v
JOIN (
  SELECT exchange_policy_id FROM in_full_file GROUP BY 1
  HAVING bool_and(exchange_member_id IS NOT NULL)
) named USING (exchange_policy_id)
LEFT JOIN book.amount a ON a.partner_id = v.partner_id AND a.name = 'PRE AMT 1'
  AND a.exchange_policy_id = v.exchange_policy_id AND a.exchange_member_id = v.exchange_member_id
  AND a.known_to = 'infinity' AND greatest(CAST(:on_day AS date), v.benefit_begin)
    BETWEEN a.valid_from AND coalesce(a.valid_to, 'infinity')
WHERE v.partner_id = :partner_id AND v.known_to = 'infinity'
  AND v.last_day >= CAST(:on_day AS date)
  AND NOT EXISTS (
    SELECT FROM in_full_file n WHERE n.exchange_policy_id = v.exchange_policy_id
      AND n.exchange_member_id = v.exchange_member_id)
  AND NOT EXISTS (
    SELECT FROM book.event_set s WHERE s.partner_id = v.partner_id AND s.state = 'applied'
      AND s.exchange_policy_id = v.exchange_policy_id AND s.transaction <> 'audit'
      AND {changes_coverage("s")}
      AND s.moment > :moment)
GROUP BY v.exchange_policy_id, v.exchange_member_id
ORDER BY v.exchange_policy_id, v.exchange_member_id
"""

_NEWEST = sa.text("""
SELECT array_agg(DISTINCT g.file_id ORDER BY g.file_id) AS file_ids,
  coalesce(min(s.moment) FILTER (WHERE pg_input_is_valid(left(s.moment, 8), 'date')),
    to_char(min(f.recorded_at), 'YYYYMMDDHH24MISS00')) AS moment
FROM ledger.gate_file g
JOIN ledger.file f USING (file_id)
JOIN book.event_set s USING (file_id)
JOIN ledger.transaction_set t USING (file_id, set_ordinal)
WHERE s.partner_id = :partner_id AND s.state IN ('applied', 'pending')
  AND s.transaction = 'audit' AND t.action_code IN ('4', 'RX')
GROUP BY g.batch_id ORDER BY g.batch_id DESC LIMIT 1
""")


def newest_full_files(conn: sa.Connection, partner_id: str) -> tuple[list[int], str] | None:
    """The full files of the newest batch that had any, and the moment of the first set in them.

    None when the exchange has sent none.
    """
    found = conn.execute(_NEWEST, {"partner_id": partner_id}).one_or_none()
    return None if found is None else (list(found.file_ids), str(found.moment))


def differences_of_full_files(
    conn: sa.Connection, partner_id: str, moment: str, named: pa.Table
) -> pa.Table:
    """What the newest full files say otherwise than the book (tables.DIFFERENCES).

    `carrier_value` holds the exchange's value, `file_id` its file; `missing_at_carrier` is a policy
    that the files leave out, by its subscriber, or a member whom they leave out of a policy.
    `named` is whom they hold (omitted.NAMED), and `moment` is when they were made.
    """
    copy_to_temporary(conn, "in_full_file", named)
    on_day = f"{moment[:4]}-{moment[4:6]}-{moment[6:8]}"
    asked = {"partner_id": partner_id, "on_day": on_day, "moment": moment}
    found = (
        copy_out(
            conn,
            query.bindparams(**{name: asked[name] for name in query.compile().params}),
            tables.DIFFERENCES,
        )
        for query in (sa.text(_DIFFERENCES), sa.text(_OMITTED), sa.text(_OMITTED_MEMBERS))
    )
    return pa.concat_tables(found)
