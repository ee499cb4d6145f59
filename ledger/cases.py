"""What a night makes of the cases: found first, again, gone, or back after all.

A handful of statements over all sets of a file, or all policies of a partner. Each appears with
the verdict or the application that it follows from. Persons' states stay as they are while the
fault does.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger.corrections import withdraw_overtaken
from ledger.disputes import IS_DISPUTED
from schemas.answering import TO_NOTHING_OF_OURS, rejects
from schemas.awaited import IS_AWAITED
from schemas.book import SAID_BY_ISSUER
from schemas.cases import CASE_MEMBERS, load_case_rules
from schemas.catalog import load_rules
from schemas.postgres_copy import copy_out, copy_to_temporary
from schemas.said_order import CORRECTED, SAID
from schemas.tables import ORDINAL

_ORDINALS = pa.schema([("member_ordinal", ORDINAL)])

# Reasons of the book have no issue: they come with their severity. A refused batch is a person's
# decision, and nobody else's case.
_NO_CASE = "gate-refused"

# One row for each set and reason by which members of it fell. What fell with its group or
# interchange has no issue of its set, and is a case of the file.
_FALLEN = """
CREATE TEMP TABLE fallen ON COMMIT DROP AS
SELECT DISTINCT ON (f.set_ordinal, f.rule) f.set_ordinal, f.rule, f.members,
  i.issue_ordinal, coalesce(i.severity, b.severity) AS severity, i.segment_id, i.element,
  i.member_ordinal AS faulty, coalesce(i.member_ordinal, f.first_member) AS member_ordinal
FROM (
  SELECT set_ordinal, reason AS rule, count(*) AS members, min(member_ordinal) AS first_member
  FROM ledger.disposition
  WHERE file_id = :file_id AND state = 'rejected' AND reason <> :no_case
  GROUP BY set_ordinal, reason
  UNION ALL
  SELECT s.set_ordinal, i.rule, 0, CAST(NULL AS bigint)
  FROM ledger.transaction_set s JOIN ledger.issue i USING (file_id, set_ordinal)
  WHERE s.file_id = :file_id AND s.ack = 'R' AND s.member_count = 0 AND i.severity = 'reject'
  GROUP BY s.set_ordinal, i.rule
) f
LEFT JOIN ledger.issue i ON i.file_id = :file_id AND i.set_ordinal = f.set_ordinal
  AND i.rule = f.rule
LEFT JOIN unnest(CAST(:reasons AS text[]), CAST(:severities AS text[])) b (rule, severity)
  ON b.rule = f.rule
WHERE i.rule IS NOT NULL OR b.rule IS NOT NULL
ORDER BY f.set_ordinal, f.rule, i.severity DESC, i.issue_ordinal
"""

_FOUND_REJECTED = """
CREATE TEMP TABLE found_case ON COMMIT DROP AS
SELECT DISTINCT ON (subject, rule, segment_id, element)
  CASE WHEN m.exchange_policy_id <> '' THEN 'rejected' ELSE 'unnamed' END AS kind,
  CASE WHEN m.exchange_policy_id <> '' THEN 'policy ' || m.exchange_policy_id
       WHEN m.exchange_subscriber_id <> '' THEN 'subscriber ' || m.exchange_subscriber_id
       ELSE 'set ' || f.set_ordinal || ' of file ' || :file_id END AS subject,
  f.rule, f.segment_id, f.element, f.severity, nullif(m.exchange_policy_id, '')
    AS exchange_policy_id,
  CASE WHEN f.faulty IS NOT NULL THEN m.exchange_member_id END AS exchange_member_id,
  m.premium, m.aptc, CAST(:file_id AS bigint) AS file_id, f.set_ordinal, f.member_ordinal,
  f.issue_ordinal, f.members, m.maintenance_type, m.is_subscriber, m.submitted_at
