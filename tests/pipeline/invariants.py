"""What must hold after every fault, whatever it was: the invariants I1 to I11, as one question.

I8 (others go on), I9 (memory) and I12 (it ends without a person) are of a scenario, not of a state.
"""

import hashlib
import re

import sqlalchemy as sa

from ledger import audit
from ledger.balance import balance
from tests.enrollment import invariants as of_book

_SENT = """
SELECT f.partner_id, f.kind, CAST(i.control_number AS bigint) AS number
FROM ledger.file f JOIN ledger.interchange i USING (file_id)
WHERE f.direction = 'issuer_to_exchange' ORDER BY f.partner_id, number
"""
_ANSWERS = """
SELECT a.kind, a.storage_key, i.ta1_code, (
  SELECT array_agg(g.ack ORDER BY g.group_ordinal) FROM ledger.functional_group g
  WHERE g.file_id = f.file_id) AS acks
FROM ledger.file a JOIN ledger.file f ON f.file_id = a.answers_file_id
JOIN ledger.interchange i ON i.file_id = f.file_id AND i.interchange_ordinal = 1
WHERE a.kind IN ('ta1', '999')
"""
_EFFECTS = """
SELECT f.file_id FROM ledger.file f JOIN ledger.file o ON o.file_id = f.duplicate_of
JOIN book.event_set s ON s.file_id = f.file_id WHERE s.state = 'applied' AND o.state = 'applied'
"""
_OUTSIDE = """
SELECT details::text FROM ledger.audit_entry UNION ALL SELECT sentence FROM ledger.step_failure
"""
_ROWS = """
SELECT r.run_id FROM reconciliation.result r JOIN (
  SELECT run_id, partner_id, sum(book_rows) AS book_rows, sum(carrier_rows) AS carrier_rows,
    sum(book_rows) FILTER (WHERE fate IN ('matched', 'differing')) AS both
  FROM reconciliation.balance GROUP BY 1, 2) b USING (run_id, partner_id)
WHERE b.both <> r.matched + r.differing OR b.book_rows < b.both
"""


def broken(world):
    """The invariants that do not hold, each with what breaks it; empty when all hold."""
    with world.house.engine.connect() as conn:
        return broken_in(world, conn)


def broken_in(world, conn):
    """The same as a transaction sees it."""
    found = {
        "I1: every file is stored under its hash": _not_as_received(world, conn),
        "I2: what came in is in one of its places": _out_of_balance(conn),
        "I3: a copy has no effect beside its original": _all(conn, _EFFECTS),
        "I4: answers say what the ledger says": _answers_that_differ(world, conn),
        "I5: control numbers have no gap and none comes twice": _numbers(conn),
        "I6: the audit trail is whole": audit.verify(audit.entries(conn)).fault,
        "I7: nobody is named outside of the book": _named(conn),
        "I10: the book holds together": _of_book(conn),
        "I11: rows of a reconciliation are all somewhere": _all(conn, _ROWS),
    }
    return {name: what for name, what in found.items() if what}


# Of sets that were all accepted; a night has rejected ones, which are no events.
_NOT_OF_A_NIGHT = {"every member that came in is an event"}


def _of_book(conn):
    return sorted(of_book.broken(conn).keys() - _NOT_OF_A_NIGHT)


def _all(conn, statement):
    return [tuple(row) for row in conn.execute(sa.text(statement))]


def _not_as_received(world, conn):
    rows = _all(conn, "SELECT file_id, storage_key, sha256, size_bytes FROM ledger.file")
    landing = world.house.settings.landing_folder
    contents = {file_id: (landing / key).read_bytes() for file_id, key, _, _ in rows}
    return [
        file_id
        for file_id, _, digest, size in rows
        if (hashlib.sha256(contents[file_id]).hexdigest(), len(contents[file_id])) != (digest, size)
    ]


def _out_of_balance(conn):
    parts = ("accepted", "rejected", "held", "pending")
    return [
        row
        for (run_id,) in _all(conn, "SELECT run_id FROM ledger.run")
        for row in balance(conn, run_id).to_pylist()
        if row["received"] != sum(row[part] for part in parts)
    ]


def _answers_that_differ(world, conn):
    landing = world.house.settings.landing_folder
    found = []
    for kind, key, ta1_code, acks in _all(conn, _ANSWERS):
        text = (landing / key).read_text("ascii")
        if kind == "ta1" and f"*{ta1_code}*" not in re.search(r"TA1\*[^~]+", text)[0]:
            found.append(key)
        if kind == "999" and re.findall(r"AK9\*([AEPR])", text) != acks:
            found.append(key)
    return found


def _numbers(conn):
    found = []
    by_partner = {}
    for partner_id, _, number in _all(conn, _SENT):
        by_partner.setdefault(partner_id, []).append(number)
    for partner_id, numbers in by_partner.items():
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            found.append((partner_id, numbers))
    return found


def _named(conn):
    people = {
        name
        for row in _all(conn, "SELECT last_name, ssn FROM book.member")
        for name in row
        if name and len(name) > 3
    }
    told = " ".join(text for (text,) in _all(conn, _OUTSIDE))
    return sorted(name for name in people if re.search(rf"\b{re.escape(name)}\b", told))
