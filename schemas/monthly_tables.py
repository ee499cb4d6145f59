"""The tables of the monthly reconciliation that pass between rooms; types are `tables.py`'s."""

import pyarrow as pa

from schemas import records
from schemas.tables import BYTE, COUNT, DATE, MONEY, ORDINAL, TEXT

# The book cut into financial segments: one row per member and span in which the plan, the members
# and all amounts of the policy stay the same. An amount's dates are those of its own span, which
# may be longer. Policy amounts stand on the subscriber's rows only; a cancelled policy has none.
BOOK_SEGMENTS = pa.schema(
    [
        ("exchange_policy_id", TEXT),
        ("exchange_subscriber_id", TEXT),
        ("exchange_member_id", TEXT),
        ("issuer_policy_id", TEXT),
        ("issuer_subscriber_id", TEXT),
        ("issuer_member_id", TEXT),
        ("is_subscriber", pa.bool_()),
        ("relationship_code", TEXT),
        ("plan_id", TEXT),  # 16 characters, of the segment
        ("insurance_line", TEXT),
        ("policy_status", TEXT),  # initial | effectuated | terminated | cancelled
        ("is_confirmed", pa.bool_()),  # its effectuation was said, or need not be
        ("segment_begin", DATE),
        ("segment_end", DATE),  # null = open
        ("benefit_begin", DATE),  # of the member's span of coverage, whatever the plan
        ("benefit_end", DATE),
        ("premium_total", MONEY),  # PRE AMT TOT
        ("premium_begin", DATE),
        ("premium_end", DATE),  # null = open, as the ends below
        ("aptc", MONEY),  # APTC AMT
        ("aptc_begin", DATE),
        ("aptc_end", DATE),
        ("csr", MONEY),  # CSR AMT
        ("csr_begin", DATE),
        ("csr_end", DATE),
        ("individual_premium", MONEY),  # the member's PRE AMT 1
        ("individual_begin", DATE),
        ("individual_end", DATE),
        ("responsible_amount", MONEY),  # TOT RES AMT
    ]
)

_NOT_TOLD = (
    "insurance_line", "is_confirmed", "benefit_begin", "benefit_end", "responsible_amount",
)  # fmt: skip

# What an RCNI tells of a coverage year: the segments that begin in it, with the persons as they are
# now. One row is one detail record, in the order of the file.
RCNI_ROWS = pa.schema(
    [
        ("trace_number", TEXT),  # counts the records from 1; the exchange returns it
        *[BOOK_SEGMENTS.field(name) for name in BOOK_SEGMENTS.names if name not in _NOT_TOLD],
        ("last_name", TEXT),
        ("first_name", TEXT),
        ("middle_name", TEXT),
        ("birth_date", DATE),
        ("gender_code", TEXT),
        ("ssn", TEXT),
        ("phone", TEXT),
        ("tobacco_code", TEXT),  # HLH01
        ("address_line_1", TEXT),
        ("address_line_2", TEXT),
        ("city", TEXT),
        ("state", TEXT),
        ("postal_code", TEXT),
        ("county_code", TEXT),
        ("mailing_line_1", TEXT),  # null: as the residence
        ("mailing_line_2", TEXT),
        ("mailing_city", TEXT),
        ("mailing_state", TEXT),
        ("mailing_postal_code", TEXT),
        ("paid_status", TEXT),  # Y effectuated | N not | C cancelled
        ("paid_through", DATE),  # as decided with our last effectuation
        ("rating_area", TEXT),  # of the policy
    ]
)

# What the exchange answered of each of our monthly records, and what it has that we did not send.
# The key and dollars are ours where we have them, else the exchange's.
RCNO_RECORDS = pa.schema(
    [
        ("record_ordinal", ORDINAL),  # counts the records of the file from 1
        ("line", COUNT),  # of the file
        ("byte_start", BYTE),
        ("byte_end", BYTE),
        ("flag", TEXT),
        ("fate", TEXT),  # matched | differing | unmatched
        ("report_month", TEXT),  # CCYYMM
        ("trace_number", TEXT),  # of our record; null of what we did not send
        ("segment_id", TEXT),  # the exchange's
        ("exchange_subscriber_id", TEXT),
        ("exchange_member_id", TEXT),
        ("exchange_policy_id", TEXT),
        ("exchange_premium", MONEY),
        ("issuer_premium", MONEY),
        ("exchange_aptc", MONEY),
        ("issuer_aptc", MONEY),
    ]
)

# Each compared field of each record.
RCNO_FIELDS = pa.schema(
    [
        ("record_ordinal", ORDINAL),
        ("field", TEXT),
        ("position", COUNT),  # of the exchange's value, from 0
        ("exchange_value", TEXT),
        ("issuer_value", TEXT),
        ("flag", TEXT),
    ]
)

# What is wrong with an answer: rows of schemas/monthly/issues.toml.
MONTHLY_ISSUES = pa.schema(
    [
        ("rule", TEXT),
        ("severity", TEXT),  # reject: nothing of the file is taken | error | warning
        ("line", COUNT),  # of the file, from 1; null: of the whole
        ("position", COUNT),  # of the field, from 0; null: of the line
        ("message", TEXT),  # the sentence; never holds a value of the file
    ]
)

# What follows from an answer, one row per record or field of which something follows.
MONTHLY_ACTIONS = pa.schema(
    [
        ("action_ordinal", ORDINAL),  # in the order of the file
        ("record_ordinal", ORDINAL),
        ("line", COUNT),
        ("byte_start", BYTE),
        ("byte_end", BYTE),
        ("exchange_policy_id", TEXT),
        ("exchange_member_id", TEXT),
        ("field", TEXT),  # null: the whole record
        ("exchange_value", TEXT),
        ("issuer_value", TEXT),
        ("flag", TEXT),  # as the exchange said it
        ("rule", TEXT),  # id of the row in schemas/monthly/actions.toml
        ("action", TEXT),  # correct | dispute | ignore | look
        ("dollars", MONEY),  # of each month: what differs, or the premium of a whole record
    ]
)

# What the exchange's pre-audit file says: a member in a segment of the policy. Plan, begin, end and
# amounts are the segment's, all else the member's as it is now.
PRE_AUDIT_ROWS = pa.schema(
    [
        ("line", COUNT),  # of the file, from 1
        ("created_on", DATE),  # when the exchange gathered it, on its own clock
        ("created_at", TEXT),  # HHMMSS, and three digits more
        ("transaction_code", TEXT),  # 1 active | 3 cancelled: it ends on the day it begins
        ("is_subscriber", pa.bool_()),
        *[
            field
            for field in records.CARRIER_MEMBERS
            if field.name not in ("name_suffix", "coverage_spans", "rating_area")
        ],
    ]
)
