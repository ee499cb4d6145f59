"""Finding a policy: by a member's id, at which partner, and what an id may have been meant for."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

_PARTNERS = sa.text("""
SELECT DISTINCT partner_id FROM book.event_set WHERE exchange_policy_id = :policy ORDER BY 1
""")

# First the policies by either id, each by its index; then what is asked of them.
_OF_MEMBER = sa.text("""
WITH found AS (
  SELECT partner_id, exchange_policy_id FROM book.member WHERE exchange_member_id = :member
  UNION
  SELECT partner_id, exchange_policy_id FROM book.policy WHERE exchange_subscriber_id = :member
)
SELECT p.partner_id, p.exchange_policy_id, coalesce((
    SELECT v.plan_id FROM book.effective_coverage v
    WHERE v.partner_id = p.partner_id AND v.exchange_policy_id = p.exchange_policy_id
      AND v.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
      AND CASE WHEN CAST(:known_at AS timestamptz) IS NULL THEN v.known_to = 'infinity'
               ELSE v.known_to > CAST(:known_at AS timestamptz) END
    ORDER BY v.benefit_begin DESC LIMIT 1
  ), p.plan_id) AS plan_id, p.insurance_line, p.status, p.benefit_begin,
  p.benefit_end, p.exchange_subscriber_id, m.exchange_member_id, m.is_subscriber
FROM found f
JOIN book.member m ON m.exchange_policy_id = f.exchange_policy_id AND m.partner_id = f.partner_id
JOIN book.policy p ON p.exchange_policy_id = m.exchange_policy_id AND p.partner_id = m.partner_id
  AND p.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
  AND CASE WHEN CAST(:known_at AS timestamptz) IS NULL THEN p.known_to = 'infinity'
           ELSE p.known_to > CAST(:known_at AS timestamptz) END
WHERE (m.exchange_member_id = :member OR p.exchange_subscriber_id = :member AND m.is_subscriber)
  AND m.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
  AND CASE WHEN CAST(:known_at AS timestamptz) IS NULL THEN m.known_to = 'infinity'
           ELSE m.known_to > CAST(:known_at AS timestamptz) END
  AND p.partner_id = coalesce(CAST(:partner AS text), p.partner_id)
ORDER BY p.benefit_begin, p.exchange_policy_id, m.exchange_member_id
""")

_KNOWN_AMONG = sa.text("""
SELECT DISTINCT exchange_policy_id FROM book.event_set
WHERE exchange_policy_id = ANY(CAST(:ids AS text[])) ORDER BY 1 LIMIT 5
""")

_OF_ISSUER = sa.text("""
SELECT DISTINCT exchange_policy_id FROM book.identifier
WHERE kind = 'issuer_policy_id' AND value = :id ORDER BY 1 LIMIT 5
""")


def partners_of_policy(conn: sa.Connection, exchange_policy_id: str) -> list[str]:
    """The trading partners of whom something was told about a policy of that id."""
    return list(conn.execute(_PARTNERS, {"policy": exchange_policy_id}).scalars())


def policies_of_member(
    conn: sa.Connection, member_id: str, partner_id: str | None, known_at: datetime | None
) -> list[dict[str, Any]]:
    """The policies on which the exchange's member or subscriber id stands, by begin.

    Columns: `partner_id`, `exchange_policy_id`, `plan_id`, `insurance_line`, `status`,
    `benefit_begin`, `benefit_end`, `exchange_subscriber_id`, `exchange_member_id`,
    `is_subscriber`.
    """
    parameters = {"member": member_id, "partner": partner_id, "known_at": known_at}
    return [dict(row) for row in conn.execute(_OF_MEMBER, parameters).mappings()]


def similar_policies(conn: sa.Connection, exchange_policy_id: str) -> list[str]:
    """At most five ids of policies that differ in one character, a swap, or leading zeros."""
    candidates = sorted(set(_one_slip_away(exchange_policy_id)))
    return list(conn.execute(_KNOWN_AMONG, {"ids": candidates}).scalars())


def policies_of_issuer_id(conn: sa.Connection, issuer_policy_id: str) -> list[str]:
    """At most five policies that have, or had, this id of our own."""
    return list(conn.execute(_OF_ISSUER, {"id": issuer_policy_id}).scalars())


_LONGEST = 40  # an id of X12 has at most fifty characters, a longer slip is no slip


def _one_slip_away(text: str) -> Iterator[str]:
    plain = text.strip()
    if not 1 < len(plain) <= _LONGEST:
        return
    yield from (plain, plain.upper(), plain.lstrip("0"), plain.replace("-", "").replace(" ", ""))
    yield from (plain.zfill(length) for length in range(len(plain) + 1, len(plain) + 5))
    signs = "0123456789" + "".join(set(plain) - set("0123456789"))
    for at in range(len(plain) + 1):
        head, tail = plain[:at], plain[at:]
        yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + sign + tail[1:] for sign in signs if tail)
        yield from (head + sign + tail for sign in signs)
