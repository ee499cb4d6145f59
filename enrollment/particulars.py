"""What the book should believe of addresses, identifiers and brokers, each with its former ones.

They hold from the date of the maintenance that brought them, which is the subscriber's where a
member has none (CMS guide 7.2, table 22), and what an enrollment says holds from its begin of
coverage on.
"""

import sqlalchemy as sa

from enrollment.timelines import news, timeline
from schemas.columns import MAILING, RESIDENCE

_MEMBER = ("exchange_policy_id", "exchange_member_id")
_LINES = RESIDENCE

_VALID_FROM = """CASE WHEN t.said = 1 OR e.maintenance_type = '021'
    THEN coalesce(e.benefit_begin, t.policy_begin)
    ELSE coalesce(e.maintenance_effective, t.maintenance_effective, e.benefit_begin,
      t.policy_begin) END"""


def _told(condition: str) -> str:
    return f"""
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
WHERE t.describes AND {condition} AND e.maintenance_type <> '030'"""


def _lines(kind: str, condition: str) -> str:
    """What is said about an address of a kind; a mailing address has no county."""
    lines = RESIDENCE if kind == "residence" else (*MAILING, "NULL")
    values = ", ".join(
        f"{'' if line == 'NULL' else 'e.'}{line} AS {name}"
        for line, name in zip(lines, _LINES, strict=True)
    )
    return f"""
SELECT t.exchange_policy_id, e.exchange_member_id, '{kind}' AS kind, {values},
  {_VALID_FROM} AS valid_from, t.said, e.event_id
{_told(condition)} AND e.{lines[0]} IS NOT NULL"""


def _both(condition: str) -> str:
    return f"{_lines('residence', condition)} UNION ALL {_lines('mailing', condition)}"


_KIND = (*_MEMBER, "kind")
_ADDRESS = (*_KIND, *_LINES)
PLAIN_ADDRESSES = f"""
SELECT {", ".join(_ADDRESS)}, valid_from, CAST(NULL AS date) AS valid_to, event_id
FROM ({_both("NOT t.grown AND t.fresh = {fresh}")}) said
"""
_NEXT_ADDRESSES = sa.text(f"""
CREATE TEMPORARY TABLE next_address ON COMMIT DROP AS
{PLAIN_ADDRESSES.format(fresh="false")}
UNION ALL
SELECT {", ".join(_ADDRESS)}, valid_from, valid_to, event_id
FROM ({timeline(_KIND, _LINES, news(_KIND, _LINES, _both("t.grown")))}) span
""")

# The subscriber's id of the exchange is a member's attribute; as an identifier of its own it counts
# where there has been another one.
_HAS_IDS = "num_nonnulls(e.issuer_policy_id, e.issuer_subscriber_id, e.issuer_member_id) > 0"


def _ids(condition: str) -> str:
    return f"""
SELECT t.exchange_policy_id, e.exchange_member_id, i.kind, i.value,
  {_VALID_FROM} AS valid_from, t.said, e.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
CROSS JOIN LATERAL (VALUES
  ('issuer_policy_id', CASE WHEN e.is_subscriber THEN e.issuer_policy_id END),
  ('issuer_subscriber_id', e.issuer_subscriber_id),
  ('issuer_member_id', e.issuer_member_id),
  ('exchange_subscriber_id', CASE WHEN t.grown THEN e.exchange_subscriber_id END)
) i (kind, value)
WHERE (t.describes OR t.identifies) AND e.maintenance_type <> '030' AND i.value IS NOT NULL
  AND {condition}"""


# Most enrollments name no id of ours: the scan of the events leaves them out before any join.
_IDS = f"{_ids('t.grown')} UNION ALL {_ids(f'NOT t.grown AND {_HAS_IDS}')}"

# A former id that the exchange echoes was so before all else that was told; of several, the first.
_FORMER_IDS = f"""
SELECT DISTINCT ON ({", ".join(_KIND)}) t.exchange_policy_id, e.exchange_member_id, i.kind, i.value,
  t.policy_begin AS valid_from, 0 AS said, e.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
CROSS JOIN LATERAL (VALUES
  ('issuer_policy_id', CASE WHEN e.is_subscriber THEN e.former_issuer_policy_id END),
  ('issuer_subscriber_id', e.former_issuer_subscriber_id),
  ('issuer_member_id', e.former_issuer_member_id)
) i (kind, value)
WHERE t.describes AND e.maintenance_type <> '030' AND i.value IS NOT NULL
  AND num_nonnulls(e.former_issuer_policy_id, e.former_issuer_subscriber_id,
    e.former_issuer_member_id) > 0
ORDER BY {", ".join(_KIND)}, t.said"""

_IDENTIFIERS = f"""
SELECT {", ".join(_KIND)}, value, valid_from, said, event_id
FROM ({news(_KIND, ("value",), _IDS)}) told
UNION ALL ({_FORMER_IDS})"""

_NEXT_IDENTIFIERS = sa.text(f"""
CREATE TEMPORARY TABLE next_identifier ON COMMIT DROP AS
SELECT exchange_policy_id, exchange_member_id, kind, value, valid_from, valid_to, event_id
FROM (
  SELECT *, kind = 'exchange_subscriber_id' AND valid_to IS NULL AND count(*) OVER (
    PARTITION BY exchange_policy_id, exchange_member_id, kind) = 1 AS was_always_so
  FROM ({timeline(_KIND, ("value",), _IDENTIFIERS)}) span
) known
WHERE NOT was_always_so
""")

# A set without a broker says nothing about one, unless the broker is what it changes.
_BROKERS = f"""
SELECT t.exchange_policy_id, h.broker_name, h.broker_id, {_VALID_FROM} AS valid_from, t.said,
  e.event_id
FROM told_set t
JOIN book.event e ON e.file_id = t.file_id AND e.set_ordinal = t.set_ordinal AND e.is_subscriber
JOIN ledger.transaction_set h ON h.file_id = t.file_id AND h.set_ordinal = t.set_ordinal
WHERE t.describes
  AND (h.broker_name IS NOT NULL OR h.broker_id IS NOT NULL OR e.kind = 'broker change')"""

_KEY, _BROKER = ("exchange_policy_id",), ("broker_name", "broker_id")
_NEXT_BROKERS = sa.text(f"""
CREATE TEMPORARY TABLE next_broker ON COMMIT DROP AS
SELECT exchange_policy_id, broker_name, broker_id, valid_from, valid_to, event_id
FROM ({timeline(_KEY, _BROKER, news(_KEY, _BROKER, _BROKERS))}) span
WHERE broker_name IS NOT NULL OR broker_id IS NOT NULL
""")

STATEMENTS = (_NEXT_ADDRESSES, _NEXT_IDENTIFIERS, _NEXT_BROKERS)