FROM fallen f LEFT JOIN fallen_member m USING (member_ordinal)
ORDER BY subject, rule, segment_id, element, f.set_ordinal DESC
"""

# What waits in the book, the newest set of each policy and reason.
_FOUND_WAITING = """
CREATE TEMP TABLE found_case ON COMMIT DROP AS
SELECT DISTINCT ON (s.exchange_policy_id, s.reason) 'waits' AS kind,
  'policy ' || coalesce(s.exchange_policy_id, '') AS subject, s.reason AS rule,
  CAST(NULL AS text) AS segment_id, CAST(NULL AS smallint) AS element,
  coalesce(b.severity, 'error') AS severity,
  s.exchange_policy_id, CAST(NULL AS text) AS exchange_member_id, e.premium, e.aptc, s.file_id,
  s.set_ordinal, e.member_ordinal, CAST(NULL AS bigint) AS issue_ordinal, e.members,
  e.maintenance_type, e.is_subscriber, s.submitted_at
FROM book.event_set s
LEFT JOIN unnest(CAST(:reasons AS text[]), CAST(:severities AS text[])) b (rule, severity)
  ON b.rule = s.reason
LEFT JOIN LATERAL (
  SELECT min(v.member_ordinal) AS member_ordinal, count(DISTINCT v.member_ordinal) AS members,
    (array_agg(v.maintenance_type ORDER BY v.member_ordinal))[1] AS maintenance_type,
    (array_agg(v.is_subscriber ORDER BY v.member_ordinal))[1] AS is_subscriber,
    max(a.amount) FILTER (WHERE a.name = 'PRE AMT TOT') AS premium,
    max(a.amount) FILTER (WHERE a.name = 'APTC AMT') AS aptc
  FROM book.event v
  LEFT JOIN LATERAL unnest(v.amount_names, v.amounts) a (name, amount) ON true
  WHERE v.file_id = s.file_id AND v.set_ordinal = s.set_ordinal
) e ON true
WHERE s.partner_id = :partner_id AND s.state = 'pending' AND s.reason IS NOT NULL
  AND s.transaction <> ALL(CAST(:ours AS text[]))
ORDER BY s.exchange_policy_id, s.reason, s.file_id DESC, s.set_ordinal DESC
"""

# What nobody could read as a whole: set apart, or rejected above its transaction sets.
SUBJECT_OF_FILE = """
coalesce((SELECT 'interchange ' || r.control_number FROM ledger.received_interchange r
  WHERE r.file_id = f.file_id ORDER BY r.interchange_ordinal LIMIT 1), 'file ' || f.name)
"""
_FOUND_FILES = f"""
CREATE TEMP TABLE found_case ON COMMIT DROP AS
SELECT DISTINCT ON (subject, rule, segment_id, element) *
FROM (
  SELECT 'file' AS kind, {SUBJECT_OF_FILE} AS subject, coalesce(i.rule, 'set-apart') AS rule,
    i.segment_id, i.element, coalesce(i.severity, 'reject') AS severity,
    CAST(NULL AS text) AS exchange_policy_id, CAST(NULL AS text) AS exchange_member_id,
    CAST(NULL AS numeric) AS premium, CAST(NULL AS numeric) AS aptc, f.file_id,
    CAST(NULL AS bigint) AS set_ordinal, CAST(NULL AS bigint) AS member_ordinal, i.issue_ordinal,
    (SELECT count(*) FROM ledger.disposition d
     WHERE d.file_id = f.file_id AND d.state = 'rejected') AS members,
    CAST(NULL AS text) AS maintenance_type, CAST(NULL AS boolean) AS is_subscriber,
    CAST(NULL AS text) AS submitted_at
  FROM ledger.file f
  LEFT JOIN LATERAL (
    SELECT * FROM ledger.issue i
    WHERE i.file_id = f.file_id AND i.set_ordinal IS NULL
      AND (i.severity = 'reject' OR i.severity = 'error' AND i.x12_field IS NULL)
    ORDER BY i.severity DESC, i.issue_ordinal LIMIT 1
  ) i ON true
  WHERE f.direction = 'exchange_to_issuer' AND f.state <> 'duplicate'
    AND (f.file_id = :file_id AND (i.rule IS NOT NULL OR f.state = 'quarantined')
      OR f.partner_id = :partner_id AND f.state = 'quarantined'
        AND NOT EXISTS (SELECT FROM ledger.case c WHERE c.file_id = f.file_id))
) told
ORDER BY subject, rule, segment_id, element, file_id DESC
"""  # noqa: S608

# Rejections of what we have not sent: one thing to find out, for all that the file brings of them.
_FOUND_ANSWERS = f"""
CREATE TEMP TABLE found_case ON COMMIT DROP AS
SELECT 'file' AS kind, 'answers in ' || f.name AS subject, '{TO_NOTHING_OF_OURS}' AS rule,
  CAST(NULL AS text) AS segment_id, CAST(NULL AS smallint) AS element, 'reject' AS severity,
  CASE WHEN count(DISTINCT a.exchange_policy_id) = 1 THEN min(a.exchange_policy_id) END
    AS exchange_policy_id,
  CAST(NULL AS text) AS exchange_member_id, CAST(NULL AS numeric) AS premium,
  CAST(NULL AS numeric) AS aptc, max(f.file_id) AS file_id, CAST(NULL AS bigint) AS set_ordinal,
  CAST(NULL AS bigint) AS member_ordinal, CAST(NULL AS bigint) AS issue_ordinal,
  CAST(0 AS bigint) AS members, CAST(NULL AS text) AS maintenance_type,
  CAST(NULL AS boolean) AS is_subscriber, CAST(NULL AS text) AS submitted_at
