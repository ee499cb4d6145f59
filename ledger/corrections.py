"""Corrections: derived transaction sets, from a person's draft to the night that takes them in."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.book import SAID_BY_ISSUER
from schemas.cases import case_, correction
from schemas.errors import Terminal
from schemas.persons import is_same_person
from schemas.said_order import CORRECTED

FIT = ("accepted", "accepted_with_errors")  # verdicts with which a correction may be resubmitted

# Which corrections of its set, of those that a night has taken in, stand in the way of another one:
# what the gate or the book has not judged yet, and what is in the book. What has fallen, was
# refused or waits stands in nobody's way. One of which members fell may be corrected itself.
_TAKEN = f"""
WITH corrected AS MATERIALIZED ({CORRECTED}), taken AS (
  SELECT k.*, coalesce(s.members_fallen, 0) > 0 OR s.file_id IS NULL AS is_part
  FROM corrected k JOIN ledger.file f USING (file_id)
  LEFT JOIN book.event_set s ON s.file_id = k.file_id AND s.state IN ('applied', 'duplicate')
  WHERE s.file_id IS NOT NULL OR f.state IN ('received', 'checked', 'staged', 'quarantined')
)"""  # noqa: S608
_IN_THE_WAY = """
SELECT {0} FROM taken o LEFT JOIN corrected p ON p.file_id = {1}
WHERE (o.parent_id, o.set_ordinal) = (coalesce(p.parent_id, {1}), coalesce(p.set_ordinal, {2}))
  AND (o.times > coalesce(p.times, 0) OR NOT o.is_part)
"""
_OF_SET = _IN_THE_WAY.format("", "r.parent_file_id", "r.set_ordinal")

# The case is gone, or about another set now, or another correction of the same set is in the way.
_OVERTAKEN = sa.text(f"""
{_TAKEN}, overtaken AS (
  UPDATE ledger.correction r SET state = 'withdrawn' FROM ledger.case c
  WHERE c.case_id = r.case_id AND r.partner_id = :partner_id AND r.state IN ('draft', 'released')
    AND (c.state = 'resolved' OR (c.file_id, c.set_ordinal) <> (r.parent_file_id, r.set_ordinal)
      OR EXISTS ({_OF_SET}))
  RETURNING c.case_id, c.state)
INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
SELECT DISTINCT case_id, CAST(:at AS timestamptz), CAST(:run_id AS bigint), 'correction overtaken',
  state FROM overtaken ORDER BY case_id
""")  # noqa: S608
_NOT_JUDGED = sa.text(
    f"{_TAKEN} {_IN_THE_WAY.format('o.file_id', 'CAST(:parent_file_id AS bigint)', ':set_ordinal')}"
)
# What the exchange itself has sent of the policy, and the book has not judged yet.
_WAITING = sa.text(f"""
WITH corrected AS MATERIALIZED ({CORRECTED})
SELECT DISTINCT ON (coalesce(p.parent_id, r.parent_file_id), coalesce(p.set_ordinal, r.set_ordinal))
  r.*
FROM ledger.correction r JOIN ledger.case c USING (case_id)
LEFT JOIN corrected p ON p.file_id = r.parent_file_id
WHERE r.partner_id = :partner_id AND r.state = 'released' AND NOT EXISTS (
  SELECT FROM book.event_set s
  WHERE s.exchange_policy_id = c.exchange_policy_id AND s.partner_id = c.partner_id
    AND s.state = 'staged' AND s.transaction <> ALL(CAST(:passed_over AS text[]))
    AND (s.file_id, s.set_ordinal) <> (r.parent_file_id, r.set_ordinal))
ORDER BY coalesce(p.parent_id, r.parent_file_id), coalesce(p.set_ordinal, r.set_ordinal),
  r.correction_id
""")  # noqa: S608
# Those that a night has taken in and no night has applied: they are in a batch that may go into the
# book, or in none yet. A case is looked for by what it is about: a replay numbers them anew.
_STAGED = """
SELECT r.* FROM ledger.correction r JOIN ledger.file f ON f.file_id = r.file_id
LEFT JOIN ledger.gate_file g ON g.file_id = r.file_id
LEFT JOIN ledger.gate_batch b ON b.batch_id = g.batch_id
WHERE r.partner_id = :partner_id AND r.state = 'received' AND f.state = 'staged'
  AND coalesce(b.state, 'passed') IN ('passed', 'released')
"""
_GIVING_WAY = sa.text(f"""
WITH giving_way AS (
  SELECT r.file_id, r.case_id FROM ({_STAGED}) r WHERE NOT EXISTS (
    SELECT FROM ledger.case c WHERE c.partner_id = r.partner_id AND c.resolved_run_id IS NULL
      AND ((c.file_id, c.set_ordinal) = (r.parent_file_id, r.set_ordinal)
        OR c.file_id = r.file_id))
), told AS (
  INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
  SELECT c.case_id, CAST(:at AS timestamptz), CAST(:run_id AS bigint), 'correction overtaken',
    c.state FROM giving_way JOIN ledger.case c USING (case_id) ORDER BY c.case_id)
