"""What both sides of a reconciliation can say of a member of a policy, one row a member."""

import pyarrow as pa

from schemas.tables import COUNT, DATE, MONEY, TEXT

_MEMBER_RECORD = [
    ("exchange_policy_id", TEXT),
    ("exchange_subscriber_id", TEXT),
    ("exchange_member_id", TEXT),
    ("issuer_policy_id", TEXT),
    ("issuer_subscriber_id", TEXT),
    ("issuer_member_id", TEXT),
    ("relationship_code", TEXT),
    ("last_name", TEXT),
    ("first_name", TEXT),
    ("middle_name", TEXT),
    ("name_suffix", TEXT),
    ("birth_date", DATE),
    ("gender_code", TEXT),
    ("ssn", TEXT),
    ("address_line_1", TEXT),
    ("address_line_2", TEXT),
    ("city", TEXT),
    ("state", TEXT),
    ("postal_code", TEXT),
    ("county_code", TEXT),
    ("rating_area", TEXT),  # of the policy, on the subscriber's row: R-, state and three digits
    ("mailing_line_1", TEXT),
    ("mailing_line_2", TEXT),
    ("mailing_city", TEXT),
    ("mailing_state", TEXT),
    ("mailing_postal_code", TEXT),
    ("phone", TEXT),
    ("email", TEXT),
    ("tobacco_code", TEXT),
    ("plan_id", TEXT),  # 16 characters
    ("insurance_line", TEXT),
    ("benefit_begin", DATE),
    ("benefit_end", DATE),  # null = open; begin = end on a cancelled policy
    # Each span of the member in the policy, as `reconciliation/span_sql.py` reads it; null = not
    # told, or never covered.
    ("coverage_spans", TEXT),
    # Of the policy, on the subscriber's row only (CMS guide 7.2, table 17), but the last.
    ("premium_total", MONEY),  # PRE AMT TOT
    ("aptc", MONEY),  # APTC AMT
    ("csr", MONEY),  # CSR AMT
    ("responsible_amount", MONEY),  # TOT RES AMT
    ("individual_premium", MONEY),  # PRE AMT 1, the member's own
]

CARRIER_MEMBERS = pa.schema(_MEMBER_RECORD)

# What else a carrier keeps may be unmapped: then its table has no such column, and the comparison
# says that it was not compared.
CARRIER_NEEDED = (
    "exchange_policy_id",
    "exchange_member_id",
    "issuer_policy_id",
    "issuer_subscriber_id",
    "issuer_member_id",
    "last_name",
    "first_name",
    "birth_date",
    "gender_code",
    "plan_id",
    "benefit_begin",
    "benefit_end",
    "premium_total",
    "aptc",
)

BOOK_MEMBERS = pa.schema(
    [
        *_MEMBER_RECORD,
        ("is_subscriber", pa.bool_()),
        ("policy_status", TEXT),  # initial | effectuated | terminated | cancelled
        ("file_id", pa.int64()),  # the file that last changed this row
    ]
)

# The two records of a pair, by the keys that either side has.
MATCH_KEY = (
    "book_policy_id",
    "book_member_id",
    "carrier_policy_id",
    "carrier_member_id",
)
_PAIR = [(name, TEXT) for name in MATCH_KEY]

# Pairs that the exchange's policy and member ids do not make, and how they were found.
MATCHES = pa.schema(
    [
        *_PAIR,
        ("state", TEXT),  # matched | accepted (a person's word) | proposed (waits for a person)
        ("how", TEXT),  # the ids by name, or likeness
        ("weight", pa.float64()),  # bits; null for ids
        ("runner_up", pa.float64()),  # of the next best pair of either record; null: there is none
        ("reasons", pa.list_(TEXT)),  # of likeness: comparison, level and bits
    ]
)

# What persons said of pairs: an input of the next reconciliation.
MATCH_DECISIONS = pa.schema([*_PAIR, ("word", TEXT)])  # accept | refuse

# Where all rows and dollars of a nightly comparison went, on both sides: a row for each fate,
# insurance line and plan year. The book says line and year where it has the row.
BALANCE = pa.schema(
    [
        # matched | differing | missing_at_carrier | missing_in_book | may_be_absent
        ("fate", TEXT),
        ("insurance_line", TEXT),  # `not told` where neither side says it
        ("plan_year", TEXT),  # in which the benefit begins, or `not told`
        ("book_rows", COUNT),
        ("carrier_rows", COUNT),
        ("book_premium", MONEY),
        ("carrier_premium", MONEY),
        ("book_aptc", MONEY),
        ("carrier_aptc", MONEY),
        ("book_csr", MONEY),
        ("carrier_csr", MONEY),
    ]
)


def without_rows(schema: pa.Schema) -> pa.Table:
    """A table of that schema without rows.

    Not `empty_table`: that imports pandas, which takes longer than a night's comparison.
    """
    return pa.Table.from_batches([], schema=schema)
