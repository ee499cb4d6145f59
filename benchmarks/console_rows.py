"""A year of nights for `make bench-console`: the rows of one night, copied by SQL.

Each statement takes rows that a real night has written and writes them again for each copy `k`,
with other ids, files and nights. What no column says otherwise stays as it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from reconciliation.report_figures import add_up_payments, count_sets
from schemas import book, breaks, cases, database, premium_database, runs

_NIGHTS, _SLOTS, _IDS = 365, 6, 20  # nights, files of a partner's night, and its ids
_FIRST_FILE = 10_000

# The partner, the night, and which of its files a copy lies in: `n` copies lie before it there.
_PARTNER = "CASE k % 2 WHEN 0 THEN 'cedar-valley-tx' ELSE 'harbor-light-nc' END"
_NIGHT = f"(1 + (k / 2) % {_NIGHTS})"
_OF_NIGHT = f"({_FIRST_FILE} + ({_NIGHT} * 2 + k % 2) * {_IDS})"
_FILE = f"({_OF_NIGHT} + (k / {2 * _NIGHTS}) % {_SLOTS})"
_SENT = f"({_OF_NIGHT} + 18)"
_N = f"(k / {2 * _NIGHTS * _SLOTS})"
_RUN = f"(1 + {_NIGHT})"
_AT = f"(timestamptz '2026-12-02' + {_NIGHT} * interval '1 day')"
_OF_ANY = {
    "partner_id": _PARTNER,
    "exchange_policy_id": "r.exchange_policy_id || '-' || k",
    "exchange_member_id": "r.exchange_member_id || '-' || k",
    "exchange_subscriber_id": "r.exchange_subscriber_id || '-' || k",
    "run_id": _RUN,
    "known_from": _AT,
    "event_id": "r.event_id + k * 20",
    "initial_event_id": "r.initial_event_id + k * 20",
}
# Of the sets of the two received files, one set behind the other; of ours two in each file.
_RECEIVED = "(SELECT min(file_id) FROM book.event_set WHERE transaction = 'initial')"
_SET = f"""CASE WHEN f.direction = 'issuer_to_exchange' THEN (k / {2 * _NIGHTS}) * 4 + r.set_ordinal
  ELSE {_N} * 8 + r.set_ordinal + 4 * CAST(r.file_id <> {_RECEIVED} AS integer) END"""
_IN_FILE = f"CASE WHEN f.direction = 'issuer_to_exchange' THEN {_SENT} ELSE {_FILE} END"
_OF_FILE = "JOIN ledger.file f ON f.file_id = r.file_id"
_IN_BOOK = """(r.file_id, r.set_ordinal) IN (SELECT file_id, set_ordinal FROM book.event_set
  WHERE state = 'applied' AND file_id < 10000)"""


@dataclass(frozen=True)
class Size:
    """How many members, cases and breaks there are to be."""

    members: int = 1_000_000
    cases: int = 100_000
    breaks: int = 50_000


# Rows come first and indexes afterwards, which takes a quarter of the time.
_WITHOUT_INDEXES = """
UPDATE pg_index SET indisready = false, indisvalid = false
WHERE indrelid IN (SELECT CAST(relid AS oid) FROM pg_stat_user_tables
  WHERE schemaname IN ('book', 'ledger', 'reconciliation'))