SELECT DISTINCT file_id FROM giving_way ORDER BY file_id
""")  # noqa: S608
_STANDING_BACK = sa.text(f"""
SELECT DISTINCT r.file_id FROM ({_STAGED}) r JOIN book.event_set mine ON mine.file_id = r.file_id
JOIN book.event_set s ON s.exchange_policy_id = mine.exchange_policy_id
  AND s.partner_id = mine.partner_id AND s.file_id <> mine.file_id
JOIN ledger.file f ON f.file_id = s.file_id AND f.kind <> 'correction'
WHERE mine.state = 'staged' AND s.state = 'staged'
  AND s.transaction <> ALL(CAST(:passed_over AS text[]))
  AND (s.file_id, s.set_ordinal) <> (r.parent_file_id, r.set_ordinal)
ORDER BY r.file_id
""")  # noqa: S608
_ANY_STAGED = sa.text(f"SELECT DISTINCT file_id FROM ({_STAGED}) r ORDER BY file_id")  # noqa: S608


@dataclass(frozen=True)
class Word:
    """Who says it, under which account of the system, and why."""

    person: str
    account: str
    reason: str

    def require(self, doing: str) -> None:
        """Raises Terminal without a person or a reason."""
        if not self.person.strip() or not self.reason.strip():
            raise Terminal(f"To {doing} needs a person and a reason. Give --by and --reason.")


@dataclass(frozen=True)
class Draft:
    """A correction as it is drafted: what it corrects, and what came of it."""

    case_id: int
    partner_id: str
    parent_file_id: int
    set_ordinal: int
    byte_start: int  # of the set in the parent
    byte_end: int
    edits: list[dict[str, Any]]  # places only
    name: str
    sha256: str
    size_bytes: int
    storage_key: str
    verdict: str
    needs_second: bool
    drafted_by: str
    account: str
    reason: str


def record_draft(conn: sa.Connection, draft: Draft) -> int:
    """The number of the correction. An older draft of the case is withdrawn by it.

    Raises Terminal when one of the case is on its way already, when the case is not about the set
    any more, or when the set was corrected already: in the same words, or so that the book has not
    judged it yet.
    """
    place = _lock_case(conn, draft.case_id)
    if place != (draft.parent_file_id, draft.set_ordinal):
        raise Terminal(
            f"Case {draft.case_id} is about another transaction set by now, or is gone. Look at it "
            f"again: `edi834 cases show {draft.case_id}`."
        )
    on_its_way = sa.select(correction.c.correction_id).where(
        correction.c.case_id == draft.case_id, correction.c.state == "released"
    )
    known = conn.execute(on_its_way).scalar()
    if known is not None:
        raise Terminal(
            f"Correction {known} of case {draft.case_id} is on its way already. Wait for the next "
            "night."
        )
    _require_another(conn, draft)
    older = (correction.c.case_id == draft.case_id) & (correction.c.state == "draft")
    conn.execute(sa.update(correction).where(older).values(state="withdrawn"))
    row = sa.insert(correction).values(**asdict(draft), state="draft")
    return int(conn.execute(row.returning(correction.c.correction_id)).scalar_one())


def _require_another(conn: sa.Connection, draft: Draft) -> None:
    """Raises Terminal where a correction of the set is before the gate, or has the same bytes."""
    told = asdict(draft)
    known = {name: told[name] for name in ("partner_id", "parent_file_id", "set_ordinal")}
    before = conn.execute(_NOT_JUDGED, known).scalar()
    if before is not None:
        raise Terminal(
            f"A correction of this set was taken in as file {before}, and the book has not judged "
            "it. Wait for the next night, or decide about its batch: `edi834 gate list`."
        )
    same = sa.select(correction.c.correction_id).where(
        correction.c.sha256 == draft.sha256, correction.c.state == "received"
    )
    twice = conn.execute(same).scalar()
    if twice is not None:
        raise Terminal(
            f"Correction {twice} said the same and was taken in. Nothing is taken in twice: "
            "correct it otherwise."
        )


def _lock_case(conn: sa.Connection, case_id: int) -> tuple[int, int] | None:
    """File and set that the case is about; None when it is gone. Other words of it wait."""
    mine = sa.select(case_).where(case_.c.case_id == case_id).with_for_update()
    row = conn.execute(mine).one()
    return None if row.state == "resolved" else (row.file_id, row.set_ordinal)


def release(conn: sa.Connection, case_id: int, word: Word, seen: int | None) -> int:
    """The number of the case's draft, which the next night of its partner takes in.

    `seen` is the correction that the person has looked at. Raises Terminal when there is none, when
    it is another one or nobody has said which, when it would be rejected, when another person must,
    or when the case is not about the set any more of which it is.
    """
    word.require("resubmit")
    place = _lock_case(conn, case_id)
    drafted = (
        sa.select(correction)
        .where(correction.c.case_id == case_id, correction.c.state == "draft")
        .order_by(correction.c.correction_id.desc())
        .limit(1)
    )
    row = conn.execute(drafted.with_for_update()).one_or_none()
    if row is None:
        raise Terminal(f"Case {case_id} has no draft. `edi834 cases correct {case_id}` makes one.")
    if place != (row.parent_file_id, row.set_ordinal):
        raise Terminal(
            f"The draft of case {case_id} is overtaken: the case is gone, or about another set by "
            f"now. The next night withdraws it. See `edi834 cases show {case_id}`."
        )
    if seen is None:
        raise Terminal(
            f"Which draft? Case {case_id} has correction {row.correction_id} now, by "
            f"{row.drafted_by}. Look at it, `edi834 cases show {case_id} --reveal`, and give "
            f"--correction {row.correction_id}."
        )
    if seen != row.correction_id:
        raise Terminal(
            f"Case {case_id} has another draft since you have looked at it, correction "
            f"{row.correction_id}. Look again: `edi834 cases show {case_id}`."
        )
    if row.verdict not in FIT:
        raise Terminal(f"The draft of case {case_id} would be rejected. Correct it again.")
    is_same = is_same_person(word.person, word.account, row.drafted_by, row.account)
    if row.needs_second and is_same:
        raise Terminal(
            f"The draft of case {case_id} moves coverage, ids or dollars: who resubmits is not who "
            f"has drafted it ({row.drafted_by})."
        )
    conn.execute(
        sa.update(correction)
        .where(correction.c.correction_id == row.correction_id)
        .values(
            state="released",
            released_by=word.person.strip(),
            released_account=word.account,
            release_reason=word.reason.strip(),
            released_at=sa.func.now(),
        )
    )
    older = (correction.c.case_id == case_id) & (correction.c.state == "draft")
    conn.execute(sa.update(correction).where(older).values(state="withdrawn"))
    return int(row.correction_id)


def released(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's corrections that a night may take in, in the order in which they were drafted.

    While the exchange's own words about the policy are staged, and the book has not judged them, a
    correction of it waits. Of several of one set it is the first; the others are overtaken then.
    """
    waiting = conn.execute(_WAITING, _of_the_exchange(partner_id))
    return sorted(waiting, key=lambda row: int(row.correction_id))