FROM ledger.answer a JOIN ledger.file f ON f.file_id = a.file_id
WHERE a.partner_id = :partner_id AND a.state = 'unmatched' AND {rejects("a")}
GROUP BY f.name
"""  # noqa: S608

_SAME = """
  c.partner_id = :partner_id AND c.kind = s.kind AND c.subject = s.subject AND c.rule = s.rule
  AND c.segment_id IS NOT DISTINCT FROM s.segment_id
  AND c.element IS NOT DISTINCT FROM s.element
"""
_COLUMNS = (
    "kind, subject, rule, segment_id, element, severity, exchange_policy_id, exchange_member_id, "
    "premium, aptc, file_id, set_ordinal, member_ordinal, issue_ordinal, members, "
    "maintenance_type, is_subscriber, submitted_at"
)
_TERM_OF = """
:at + make_interval(hours => (SELECT t.hours
  FROM unnest(CAST(:term_severities AS text[]), CAST(:term_hours AS int[])) t (severity, hours)
  WHERE t.severity = {0}.severity))
"""
_TERM = _TERM_OF.format("s")

_BACK = f"""
WITH back AS (
  UPDATE ledger.case c SET state = 'reopened', waived_until = NULL, snoozed_until = NULL,
    due_at = {_TERM}, times_reopened = times_reopened + 1, last_run_id = :run_id,
    resolved_at = NULL, resolved_run_id = NULL, resolved_file_id = NULL
  FROM found_case s WHERE {_SAME} AND c.state = 'resolved'
    AND (c.file_id, coalesce(c.set_ordinal, 0)) <> (s.file_id, coalesce(s.set_ordinal, 0))
  RETURNING c.case_id)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT case_id, :at, :run_id, 'found again', 'reopened' FROM back ORDER BY case_id
"""  # noqa: S608

# What persons let stand or dispute is one transaction: what a set does, and to whom. Another one
# that falls by the same is open anew, and a dispute of the one before is over.
_ANEW = f"(c.state = 'waived' OR c.state = 'waiting_for_exchange' AND {IS_DISPUTED})"
_OTHER = f"""
WITH other AS (
  UPDATE ledger.case c SET
    state = CASE WHEN {_ANEW} THEN 'reopened' ELSE c.state END,
    due_at = CASE WHEN {_ANEW} THEN {_TERM} ELSE c.due_at END,
    times_reopened = c.times_reopened + CAST({_ANEW} AS integer),
    waived_until = NULL, snoozed_until = NULL, asked_by = NULL, asked_until = NULL,
    last_run_id = :run_id
  FROM found_case s WHERE {_SAME}
    AND (c.file_id, coalesce(c.set_ordinal, 0)) <> (s.file_id, coalesce(s.set_ordinal, 0))
    AND (c.maintenance_type IS DISTINCT FROM s.maintenance_type
      OR c.is_subscriber <> s.is_subscriber
      OR c.exchange_member_id IS DISTINCT FROM s.exchange_member_id)
    AND (c.state = 'waived' OR c.snoozed_until IS NOT NULL OR c.asked_by IS NOT NULL
      OR {IS_DISPUTED})
  RETURNING c.case_id, c.state)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT case_id, :at, :run_id, 'found again', state FROM other ORDER BY case_id