"""
_TABLES = """
SELECT format('REINDEX TABLE %%I.%%I', schemaname, relname) FROM pg_stat_user_tables
WHERE schemaname IN ('book', 'ledger', 'reconciliation') ORDER BY 1
"""


def fill(conn: sa.Connection, size: Size) -> None:
    """Copies the rows of the one night in the database to a year of nights.

    Neither foreign keys nor the audit trail are looked after: the database must be the owner's own,
    and thrown away afterwards.
    """
    conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
    conn.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    statements = list(_statements(conn, size))
    conn.exec_driver_sql(_WITHOUT_INDEXES)
    for statement in statements:
        conn.exec_driver_sql(statement.replace("%", "%%"))
    for statement in conn.exec_driver_sql(_TABLES).scalars().all():
        conn.exec_driver_sql(statement)
    conn.exec_driver_sql("ANALYZE")
    for run_id in range(2, _NIGHTS + 2):
        count_sets(conn, run_id)
    posted = premium_database.premium_file.c.file_id
    for file_id in conn.scalars(sa.select(posted).where(posted >= _FIRST_FILE)).all():
        add_up_payments(conn, file_id)


def _statements(conn: sa.Connection, size: Size) -> Iterator[str]:
    """All statements in their order; the work of 50,000 breaks is read off the book before them."""

    def copies(table: sa.Table, wanted: int) -> int:
        of = sa.select(sa.func.count()).select_from(table)
        return -(-wanted // max(int(conn.execute(of).scalar_one()), 1))

    many = copies(book.member, size.members)
    yield from _nights()
    yield from _book(many)
    yield from _cases(copies(database.issue, size.cases), copies(cases.case_, size.cases))
    yield from _breaks(copies(breaks.break_, size.breaks))
    yield from _words()
    yield from _money()


def _nights() -> Iterator[str]:
    """Runs, and the files of each with their envelopes, answers and balances."""
    night = {"run_id": "1 + k", "as_of": "r.as_of + k * interval '1 day'"}
    yield _copied(runs.run, _NIGHTS, night, "run_id = 1")
    kinds = """CASE WHEN slot < 6 THEN 'enrollment' WHEN slot < 12 THEN 'ta1'
      WHEN slot < 18 THEN '999' WHEN slot = 18 THEN 'enrollment' ELSE 'payment' END"""
    ours = "slot BETWEEN 6 AND 18"
    yield f"""
      INSERT INTO ledger.file (file_id, direction, partner_id, name, kind, sha256, size_bytes,
        storage_key, run_id, recorded_at, state, verdict, rules_digest, delivered_at,
        answers_file_id, named_at)
      OVERRIDING SYSTEM VALUE
      SELECT id, CASE WHEN {ours} THEN 'issuer_to_exchange' ELSE 'exchange_to_issuer' END,
        CASE p WHEN 0 THEN 'cedar-valley-tx' ELSE 'harbor-light-nc' END,
        'COPY.I834.' || id, {kinds}, encode(sha256(CAST(CAST(id AS text) AS bytea)), 'hex'), 20000,
        'copies/' || id, 1 + night, at,
        CASE WHEN slot = 18 THEN 'acknowledged' WHEN {ours} THEN 'delivered' ELSE 'applied' END,
        CASE WHEN slot < 6 THEN 'partially_accepted' END, x.rules_digest,
        CASE WHEN {ours} THEN at + interval '20 minutes' END,
        CASE WHEN slot BETWEEN 6 AND 17 THEN id - CASE WHEN slot < 12 THEN 6 ELSE 12 END END,
        at AT TIME ZONE 'UTC'
      FROM generate_series(1, {_NIGHTS}) night CROSS JOIN generate_series(0, 1) p
      CROSS JOIN generate_series(0, 19) slot CROSS JOIN ledger.run x
      CROSS JOIN LATERAL (SELECT {_FIRST_FILE} + (night * 2 + p) * {_IDS} + slot AS id,
        timestamptz '2026-12-02' + night * interval '1 day' AS at) made
      WHERE x.run_id = 1 AND (slot < 19 OR night % 30 = 5)"""
    a_file = {"file_id": "f.file_id"}
    real = f"r.file_id = {_RECEIVED} AND f.file_id >= {_FIRST_FILE} AND f.kind = 'enrollment'"
    of_files = "CROSS JOIN ledger.file f"
    for table in (database.interchange, database.functional_group):
        yield _copied(table, 1, a_file, real, of_files)
    batch = {
        "batch_id": "k + 100",
        "run_id": "1 + (k - 1) / 2",
        "settled_in_run": "1 + (k - 1) / 2",
    }
    yield f"""
      INSERT INTO ledger.gate_file (file_id, batch_id)
      SELECT file_id, 99 + 2 * (run_id - 1) + CAST(partner_id LIKE 'h%' AS integer)
      FROM ledger.file WHERE file_id >= {_FIRST_FILE} AND kind = 'enrollment'
        AND direction = 'exchange_to_issuer'"""
    yield f"""
      INSERT INTO ledger.answer (file_id, partner_id, level, code, sent_file_id, ordinal, state)
      SELECT file_id + 10, partner_id, level, 'A', file_id, 1, 'counts' FROM ledger.file
      CROSS JOIN (VALUES ('interchange'), ('group')) l (level)
      WHERE file_id >= {_FIRST_FILE} AND kind = 'enrollment'
        AND direction = 'issuer_to_exchange'"""
    only = "r.batch_id = (SELECT max(batch_id) FROM ledger.gate_batch WHERE batch_id < 100)"
    yield _copied(database.gate_batch, 2 * _NIGHTS, batch | {"partner_id": _PARTNER}, only)
    yield """
      INSERT INTO ledger.gate_decision (batch_id, decision, decided_by, account, reason)
      SELECT batch_id, 'released', 'Ada Price', 'console:1', 'Looked at.' FROM ledger.gate_batch
      WHERE batch_id % 7 = 3 AND batch_id > 100"""
    yield _copied(database.gate_finding, 2 * _NIGHTS, {"batch_id": "k + 100"}, only)
    of_run = {"run_id": "1 + k"}
    for table in (database.result, database.balance, database.carrier_reading):
        yield _copied(table, _NIGHTS, of_run, "r.run_id = 1")


def _book(many: int) -> Iterator[str]:
    """Policies, all that is believed of them, and the sets that told it."""
    told = _OF_ANY | {"file_id": _IN_FILE, "set_ordinal": _SET}
    for table in (book.event_set, book.event):
        yield _copied(table, many, told, _IN_BOOK, _OF_FILE)
    sets = {"file_id": _IN_FILE, "set_ordinal": _SET}
    yield _copied(database.transaction_set, many, sets, _IN_BOOK, _OF_FILE)
    member = {**sets, "member_ordinal": f"{_N} * 100 + r.member_ordinal"}
    member["member_ordinal"] += f" + 50 * CAST(r.file_id <> {_RECEIVED} AS integer)"
    yield _copied(
        database.disposition, many, {**member, "decided_in_run": _RUN}, _IN_BOOK, _OF_FILE
    )
    for table in (book.policy, book.member, book.coverage, book.amount, book.address):
        yield _copied(table, many, _OF_ANY)
    yield _copied(book.identifier, many, _OF_ANY)
    said = _OF_ANY | {"sent_file_id": _SENT, "set_ordinal": f"(k / {2 * _NIGHTS}) * 4 + 1"}
    yield _copied(book.decision, many, said, "r.state = 'sent'")
    yield """
      INSERT INTO book.hold (partner_id, run_id, reasons, persons, state)
      SELECT 'harbor-light-nc', k, ARRAY['5,000 policies would end; 100 are the bound.'], 2,
        CASE k WHEN 300 THEN 'held' ELSE 'released' END FROM generate_series(1, 300) k"""
    yield """
      INSERT INTO book.decision (partner_id, exchange_policy_id, kind, rule, event_id, run_id,
        state, additional_maintenance_reason, coverage_end, evidence, hold_id)
      SELECT partner_id, exchange_policy_id, 'termination', rule, event_id, 300, 'held',
        additional_maintenance_reason, '2027-12-31', evidence,
        (SELECT max(hold_id) FROM book.hold)
      FROM book.decision WHERE partner_id = 'harbor-light-nc'
      ORDER BY decision_id DESC LIMIT 5000"""


def _cases(issues: int, many: int) -> Iterator[str]:
    """Issues of the files, and what somebody must do about them."""
    issue = {"file_id": _FILE, "issue_ordinal": f"{_N} * 1000 + r.file_id * 20 + r.issue_ordinal"}
    yield _copied(database.issue, issues, issue, f"r.file_id < {_FIRST_FILE}")
    case = {
        **_OF_ANY,
        "subject": "r.subject || '-' || k",
        "file_id": _FILE,
        "last_run_id": _RUN,
        "first_seen": _AT,
        "last_seen": _AT,
        "due_at": f"{_AT} + interval '72 hours'",
        "issue_ordinal": "NULL",
        "state": "(ARRAY['new', 'new', 'assigned', 'in_progress', 'new', 'reopened', 'waived',"
        " 'resolved', 'new', 'resolved'])[1 + k % 10]",
        "owner": "CASE WHEN k % 10 IN (2, 3) THEN 'Steward ' || k % 7 END",
    }
    yield _copied(cases.case_, many, case)
    yield """
      INSERT INTO ledger.case_event (case_id, at, run_id, action, state)
      SELECT case_id, first_seen, run_id, 'found', 'new' FROM ledger.case c
      WHERE NOT EXISTS (SELECT FROM ledger.case_event e WHERE e.case_id = c.case_id)"""
    yield f"""
      INSERT INTO ledger.correction (case_id, partner_id, parent_file_id, set_ordinal, byte_start,
        byte_end, edits, name, sha256, size_bytes, storage_key, verdict, needs_second, state,
        drafted_by, account, reason)
      SELECT case_id, partner_id, file_id, 1, 0, 100, '[]', 'COPY', repeat('0', 64), 100, 'copies',
        'accepted', false, 'withdrawn', 'Ada Price', 'console:1', 'A slip.'
      FROM ledger.case WHERE case_id % 20 = 7 AND file_id >= {_FIRST_FILE}"""


def _breaks(many: int) -> Iterator[str]:
    """Breaks of the last ninety nights, each night's comparison that found them, and older ones."""
    night = f"({_NIGHTS} - k % 90)"
    seen = f"(timestamptz '2026-12-02' + {night} * interval '1 day')"
    last = f"timestamptz '2026-12-02' + {_NIGHTS} * interval '1 day'"
    row = {
        **_OF_ANY,
        "state": "(ARRAY['new', 'new', 'assigned', 'new', 'waived', 'new', 'resolved', 'reopened',"
        " 'new', 'resolved'])[1 + k % 10]",
        "field": "CASE WHEN r.kind = 'differs' THEN (ARRAY['birth_date', 'plan_id', 'premium',"
        " 'benefit_end', 'aptc'])[1 + k / 7 % 5] END",
        "premium_difference": "CASE WHEN k % 3 = 0 THEN k % 700 - 350 END",
        "file_id": _FILE,
        "first_seen": seen,
        "last_seen": f"CASE WHEN k % 10 IN (6, 9) THEN {seen} ELSE {last} END",
        "resolved_at": f"CASE WHEN k % 10 IN (6, 9) THEN {seen} + interval '1 day' END",
        "waived_until": "CASE WHEN k % 10 = 4 THEN date '2028-06-30' END",
        "first_run_id": f"1 + {night}",
        "last_run_id": f"1 + CASE WHEN k % 10 IN (6, 9) THEN {night} ELSE {_NIGHTS} END",
    }
    real = "r.first_run_id = 1"
    yield _copied(breaks.break_, many, row, real)
    over = f"(1 + k % {_NIGHTS - 120})"
    ended = f"(timestamptz '2026-12-02' + ({over} + 9) * interval '1 day')"
    gone = {
        "state": "'resolved'",
        "exchange_policy_id": "'old-' || k",
        "waived_until": "NULL",
        "first_seen": f"{ended} - interval '9 days'",
        "last_seen": f"{ended} - interval '1 day'",
        "resolved_at": ended,
        "first_run_id": f"1 + {over}",
        "last_run_id": f"9 + {over}",
    }
    yield _copied(breaks.break_, 2 * many, row | gone, real)
    copied = "first_run_id > 1"
    events = (
        ("found", "new", "first_seen", "NULL", copied),
        ("gone", "resolved", "coalesce(resolved_at, first_seen + interval '1 hour')", "NULL",
         f"{copied} AND state IN ('resolved', 'reopened')"),
        ("found again", "reopened", "last_seen", "NULL", f"{copied} AND state = 'reopened'"),
        ("assign", "assigned", "first_seen + interval '2 hours'", "'Ada Price'",
         f"{copied} AND state = 'assigned'"),
        ("waive", "waived", "first_seen + interval '2 hours'", "'Ada Price'",
         f"{copied} AND state = 'waived'"),
    )  # fmt: skip
    for action, state, at, person, where in events:
        yield f"""
          INSERT INTO reconciliation.break_event (break_id, at, run_id, action, state, person,
            account, reason)
          SELECT break_id, {at}, first_run_id, '{action}', '{state}', {person},
            CASE WHEN {person} IS NOT NULL THEN 'console:1' END,
            CASE WHEN {person} IS NOT NULL THEN 'Agreed by telephone.' END
          FROM reconciliation.break WHERE {where}"""
    yield f"""
      INSERT INTO reconciliation.difference (run_id, partner_id, kind, exchange_policy_id,
        exchange_member_id, field, book_value, carrier_value, premium_difference, file_id)
      SELECT run_id, partner_id, kind, exchange_policy_id, exchange_member_id, field, book_value,
        carrier_value, premium_difference, file_id
      FROM reconciliation.break CROSS JOIN LATERAL
        generate_series(greatest(first_run_id, {_NIGHTS} - 30), last_run_id) run_id
      WHERE {copied}"""


