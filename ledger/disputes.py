"""Disputes that persons draft of breaks and cases, until they are released or dropped."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from ledger.corrections import Word
from ledger.words import Said, act, needing_second
from schemas.database import file
from schemas.disputes import dispute, dispute_told
from schemas.errors import Terminal
from schemas.persons import is_same_person
from schemas.work import Desk, load_work_rules

Decision = Literal["released", "dropped"]
_WAIT = "wait-for-exchange"

# What the exchange has told of a break: where the carrier's records are the other side, that is
# what the book has.
_OF_BREAKS = """
SELECT b.break_id AS number, b.partner_id, b.exchange_policy_id, b.exchange_member_id,
  coalesce(b.field, b.kind) AS field,
  CASE b.source WHEN 'carrier' THEN b.carrier_value ELSE b.book_value END AS issuer_value,
  CASE b.source WHEN 'carrier' THEN b.book_value ELSE b.carrier_value END AS exchange_value,
  abs(coalesce(b.premium_difference, 0)) + abs(coalesce(b.aptc_difference, 0))
    + abs(coalesce(b.csr_difference, 0)) AS dollars,
  b.file_id, e.byte_start, e.byte_end, {found_at} AS found_at
FROM reconciliation.break b
LEFT JOIN LATERAL (
  SELECT v.byte_start, v.byte_end FROM book.event v JOIN book.event_set s
    ON s.file_id = v.file_id AND s.set_ordinal = v.set_ordinal
  WHERE v.file_id = b.file_id AND v.exchange_member_id = b.exchange_member_id
    AND s.exchange_policy_id = b.exchange_policy_id
  ORDER BY v.set_ordinal DESC, v.member_ordinal DESC LIMIT 1
) e ON true
WHERE b.break_id = ANY(:ids)
"""
_OF_CASES = """
SELECT c.case_id AS number, c.partner_id, c.exchange_policy_id, c.exchange_member_id,
  coalesce(c.segment_id || coalesce(to_char(c.element, 'FM00'), ''), c.rule) AS field,
  CAST(NULL AS text) AS issuer_value, CAST(NULL AS text) AS exchange_value,
  abs(coalesce(c.premium, 0)) + abs(coalesce(c.aptc, 0)) AS dollars,
  c.file_id, i.byte_start, i.byte_end, {found_at} AS found_at
FROM ledger.case c
LEFT JOIN ledger.issue i ON i.file_id = c.file_id AND i.issue_ordinal = c.issue_ordinal
WHERE c.case_id = ANY(:ids)
"""
_DRAFT = """
INSERT INTO ledger.dispute (partner_id, {noun}_id, exchange_policy_id, exchange_member_id, field,
  issuer_value, exchange_value, dollars, file_id, byte_start, byte_end, due_on, needs_second,
  state, drafted_by, account, reason)
SELECT a.partner_id, a.number, a.exchange_policy_id, a.exchange_member_id, a.field,
  a.issuer_value, a.exchange_value, a.dollars, a.file_id, a.byte_start, a.byte_end, t.due_on,
  a.number = ANY(:second), 'draft', :person, :account, :reason
FROM ({about}) a
JOIN unnest(CAST(:partners AS text[]), CAST(:found AS timestamptz[]), CAST(:days AS date[]))
  t (partner_id, found_at, due_on) USING (partner_id, found_at)