"""  # noqa: S608

# The same set looked at again is no second sighting.
_AGAIN = f"""
UPDATE ledger.case c SET severity = s.severity, exchange_member_id = s.exchange_member_id,
  premium = s.premium, aptc = s.aptc, file_id = s.file_id, set_ordinal = s.set_ordinal,
  member_ordinal = s.member_ordinal, issue_ordinal = s.issue_ordinal, members = s.members,
  maintenance_type = s.maintenance_type, is_subscriber = s.is_subscriber,
  submitted_at = s.submitted_at, version = c.version + 1,
  last_seen = :at, last_run_id = :run_id, times_seen = c.times_seen + 1
FROM found_case s WHERE {_SAME}
  AND (c.file_id, coalesce(c.set_ordinal, 0)) <> (s.file_id, coalesce(s.set_ordinal, 0))
"""  # noqa: S608

_FIRST = f"""
WITH fresh AS (
  INSERT INTO ledger.case (partner_id, {_COLUMNS}, state, due_at, first_seen, last_seen, run_id,
    last_run_id, times_seen, times_reopened)
  SELECT :partner_id, {_COLUMNS}, 'new', {_TERM}, :at, :at, :run_id, :run_id, 1, 0
  FROM found_case s WHERE NOT EXISTS (SELECT FROM ledger.case c WHERE {_SAME})
  ORDER BY subject, rule, segment_id, element
  RETURNING case_id)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT case_id, :at, :run_id, 'found', 'new' FROM fresh ORDER BY case_id
"""  # noqa: S608


def _gone(proof: str, condition: str) -> str:
    """Closes the cases `c` of a condition; `proof` is the file that shows it."""
    return f"""
WITH gone AS (
  UPDATE ledger.case c SET state = 'resolved', waived_until = NULL, snoozed_until = NULL,
    version = c.version + 1, asked_by = NULL, asked_until = NULL, is_escalated = false,
    resolved_at = :at, resolved_run_id = :run_id, resolved_file_id = {proof}
  WHERE c.partner_id = :partner_id AND c.resolved_run_id IS NULL AND {condition}
  RETURNING c.case_id)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT case_id, :at, :run_id, 'gone', 'resolved' FROM gone ORDER BY case_id
"""  # noqa: S608


_CORRECTED = f"CREATE TEMP TABLE corrected ON COMMIT DROP AS {CORRECTED}"
_PLACE = """
coalesce({0}.said_name, 'infinity'), coalesce({0}.said_file, 0), {0}.said_ordinal, {0}.times
"""
# A set of the policy that is in the book and was said behind the case's, in the fold's order: what
# brings the case's member, else the first of them to come. A copy proves a set mended that did the
# same and was said no later, and an audit, which changes nothing, what was an audit; our words
# prove nothing.
_LATER = f"""(
SELECT s.file_id FROM book.event_set s
LEFT JOIN corrected ON corrected.file_id = s.file_id
CROSS JOIN LATERAL (SELECT {SAID}) said
WHERE s.exchange_policy_id = c.exchange_policy_id AND s.partner_id = c.partner_id
  AND s.transaction <> ALL(CAST(:ours AS text[]))
  AND (s.state = 'applied' OR s.state = 'duplicate' AND c.submitted_at IS NOT NULL)
  AND (s.state = 'applied' AND s.transaction <> 'audit' OR EXISTS (
    SELECT FROM book.event v WHERE (v.file_id, v.set_ordinal) = (s.file_id, s.set_ordinal)
      AND v.maintenance_type = c.maintenance_type
      AND v.is_subscriber = coalesce(c.is_subscriber, v.is_subscriber)))
  AND EXISTS (SELECT FROM (
      SELECT {SAID}, s.has_clock, CASE WHEN s.has_clock THEN s.submitted_at
        ELSE to_char(coalesce(s.named_at, s.recorded_at AT TIME ZONE :zone), 'YYYYMMDD') END AS told
      FROM (
        SELECT f.file_id, f.named_at, f.recorded_at, c.set_ordinal, c.submitted_at,
          coalesce(c.submitted_at ~ '^[0-9]{{14}}([0-9]{{2}})?$', false) AS has_clock
        FROM ledger.file f WHERE f.file_id = c.file_id
      ) s LEFT JOIN corrected ON corrected.file_id = s.file_id
    ) fallen
    WHERE (s.moment, {_PLACE.format("said")})
        > (rpad(fallen.told, 16, '0'), {_PLACE.format("fallen")})
      AND (fallen.has_clock OR ({_PLACE.format("said")}) > ({_PLACE.format("fallen")})))
ORDER BY EXISTS (
    SELECT FROM book.event v WHERE (v.file_id, v.set_ordinal) = (s.file_id, s.set_ordinal)
      AND v.maintenance_type = '021' AND v.exchange_member_id = c.exchange_member_id
      AND c.maintenance_type = '021') DESC,
  s.file_id, s.set_ordinal LIMIT 1)