def _of_the_exchange(partner_id: str) -> dict[str, object]:
    return {"partner_id": partner_id, "passed_over": ["audit", *SAID_BY_ISSUER.values()]}


def withdraw_overtaken(conn: sa.Connection, partner_id: str, run_id: int, at: datetime) -> None:
    """Withdraws what corrects a set that its case is not about any more, or that was corrected.

    The case tells of it.
    """
    conn.execute(_OVERTAKEN, {"partner_id": partner_id, "run_id": run_id, "at": at})


def giving_way(conn: sa.Connection, partner_id: str, run_id: int, at: datetime) -> list[int]:
    """The files of corrections that are taken in, not applied, and overtaken since; told of once.

    No case is about what they correct any more, whoever has mended it. They are to be refused.
    """
    told = {"partner_id": partner_id, "run_id": run_id, "at": at}
    return list(conn.execute(_GIVING_WAY, told).scalars())


def standing_back(conn: sa.Connection, partner_id: str) -> list[int]:
    """The files of corrections that are taken in and wait for the exchange's own words.

    Those are about the same policy, and staged; the book judges them first.
    """
    return list(conn.execute(_STANDING_BACK, _of_the_exchange(partner_id)).scalars())


def may_be_applied(conn: sa.Connection, partner_id: str) -> bool:
    """Whether a correction that is taken in and not applied waits for nothing any more."""
    staged = set(conn.execute(_ANY_STAGED, {"partner_id": partner_id}).scalars())
    return bool(staged.difference(standing_back(conn, partner_id)))


def mark_received(conn: sa.Connection, correction_id: int, file_id: int) -> None:
    """The night has taken the correction in as that file."""
    conn.execute(
        sa.update(correction)
        .where(correction.c.correction_id == correction_id, correction.c.state == "released")
        .values(state="received", file_id=file_id)
    )


def corrections_of(conn: sa.Connection, case_id: int) -> list[dict[str, Any]]:
    """All corrections of a case, the newest first."""
    rows = sa.select(correction).where(correction.c.case_id == case_id)
    newest_first = rows.order_by(correction.c.correction_id.desc())
    return [dict(row) for row in conn.execute(newest_first).mappings()]
