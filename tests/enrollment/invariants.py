"""What must hold of the book after every scenario, each as a query for what breaks it."""

import sqlalchemy as sa

_TABLES = {
    "policy": ("exchange_policy_id",),
    "member": ("exchange_policy_id", "exchange_member_id"),
    "coverage": ("exchange_policy_id", "exchange_member_id", "benefit_begin"),
    "amount": ("exchange_policy_id", "exchange_member_id", "name", "valid_from"),
    "address": ("exchange_policy_id", "exchange_member_id", "kind", "valid_from"),
    "identifier": ("exchange_policy_id", "exchange_member_id", "kind", "valid_from"),
    "broker": ("exchange_policy_id", "valid_from"),
}
_SPANS = {
    "coverage": ("exchange_member_id, insurance_line", "benefit_begin", "benefit_end"),
    "amount": ("exchange_member_id, name", "valid_from", "valid_to"),
    "address": ("exchange_member_id, kind", "valid_from", "valid_to"),
    "identifier": ("exchange_member_id, kind", "valid_from", "valid_to"),
    "broker": ("partner_id", "valid_from", "valid_to"),
}

BROKEN = {
    "what came in is accounted for": """
        SELECT e.file_id, e.member_ordinal FROM book.event e
        JOIN book.event_set s USING (file_id, set_ordinal)
        JOIN ledger.file f USING (file_id)
        LEFT JOIN ledger.disposition d USING (file_id, member_ordinal)
        WHERE f.direction = 'exchange_to_issuer' AND (d.state, d.reason) IS DISTINCT FROM (
          CASE s.state WHEN 'refused' THEN 'rejected' WHEN 'pending' THEN 'pending'
            ELSE 'accepted' END, s.reason)
    """,
    "what we have said was decided, and what the exchange rejected is unsaid": """
        SELECT s.file_id, s.set_ordinal
        FROM book.event_set s
        JOIN ledger.file f ON f.file_id = s.file_id AND f.direction = 'issuer_to_exchange'
        FULL JOIN (SELECT * FROM book.decision WHERE sent_file_id IS NOT NULL) d
          ON d.sent_file_id = s.file_id AND d.set_ordinal = s.set_ordinal
        WHERE (s.state = 'refused') IS DISTINCT FROM (d.state = 'rejected')
          OR s.exchange_policy_id IS DISTINCT FROM d.exchange_policy_id
    """,
    "every member that came in is an event": """
        SELECT d.file_id, d.member_ordinal FROM ledger.disposition d
        LEFT JOIN book.event e USING (file_id, member_ordinal)
        WHERE e.event_id IS NULL AND d.state <> 'rejected'
    """,
    "every event is of a transaction set, and every policy of an enrollment": """
        SELECT e.event_id FROM book.event e
        LEFT JOIN book.event_set s USING (file_id, set_ordinal) WHERE s.file_id IS NULL
        UNION ALL
        SELECT p.initial_event_id FROM book.policy p
        LEFT JOIN book.event e ON e.event_id = p.initial_event_id WHERE e.event_id IS NULL
    """,
    "every transaction set is of a file and was decided in a run": """
        SELECT s.file_id, s.set_ordinal FROM book.event_set s
        LEFT JOIN ledger.file f USING (file_id)
        LEFT JOIN ledger.run r ON r.run_id = s.run_id
        WHERE f.file_id IS NULL OR r.run_id IS NULL OR f.partner_id <> s.partner_id
    """,
    "an applied file has no undecided set": """
        SELECT s.file_id, s.set_ordinal FROM book.event_set s JOIN ledger.file f USING (file_id)
        WHERE f.state = 'applied' AND s.state = 'staged'
    """,
    "what is in effect ends no earlier than it begins": """
        SELECT exchange_policy_id FROM book.effective_coverage WHERE benefit_end < benefit_begin
        UNION ALL
        SELECT exchange_policy_id FROM book.effective_amount WHERE valid_to < valid_from
    """,
    "every amount in effect is inside its policy": """
        SELECT a.* FROM book.effective_amount a
        LEFT JOIN book.policy p USING (partner_id, exchange_policy_id)
        WHERE p.known_to = 'infinity' AND a.known_to = 'infinity' AND NOT (
          p.status <> 'cancelled' AND a.valid_from >= p.benefit_begin
          AND coalesce(a.valid_to, 'infinity') <= coalesce(p.benefit_end, 'infinity'))
    """,
    "every member has coverage or had none from the first day on": """
        SELECT m.exchange_member_id FROM book.member m
        FULL JOIN (SELECT DISTINCT partner_id, exchange_policy_id, exchange_member_id
          FROM book.coverage WHERE known_to = 'infinity') c
        USING (partner_id, exchange_policy_id, exchange_member_id)
        WHERE coalesce(m.known_to, 'infinity') = 'infinity'
          AND (m.event_id IS NULL OR c.partner_id IS NULL)
    """,
    "nobody's coverage ends without a word of the exchange or our own": """
        SELECT c.exchange_policy_id, c.exchange_member_id
        FROM book.coverage c JOIN book.policy v USING (partner_id, exchange_policy_id)
        WHERE c.known_to = 'infinity' AND v.known_to = 'infinity'
          AND (v.benefit_end IS NOT NULL OR v.status IN ('terminated', 'cancelled')
            OR NOT EXISTS (SELECT FROM book.coverage o
              WHERE (o.exchange_policy_id, o.exchange_member_id)
                = (c.exchange_policy_id, c.exchange_member_id)
                AND o.known_to = 'infinity' AND o.benefit_end IS NULL))
          AND NOT EXISTS (
            SELECT FROM book.event e JOIN book.event_set s USING (file_id, set_ordinal)
            WHERE s.exchange_policy_id = c.exchange_policy_id
              AND s.state IN ('applied', 'duplicate')
              AND (s.transaction IN ('cancellation', 'termination', 'issuer_cancellation',
                  'issuer_termination')
                OR e.benefit_end IS NOT NULL AND (e.exchange_member_id = c.exchange_member_id
                  OR e.is_subscriber AND s.transaction IN ('initial', 'renewal'))))
    """,
    **{
        f"what is known of each {table} is known at one time once": f"""
            SELECT * FROM (
              SELECT known_from, known_to, lag(known_to) OVER (
                PARTITION BY partner_id, {", ".join(keys)} ORDER BY known_from) AS before
              FROM book.{table}
            ) known WHERE known_from >= known_to OR known_from < before
        """
        for table, keys in _TABLES.items()
    },
    **{
        f"every row of {table} comes from a transaction of its policy": f"""
            SELECT t.* FROM book.{table} t
            LEFT JOIN book.event e USING (event_id)
            LEFT JOIN book.event_set s USING (file_id, set_ordinal)
            WHERE s.exchange_policy_id IS DISTINCT FROM t.exchange_policy_id
              OR s.partner_id <> t.partner_id
              OR t.known_to = 'infinity' AND s.state NOT IN ('applied', 'duplicate')
        """
        for table in _TABLES
    },
    **{
        f"spans of {table} do not overlap": f"""
            SELECT * FROM (
              SELECT {first}, lag(coalesce({last}, 'infinity')) OVER (
                PARTITION BY partner_id, exchange_policy_id, {keys} ORDER BY {first}) AS before
              FROM book.{table} WHERE known_to = 'infinity'
            ) span WHERE before >= {first}
        """
        for table, (keys, first, last) in _SPANS.items()
    },
}


def broken(conn):
    """The names of those that do not hold, with how many rows break each."""
    counts = {
        name: conn.execute(sa.text(f"SELECT count(*) FROM ({query}) broken")).scalar_one()
        for name, query in BROKEN.items()
    }
    return {name: count for name, count in counts.items() if count}
