"""Answers of the exchange to what we sent: TA1, 999 and business acknowledgements.

Every answer is kept, and matched to what was sent by our own control numbers, whenever it comes:
one that comes before its number is known here is matched later, one that comes again changes
nothing. A number of digits is the same with and without leading zeros (docs/decisions/0085). The
first answer about something counts; a later one that says otherwise is told, and changes nothing
either.
"""

from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from schemas.database import answer, file, issue
from schemas.postgres_copy import copy_into

# What of the partner has that number, by level. A set is named within its group; a business
# answer may leave the group out, as no number of ours is ever used twice.
_SENT = {
    "interchange": """
SELECT a.answer_id, i.file_id, i.interchange_ordinal AS ordinal
FROM {answers} a JOIN ledger.interchange i ON i.control_number = a.interchange_number
JOIN sent f ON f.file_id = i.file_id""",
    "group": """
SELECT a.answer_id, g.file_id, g.group_ordinal
FROM {answers} a JOIN ledger.functional_group g ON g.control_number = a.group_number
JOIN sent f ON f.file_id = g.file_id""",
    "set": """
SELECT a.answer_id, s.file_id, s.set_ordinal
FROM {answers} a
JOIN ledger.functional_group g ON g.control_number = a.group_number
JOIN sent f ON f.file_id = g.file_id
JOIN ledger.transaction_set s ON s.file_id = g.file_id AND s.group_ordinal = g.group_ordinal
  AND s.control_number = a.set_number""",
    "business": """
SELECT a.answer_id, s.file_id, s.set_ordinal
FROM {answers} a
JOIN ledger.transaction_set s ON s.control_number = a.set_number
JOIN sent f ON f.file_id = s.file_id
JOIN ledger.functional_group g ON g.file_id = s.file_id AND g.group_ordinal = s.group_ordinal
  AND coalesce(g.control_number = a.group_number, true)""",
}


_OPEN = """(SELECT * FROM ledger.answer
  WHERE partner_id = :partner_id AND state = 'unmatched' AND level = '{}')"""
_FOUND = " UNION ALL ".join(
    query.format(answers=_OPEN.format(level)) for level, query in _SENT.items()
)
_MATCH = sa.text(f"""
WITH sent AS (
  SELECT file_id FROM ledger.file
  WHERE partner_id = :partner_id AND direction = 'issuer_to_exchange'
), found AS ({_FOUND})
UPDATE ledger.answer a SET state = 'matched', sent_file_id = found.file_id, ordinal = found.ordinal
FROM found WHERE a.answer_id = found.answer_id
""")  # noqa: S608 - of constants


def _as_number(column: str) -> str:
    return f"CASE WHEN {column} ~ '^[0-9]+$' THEN ltrim({column}, '0') ELSE {column} END"


def _written(column: str) -> str:
    """How a number may be written in nine places, so that an index finds it."""
    return f"""ARRAY(SELECT lpad({_as_number(column)}, places, '0')
    FROM generate_series(greatest(1, length({_as_number(column)})), 9) places)"""  # noqa: S608