ORDER BY a.number RETURNING dispute_id
"""


# Since when it is there: what was gone and has come again is found anew, and so is a case when
# another transaction falls by the same.
_FOUND_AT = {
    "break": """coalesce((
  SELECT min(e.at) FROM {events} e
  WHERE e.{noun}_id = {rows}.{noun}_id AND e.action = 'found again' AND e.{noun}_event_id > (
    SELECT max(g.{noun}_event_id) FROM {events} g
    WHERE g.{noun}_id = e.{noun}_id AND g.action = 'gone')), {rows}.first_seen)""",
    "case": """coalesce((
  SELECT e.at FROM {events} e
  WHERE e.{noun}_id = {rows}.{noun}_id AND e.action = 'found again'
  ORDER BY e.{noun}_event_id DESC LIMIT 1), {rows}.first_seen)""",
}
_FOUND = """
SELECT DISTINCT partner_id, {found_at}
FROM {table} f WHERE {noun}_id = ANY(:ids) ORDER BY 1, 2
"""
# A dispute is of the disagreement that was there when it was drafted, and of a case of the
# transaction that fell then: once that was gone, or another one has fallen, and the dispute is
# decided, what is there now may be disputed, too. Its own word is the first event of that action
# which is not before it.
_ENDS = {"break": "'gone'", "case": "'gone', 'found again'"}
_GONE = """EXISTS (
  SELECT FROM {events} e
  WHERE e.{noun}_id = d.{noun}_id AND e.action IN ({ends}) AND e.{noun}_event_id > (
    SELECT min(w.{noun}_event_id) FROM {events} w
    WHERE w.{noun}_id = d.{noun}_id AND w.action = 'dispute' AND w.at >= d.drafted_at))"""
_KNOWN = f"""
SELECT d.{{noun}}_id, d.dispute_id FROM ledger.dispute d
WHERE d.{{noun}}_id = ANY(:ids) AND d.state <> 'dropped' AND (d.state = 'draft' OR NOT {_GONE})
ORDER BY d.dispute_id LIMIT 1
"""  # noqa: S608
# Of a case `c`: whether somebody disputes the transaction that it is about.
IS_DISPUTED = "EXISTS (SELECT FROM ledger.dispute d WHERE {about} AND NOT {gone})".format(
    about="d.case_id = c.case_id AND d.state <> 'dropped'",
    gone=_GONE.format(noun="case", events="ledger.case_event", ends=_ENDS["case"]),
)
# Whether what a dispute `d` is about was closed since, by a night or by a person.
IS_OVER = " OR ".join(
    "d.{noun}_id IS NOT NULL AND ({gone} OR EXISTS (SELECT FROM {rows} r"
    " WHERE r.{noun}_id = d.{noun}_id AND r.state = 'resolved'))".format(
        noun=noun, rows=rows, gone=_GONE.format(noun=noun, events=f"{rows}_event", ends=_ENDS[noun])
    )
    for noun, rows in (("break", "reconciliation.break"), ("case", "ledger.case"))
)
_OVER = sa.text(
    f"SELECT d.dispute_id FROM ledger.dispute d WHERE d.dispute_id = ANY(:ids) AND ({IS_OVER})"  # noqa: S608
)


def _of(desk: Desk, statement: str, rows: str = "f") -> str:
    """The statement about the rows of the desk, which are called `rows` in it."""
    names = {"noun": desk.noun, "events": desk.events.fullname, "table": desk.rows.fullname}
    found_at = _FOUND_AT[desk.noun].format(rows=rows, **names)
    return statement.format(found_at=found_at, ends=_ENDS[desk.noun], **names)


def found_moments(
    conn: sa.Connection, desk: Desk, ids: Sequence[int]
) -> list[tuple[str, datetime]]:
    """The partners and moments at which these breaks or cases were found, each once.

    Of what was gone and has come again it is the moment at which it came again, of a case of which
    another transaction has fallen since the first one the moment at which that one did.
    """
    found = conn.execute(sa.text(_of(desk, _FOUND)), {"ids": list(ids)})
    return [(row[0], row[1]) for row in found]


def draft_disputes(
    conn: sa.Connection,
    desk: Desk,
    ids: Sequence[int],
    word: Word,
    due_on: Mapping[tuple[str, datetime], date],
) -> list[int]:
    """The numbers of the drafts, one for each break or case about which `act` has said `dispute`.

    `due_on` is the last day by `found_moments`. Raises Terminal when one of them has a draft, or
    was disputed since it was found.
    """
    known = conn.execute(sa.text(_of(desk, _KNOWN)), {"ids": list(ids)}).first()
    if known is not None:
        raise Terminal(f"{desk.noun.capitalize()} {known[0]} has dispute {known[1]} already.")
    statement = _DRAFT.format(
        noun=desk.noun,
        about=_of(desk, _OF_BREAKS, "b") if desk.noun == "break" else _of(desk, _OF_CASES, "c"),
    )
    told = {
        "ids": list(ids),
        "second": needing_second(conn, desk, ids, "dispute"),
        "partners": [partner for partner, _ in due_on],
        "found": [found_at for _, found_at in due_on],
        "days": list(due_on.values()),
        "person": word.person.strip(),
        "account": word.account,
        "reason": word.reason.strip(),
    }
    return list(conn.execute(sa.text(statement), told).scalars())


def decide_dispute(
    conn: sa.Connection, desks: Mapping[str, Desk], dispute_id: int, decision: Decision, word: Word
) -> dict[str, Any]:
    """The dispute, now that a person has released or dropped its draft.

    Once it is released it is the exchange's move: its break or case says so, where it is open.
    `desks` are by noun. Raises Terminal when it is no draft, when another person must, or when what
    is to be released is over by now.
    """
    word.require("decide a dispute")
    mine = dispute.c.dispute_id == dispute_id
    row = conn.execute(sa.select(dispute).where(mine).with_for_update()).mappings().first()
    if row is None:
        raise Terminal(f"There is no dispute {dispute_id}. `edi834 disputes list` names them.")
    if row["state"] != "draft":
        raise Terminal(f"Dispute {dispute_id} is {row['state']} already.")
    is_same = is_same_person(word.person, word.account, row["drafted_by"], row["account"])
    if decision == "released" and row["needs_second"] and is_same:
        raise Terminal(
            f"Dispute {dispute_id} is about {row['dollars']} dollars a month: who releases it is "
            f"not who has drafted it ({row['drafted_by']})."
        )
    if decision == "released" and over(conn, [dispute_id]):
        raise Terminal(
            f"What dispute {dispute_id} is about is gone since it was drafted, or another "
            "transaction has fallen by it: nothing is left to claim. Drop it: "
            f"`edi834 disputes drop {dispute_id}`."
        )
    said = {
        "decided_by": word.person.strip(),
        "decided_account": word.account,
        "decision_reason": word.reason.strip(),
    }
    changed = sa.update(dispute).where(mine)
    conn.execute(changed.values(state=decision, decided_at=sa.func.now(), **said))
    if decision == "released":
        _wait_for_exchange(conn, desks, dict(row), word)
    return dict(row) | {"state": decision}


def over(conn: sa.Connection, ids: Sequence[int]) -> set[int]:
    """Those of the disputes of which the break or case is gone, or was since they were drafted.

    Or of which the case is about another transaction since.
    """
    return set(conn.execute(_OVER, {"ids": list(ids)}).scalars())


def _wait_for_exchange(
    conn: sa.Connection, desks: Mapping[str, Desk], row: Mapping[str, Any], word: Word
) -> None:
    desk = desks["break" if row["break_id"] is not None else "case"]
    number = row[f"{desk.noun}_id"]
    state = conn.execute(sa.select(desk.rows.c.state).where(desk.number == number)).scalar_one()
    if state in load_work_rules().action(_WAIT).from_:
        act(conn, desk, [number], Said(_WAIT, word.person, word.account, reason=word.reason))


def list_disputes(
    conn: sa.Connection,
    partners: Sequence[str] | None = None,
    states: Sequence[str] = (),
    **about: int,
) -> list[dict[str, Any]]:
    """Disputes with the names of their files, in the order of their numbers.

    `about` is `break_id` or `case_id`; without states they are of all states. `dispute_file_id` is
    the file in which one went to the exchange.
    """
    names = file.c.name.label("file_name"), dispute_told.c.dispute_file_id
    query = sa.select(dispute, *names).select_from(
        dispute.outerjoin(file, file.c.file_id == dispute.c.file_id).outerjoin(
            dispute_told, dispute_told.c.dispute_id == dispute.c.dispute_id
        )
    )
    if partners is not None:
        query = query.where(dispute.c.partner_id.in_(partners))
    if states:
        query = query.where(dispute.c.state.in_(states))
    for name, number in about.items():
        query = query.where(dispute.c[name] == number)
    return [dict(row) for row in conn.execute(query.order_by(dispute.c.dispute_id)).mappings()]