def _words() -> Iterator[str]:
    """What persons said: disputes of cases and breaks, and pairs that were likely."""
    for of, table in (("case_id", 'ledger."case"'), ("break_id", "reconciliation.break")):
        yield f"""
          INSERT INTO ledger.dispute (partner_id, {of}, exchange_policy_id, dollars, due_on,
            needs_second, state, drafted_by, account, reason, decided_by)
          SELECT partner_id, {of}, exchange_policy_id, 10, date '2027-12-31', false,
            CASE {of} % 20 WHEN 3 THEN 'dropped' ELSE 'released' END,
            'Ada Price', 'console:1', 'As agreed.', 'Ada Price'
          FROM {table} WHERE {of} % 10 = 3 AND {of} > 20"""
    yield """
      INSERT INTO ledger.dispute_file (partner_id, sha256, disputes, dollars, taken_by, account)
      SELECT partner_id, repeat('0', 64), count(*), sum(dollars), 'Ada Price', 'console:1'
      FROM ledger.dispute WHERE state = 'released' GROUP BY partner_id, dispute_id % 12"""
    yield """
      INSERT INTO ledger.dispute_told (dispute_file_id, dispute_id)
      SELECT (SELECT max(dispute_file_id) FROM ledger.dispute_file), dispute_id
      FROM ledger.dispute WHERE state = 'released' AND case_id > 20"""
    yield f"""
      INSERT INTO reconciliation.match (partner_id, book_policy_id, book_member_id,
        carrier_policy_id, carrier_member_id, state, how, weight, first_seen, last_seen,
        last_run_id, version)
      SELECT partner_id, exchange_policy_id, exchange_member_id, 'C' || break_id, 'C' || break_id,
        CASE break_id % 40 WHEN 0 THEN 'proposed' ELSE 'accepted' END, 'likeness', 12.5, first_seen,
        last_seen, last_run_id, 1
      FROM reconciliation.break WHERE break_id % 10 = 0 AND first_run_id > {_NIGHTS - 90}"""
    yield f"""
      INSERT INTO ledger.operator_word (word, partner_id, file_id, rule, taken_as, person, account,
        reason)
      SELECT 'file released', partner_id, file_id, 'file-empty', file_id + 1, 'Ada Price',
        'console:1', 'Looked at.'
      FROM ledger.file WHERE file_id % 20 = 0 AND file_id >= {_FIRST_FILE}"""
    yield """
      INSERT INTO reconciliation.match_word (match_id, person, account, word, reason)
      SELECT match_id, 'Ada Price', 'console:1', 'accept', 'The same person.'
      FROM reconciliation.match WHERE state = 'accepted'"""


