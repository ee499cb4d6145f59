"""What the book says of a coverage year for the monthly reconciliation with the exchange."""

from datetime import date, datetime

import pyarrow as pa
import sqlalchemy as sa

from enrollment.segments import SEGMENTS
from enrollment.whole_book import whole_book
from schemas import monthly_tables
from schemas.columns import MAILING, RESIDENCE
from schemas.postgres_copy import copy_out

_BELIEVED = "partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at"
_SEGMENT_COLUMNS = [
    name
    for name in monthly_tables.RCNI_ROWS.names
    if name in monthly_tables.BOOK_SEGMENTS.names and name != "exchange_policy_id"
]
_PERSON = (
    "last_name", "first_name", "middle_name", "birth_date", "gender_code", "ssn", "phone",
    "tobacco_code",
)  # fmt: skip


def _address(kind: str) -> str:
    """The addresses of a kind that hold on the day, one a member."""
    return f"""(
  SELECT DISTINCT ON (exchange_policy_id, exchange_member_id) *
  FROM book.address
  WHERE {_BELIEVED} AND kind = '{kind}' AND coalesce(valid_to, 'infinity') >= :on_day
  ORDER BY exchange_policy_id, exchange_member_id, valid_from
)"""


# Persons are told as they are on the day: of whoever begins later, as he will be then.
_ROWS = f"""
SELECT row_number() OVER (ORDER BY s.exchange_policy_id, s.segment_begin, s.is_subscriber DESC,
    s.exchange_member_id) AS trace_number,
  s.exchange_policy_id, {", ".join(f"s.{name}" for name in _SEGMENT_COLUMNS)},
  {", ".join(f"m.{name}" for name in _PERSON)},
  {", ".join(f"r.{name}" for name in RESIDENCE)},
  {", ".join(f"l.{name}" for name in RESIDENCE[: len(MAILING)])},
  CASE WHEN p.status = 'cancelled' THEN 'C' WHEN p.needs_effectuation THEN 'N' ELSE 'Y' END,
  paid.through, p.rating_area
FROM ({SEGMENTS}) s
JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
  AND p.partner_id = :partner_id AND p.known_from <= :known_at AND p.known_to > :known_at
JOIN book.member m ON m.exchange_policy_id = s.exchange_policy_id
  AND m.exchange_member_id = s.exchange_member_id
  AND m.partner_id = :partner_id AND m.known_from <= :known_at AND m.known_to > :known_at
LEFT JOIN {_address("residence")} r ON r.exchange_policy_id = s.exchange_policy_id
  AND r.exchange_member_id = s.exchange_member_id
LEFT JOIN {_address("mailing")} l ON l.exchange_policy_id = s.exchange_policy_id
  AND l.exchange_member_id = s.exchange_member_id
LEFT JOIN (
  SELECT d.exchange_policy_id, max(d.paid_through) AS through
  FROM book.decision d
  JOIN ledger.file f ON f.file_id = d.sent_file_id AND f.recorded_at <= :known_at
  WHERE d.partner_id = :partner_id AND d.state = 'sent' AND d.kind = 'effectuation'
  GROUP BY d.exchange_policy_id
) paid ON paid.exchange_policy_id = s.exchange_policy_id
WHERE s.segment_begin BETWEEN :year_begin AND :year_end
ORDER BY 1
"""


def rcni_rows(
    conn: sa.Connection, partner_id: str, coverage_year: int, known_at: datetime, on_day: date
) -> pa.Table:
    """The segments that begin in the year, as believed at that moment (monthly_tables.RCNI_ROWS).

    The exchange's enrollments end with the year even where nobody says so (CMS guide 7.2, section
    6.9), so the year of a segment is the one in which it begins.
    """
    query = sa.text(_ROWS).bindparams(
        partner_id=partner_id,
        known_at=known_at,
        on_day=on_day,
        year_begin=date(coverage_year, 1, 1),
        year_end=date(coverage_year, 12, 31),
    )
    with whole_book(conn):
        return copy_out(conn, query, monthly_tables.RCNI_ROWS)