# The same by what the numbers are worth, where one thing only has them, and of the policy, if one
# is named. What was written to the letter as ours is matched already.
_MATCH_AS_NUMBERS = sa.text(f"""
WITH sent AS (
  SELECT file_id FROM ledger.file
  WHERE partner_id = :partner_id AND direction = 'issuer_to_exchange'
), open AS (
  SELECT * FROM ledger.answer
  WHERE partner_id = :partner_id AND state = 'unmatched'
    AND concat(interchange_number, group_number, set_number) ~ '[0-9]'
), named AS (
  SELECT n.group_number, g.file_id, g.group_ordinal
  FROM (SELECT DISTINCT group_number FROM open WHERE group_number IS NOT NULL) n
  JOIN ledger.functional_group g
    ON g.control_number = n.group_number OR g.control_number = ANY({_written("n.group_number")})
  JOIN sent f ON f.file_id = g.file_id
), found AS (
  SELECT a.answer_id, i.file_id, i.interchange_ordinal AS ordinal
  FROM open a
  JOIN ledger.interchange i ON i.control_number = ANY({_written("a.interchange_number")})
  JOIN sent f ON f.file_id = i.file_id
  WHERE a.level = 'interchange'
  UNION ALL
  SELECT a.answer_id, n.file_id, n.group_ordinal
  FROM open a JOIN named n USING (group_number) WHERE a.level = 'group'
  UNION ALL
  SELECT a.answer_id, s.file_id, s.set_ordinal
  FROM open a
  JOIN named n USING (group_number)
  JOIN ledger.transaction_set s ON s.file_id = n.file_id AND s.group_ordinal = n.group_ordinal
    AND {_as_number("s.control_number")} = {_as_number("a.set_number")}
  WHERE a.level IN ('set', 'business')
  UNION ALL
  SELECT a.answer_id, s.file_id, s.set_ordinal
  FROM open a
  JOIN ledger.transaction_set s ON {_as_number("s.control_number")} = {_as_number("a.set_number")}
  JOIN sent f ON f.file_id = s.file_id
  WHERE a.level = 'business' AND a.group_number IS NULL
), single AS (
  SELECT answer_id, min(file_id) AS file_id, min(ordinal) AS ordinal
  FROM found GROUP BY answer_id HAVING count(*) = 1
)
UPDATE ledger.answer a SET state = 'matched', sent_file_id = one.file_id, ordinal = one.ordinal
FROM single one WHERE a.answer_id = one.answer_id
  AND NOT (a.level = 'business' AND EXISTS (
    SELECT FROM book.event_set s WHERE s.file_id = one.file_id AND s.set_ordinal = one.ordinal
      AND s.exchange_policy_id <> a.exchange_policy_id))
""")  # noqa: S608 - of constants

# What the first answer of a level said of one thing counts. Of a business acknowledgement every
# error counts once, as a transaction may have several. Older versions kept answers that were cut
# off, without a code.
_JUDGE = sa.text("""
WITH judged AS (
  SELECT a.answer_id, a.code IS NOT DISTINCT FROM b.code
      AND a.note IS NOT DISTINCT FROM b.note AS says_the_same
  FROM ledger.answer a
  JOIN LATERAL (
    SELECT b.code, b.note FROM ledger.answer b
    WHERE b.sent_file_id = a.sent_file_id AND b.level = a.level AND b.ordinal = a.ordinal
      AND b.answer_id < a.answer_id AND b.code IS NOT NULL
      AND (a.level <> 'business' OR (b.code, b.note, b.element, b.exchange_member_id)
        IS NOT DISTINCT FROM (a.code, a.note, a.element, a.exchange_member_id))
    ORDER BY b.answer_id LIMIT 1
  ) b ON true
  WHERE a.partner_id = :partner_id AND a.state = 'matched'
)
UPDATE ledger.answer a
SET state = CASE WHEN j.says_the_same THEN 'repeats' ELSE 'contradicts' END
FROM judged j WHERE j.answer_id = a.answer_id
""")