"""  # noqa: S608
# A correction of the very set that is in the book, whatever of it was corrected: clock, policy, id.
_CORRECTION = """(
SELECT s.file_id FROM corrected k JOIN book.event_set s ON s.file_id = k.file_id
LEFT JOIN corrected f ON f.file_id = c.file_id
WHERE (k.parent_id, k.set_ordinal)
    = (coalesce(f.parent_id, c.file_id), coalesce(f.set_ordinal, c.set_ordinal))
  AND k.times > coalesce(f.times, 0) AND s.state IN ('applied', 'duplicate')
ORDER BY k.times LIMIT 1)
"""
_REJECTED_GONE = _gone(
    f"coalesce({_CORRECTION}, CASE WHEN c.kind = 'rejected' THEN {_LATER} END)",
    f"""c.kind IN ('rejected', 'unnamed') AND ({_CORRECTION} IS NOT NULL
      OR c.kind = 'rejected' AND {_LATER} IS NOT NULL AND NOT {IS_AWAITED})""",
)
# What has made the set apply is what this run has brought of its policy, the newest of it.
_WAITING_GONE = _gone(
    """(
SELECT max(s.file_id) FROM book.event_set s
WHERE s.exchange_policy_id = c.exchange_policy_id AND s.partner_id = c.partner_id
  AND s.run_id = :run_id AND s.transaction <> ALL(CAST(:ours AS text[])))
""",
    f"c.kind = 'waits' AND NOT EXISTS (SELECT FROM found_case s WHERE {_SAME})",
)
_FILES_GONE = _gone(
    "CAST(:file_id AS bigint)",
    f"""c.kind = 'file' AND c.file_id <> :file_id AND (c.subject IN (
      SELECT {SUBJECT_OF_FILE} FROM ledger.file f WHERE f.file_id = :file_id
      UNION SELECT 'file ' || name FROM ledger.file WHERE file_id = :file_id)
      OR c.file_id IN (SELECT file_id FROM ledger.operator_word WHERE taken_as = :file_id))""",  # noqa: S608
)

# They are about something of ours after all, whose numbers came to be known later.
_ANSWERS_GONE = _gone(
    "(SELECT max(a.sent_file_id) FROM ledger.answer a WHERE a.file_id = c.file_id)",
    f"c.rule = '{TO_NOTHING_OF_OURS}' AND NOT EXISTS (SELECT FROM found_case s WHERE {_SAME})",
)

_EXPIRED = f"""
WITH ended AS (
  UPDATE ledger.case c SET state = 'reopened', waived_until = NULL,
    due_at = {_TERM_OF.format("c")}, times_reopened = times_reopened + 1, version = version + 1
  WHERE partner_id = :partner_id AND state = 'waived' AND waived_until < :on_day
  RETURNING case_id)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT case_id, :at, :run_id, 'waiver ended', 'reopened' FROM ended ORDER BY case_id