def _money() -> Iterator[str]:
    """Two months of payments for all policies."""
    last_two = f"""SELECT file_id, partner_id, run_id, recorded_at,
      date_trunc('month', recorded_at AT TIME ZONE 'UTC') AS month FROM ledger.file
      WHERE kind = 'payment' AND run_id > {_NIGHTS - 60}"""
    yield f"""
      INSERT INTO reconciliation.premium_file (file_id, partner_id, run_id, stated, expected,
        payments, book_sha256)
      SELECT file_id, partner_id, run_id, 0, 0, 0, repeat('0', 64) FROM ({last_two}) f"""
    yield f"""
      INSERT INTO reconciliation.premium_month (file_id, row_ordinal, category, exchange_policy_id,
        month, amount_type, expected, paid_before, payments, charges, adjusted, difference,
        matched_by, payment_count, byte_start, byte_end)
      SELECT f.file_id, row_number() OVER (PARTITION BY f.file_id), CASE WHEN a.amount > 1000
        THEN 'short' ELSE 'agreed' END, a.exchange_policy_id, f.month, 'aptc', a.amount, 0,
        least(a.amount, 1000), 0, 0, least(a.amount, 1000) - a.amount, 'policy', 1, 0, 100
      FROM ({last_two}) f JOIN book.amount a USING (partner_id) WHERE a.name = 'APTC AMT'"""
    yield """
      INSERT INTO reconciliation.premium_payment (file_id, entity_ordinal, payment_ordinal,
        exchange_policy_id, payment_type, amount, period_begin, period_end, byte_start, byte_end)
      SELECT file_id, row_ordinal, 1, exchange_policy_id, 'APTC', payments, month,
        month + 27, byte_start, byte_end FROM reconciliation.premium_month"""
    yield """
      UPDATE reconciliation.premium_file f SET stated = m.paid, expected = m.expected
      FROM (SELECT file_id, sum(payments) AS paid, sum(expected) AS expected
        FROM reconciliation.premium_month GROUP BY 1) m WHERE m.file_id = f.file_id"""


def _copied(
    table: sa.Table, many: int, changed: Mapping[str, str], where: str = "true", joined: str = ""
) -> str:
    """The statement that copies a table's rows `many` times; `r` is a row, `k` counts."""
    kept = [one for one in table.c if one.identity is None or one.name in changed]
    names = ", ".join(f'"{one.name}"' for one in kept)
    values = ", ".join(changed.get(one.name, f'r."{one.name}"') for one in kept)
    whole = f'"{table.schema}"."{table.name}"'
    return (
        f"INSERT INTO {whole} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {whole} r"
        f" {joined} CROSS JOIN generate_series(1, {many}) k WHERE {where}"
    )