_ANSWERED = (
    sa.text("""
UPDATE ledger.interchange i SET ta1_code = a.code, ta1_note = a.note
FROM ledger.answer a
WHERE a.partner_id = :partner_id AND a.state = 'matched' AND a.level = 'interchange'
  AND i.file_id = a.sent_file_id AND i.interchange_ordinal = a.ordinal
"""),
    sa.text("""
UPDATE ledger.functional_group g SET ack = a.code
FROM ledger.answer a
WHERE a.partner_id = :partner_id AND a.state = 'matched' AND a.level = 'group'
  AND g.file_id = a.sent_file_id AND g.group_ordinal = a.ordinal
"""),
    sa.text("""
UPDATE ledger.transaction_set s SET ack = a.code
FROM ledger.answer a
WHERE a.partner_id = :partner_id AND a.state = 'matched' AND a.level = 'set'
  AND s.file_id = a.sent_file_id AND s.set_ordinal = a.ordinal
"""),
    # A file is refused when one of its interchanges or groups is, and acknowledged otherwise. A
    # group may be so for its security, too (005010X231A1: AK901 M, W, X).
    sa.text("""
UPDATE ledger.file f SET state = v.state
FROM (
  SELECT said.file_id,
    CASE WHEN bool_or(code NOT IN ('A', 'E', 'P')) THEN 'refused' ELSE 'acknowledged' END AS state
  FROM (
    SELECT file_id, ta1_code AS code FROM ledger.interchange
    UNION ALL SELECT file_id, ack FROM ledger.functional_group
  ) said
  JOIN (
    SELECT DISTINCT sent_file_id FROM ledger.answer
    WHERE partner_id = :partner_id AND state = 'matched' AND level IN ('interchange', 'group')
  ) a ON a.sent_file_id = said.file_id
  WHERE code IS NOT NULL GROUP BY said.file_id
) v
WHERE f.file_id = v.file_id AND f.state <> v.state
"""),
    sa.text("""
UPDATE ledger.answer SET state = 'counts' WHERE partner_id = :partner_id AND state = 'matched'
"""),
)


@dataclass(frozen=True)
class UnknownNumber:
    """A control number that the exchange answers and that we have not sent to it."""

    level: str  # interchange | group | set | business
    number: str


def record_answers(
    conn: sa.Connection, partner_id: str, file_id: int, answers: pa.Table
) -> list[UnknownNumber]:
    """The numbers of this file's answers that are not ours, so far.

    `answers` (tables.ANSWERS) are those of the received file. All answers of the partner that
    have not been matched are tried again. A file is recorded once: again changes nothing.
    """
    known = sa.select(sa.exists().where(answer.c.file_id == file_id))
    if not conn.execute(known).scalar_one():
        copy_into(conn, answer, answers, file_id=file_id, partner_id=partner_id, state="unmatched")
    match_answers(conn, partner_id)
    number = sa.func.coalesce(
        answer.c.set_number, answer.c.group_number, answer.c.interchange_number, ""
    )
    unknown = (
        sa.select(answer.c.level, number)
        .distinct()
        .where(answer.c.file_id == file_id, answer.c.state == "unmatched")
        .order_by(answer.c.level, number)
    )
    return [UnknownNumber(*row) for row in conn.execute(unknown)]


def set_answer_file(
    conn: sa.Connection, file_id: int, issues: pa.Table | None = None, *, is_refused: bool = False
) -> None:
    """Marks a received file of answers as read, or quarantines it with what is wrong with it.

    `issues` (tables.BUSINESS_ANSWER_ISSUES) are recorded once.
    """
    state, note = "applied", None
    if issues is not None and issues.num_rows:
        known = sa.select(sa.exists().where(issue.c.file_id == file_id))
        if not conn.execute(known).scalar_one():
            ordinals = pa.array(range(1, issues.num_rows + 1), pa.int64())
            told = issues.select(["rule", "severity", "message"])
            copy_into(conn, issue, told.append_column("issue_ordinal", ordinals), file_id=file_id)
        if is_refused:
            state, note = "quarantined", issues["message"][0].as_py()
    conn.execute(
        sa.update(file)
        .where(file.c.file_id == file_id, file.c.kind == "acknowledgement")
        .values(state=state, note=note)
    )


def match_answers(conn: sa.Connection, partner_id: str) -> None:
    """Matches what is not matched yet of the partner's answers, and records what they say."""
    parameters = {"partner_id": partner_id}
    matched = sum(conn.execute(how, parameters).rowcount for how in (_MATCH, _MATCH_AS_NUMBERS))
    if not matched:
        return
    conn.execute(_JUDGE, parameters)
    for statement in _ANSWERED:
        conn.execute(statement, parameters)