"""  # noqa: S608


@dataclass(frozen=True)
class Looking:
    """Whose files are looked at, in which run, and by which clock."""

    run_id: int
    partner_id: str
    at: datetime


def fallen_members(conn: sa.Connection, file_id: int) -> pa.Array:
    """The ordinals of those members of the file that its cases are named by; none: no cases.

    The transaction keeps the faults until `meet_rejected` is called.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.fallen"))
    conn.execute(
        sa.text(_FALLEN),
        {"file_id": file_id, "no_case": _NO_CASE, **_reasons()},
    )
    of_all = sa.text("SELECT member_ordinal FROM fallen WHERE member_ordinal IS NOT NULL")
    return copy_out(conn, of_all, _ORDINALS).column(0)


def meet_rejected(conn: sa.Connection, looking: Looking, file_id: int, members: pa.Table) -> None:
    """Makes cases of what fell in a file. `members` is CASE_MEMBERS of `fallen_members`."""
    copy_to_temporary(conn, "fallen_member", members.select(CASE_MEMBERS.names))
    _find(conn, _FOUND_REJECTED, file_id=file_id)
    _meet(conn, looking)


def meet_files(conn: sa.Connection, looking: Looking, file_id: int | None = None) -> None:
    """Makes cases of files that are set apart or rejected as a whole.

    They are the file that was checked, and any of the partner that is set apart and has no case.
    A checked one that is fit to be read closes the cases of its name and interchange, and of the
    file as which a person has released it.
    """
    _find(conn, _FOUND_FILES, file_id=file_id, partner_id=looking.partner_id)
    _meet(conn, looking)
    mine = sa.text("SELECT count(*) FROM found_case WHERE file_id = :file_id")
    if file_id is not None and not conn.execute(mine, {"file_id": file_id}).scalar_one():
        _do(conn, _FILES_GONE, looking, file_id=file_id)


def meet_book(conn: sa.Connection, looking: Looking, on_day: date, zone: str) -> None:
    """Makes cases of what waits in the book, and closes those that the book has proved gone.

    `on_day` is the day at the exchange, `zone` its time zone.
    Waivers end on their last day. A correction that all of this has overtaken is withdrawn.
    """
    _do(conn, _EXPIRED, looking, on_day=on_day, **_terms())
    meet_files(conn, looking)
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.corrected"))
    conn.execute(sa.text(_CORRECTED), {"partner_id": looking.partner_id})
    _do(conn, _REJECTED_GONE, looking, ours=_ours(), zone=zone)
    _find(conn, _FOUND_WAITING, partner_id=looking.partner_id, ours=_ours(), **_reasons())
    _meet(conn, looking)
    _do(conn, _WAITING_GONE, looking, ours=_ours())
    _find(conn, _FOUND_ANSWERS, partner_id=looking.partner_id)
    _meet(conn, looking)
    _do(conn, _ANSWERS_GONE, looking)
    withdraw_overtaken(conn, looking.partner_id, looking.run_id, looking.at)


def _find(conn: sa.Connection, statement: str, **told: object) -> None:
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.found_case"))
    conn.execute(sa.text(statement), told)


def _meet(conn: sa.Connection, looking: Looking) -> None:
    """What was found meets the cases that are known: back, seen again, or the first time."""
    _do(conn, _BACK, looking, **_terms())
    _do(conn, _OTHER, looking, **_terms())
    _do(conn, _AGAIN, looking)
    _do(conn, _FIRST, looking, **_terms())


def _terms() -> dict[str, list[Any]]:
    deadlines = load_case_rules().deadlines
    return {
        "term_severities": [one.severity for one in deadlines],
        "term_hours": [one.hours for one in deadlines],
    }


def _do(conn: sa.Connection, statement: str, looking: Looking, **more: object) -> None:
    told = {"run_id": looking.run_id, "partner_id": looking.partner_id, "at": looking.at, **more}
    query = sa.text(statement)
    conn.execute(query, {name: told[name] for name in query.compile().params})


def _reasons() -> dict[str, list[str]]:
    """The reasons that the book gives, with their severities."""
    of_book = [rule for rule in load_rules().values() if rule.kind == "book"]
    return {
        "reasons": [rule.id for rule in of_book],
        "severities": [rule.severity for rule in of_book],
    }


def _ours() -> list[str]:
    return list(SAID_BY_ISSUER.values())
