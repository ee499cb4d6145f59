"""The tables of the HIX 820 (005010X306): what an exchange pays and charges, and what is due."""

import pyarrow as pa

from schemas.tables import BYTE, DATE, MONEY, ORDINAL, TEXT

# The header of a HIX 820 (005010X306): one row per transaction set.
REMITTANCES = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("set_control_number", TEXT),  # ST02
        ("handling_code", TEXT),  # BPR01
        ("total_amount", MONEY),  # BPR02; negative where the issuer owes
        ("credit_or_debit", TEXT),  # BPR03
        ("payment_method", TEXT),  # BPR04: ACH, or NON where nothing is paid
        ("effective_date", DATE),  # BPR16
        ("trace_number", TEXT),  # TRN02
        ("payee_name", TEXT),  # N1*PE
        ("payee_id", TEXT),
        ("payer_name", TEXT),  # N1*RM
        ("payer_id", TEXT),
        ("byte_start", BYTE),  # BPR
        ("byte_end", BYTE),
    ]
)

# What a HIX 820 pays or charges: one row per RMR. Ids are as they were sent; those of the policy
# are null in a payment that is of no policy.
PREMIUM_PAYMENTS = pa.schema(
    [
        ("interchange_control_number", TEXT),
        ("group_control_number", TEXT),
        ("transaction_set_control_number", TEXT),
        ("set_ordinal", ORDINAL),
        ("entity_ordinal", ORDINAL),  # counts ENT through the file
        ("payment_ordinal", ORDINAL),  # counts RMR within its ENT
        ("assigned_number", TEXT),  # ENT01
        ("last_name", TEXT),  # NM103
        ("first_name", TEXT),  # NM104
        ("exchange_subscriber_id", TEXT),  # NM109
        ("exchange_policy_id", TEXT),  # REF*POL
        ("plan_id", TEXT),  # REF*38
        ("issuer_policy_id", TEXT),  # REF*AZ
        ("issuer_subscriber_id", TEXT),  # REF*0F
        ("employer_group_id", TEXT),  # REF*1L
        ("issuer_plan_id", TEXT),  # REF*TV
        ("reference_qualifier", TEXT),  # RMR01
        ("payment_type", TEXT),  # RMR02: APTC, CSR, UF, …
        ("amount", MONEY),  # RMR04: above zero a payment to us, below zero a charge
        ("billed_amount", MONEY),  # RMR05
        ("report_type", TEXT),  # 2300 REF02
        ("period_begin", DATE),  # DTM*582
        ("period_end", DATE),
        ("adjustment_reason", TEXT),  # ADX02 of the first ADX
        ("adjustment_amount", MONEY),  # sum of ADX01; null without an ADX
        ("byte_start", BYTE),  # RMR
        ("byte_end", BYTE),  # end of the last segment of loop 2300
    ]
)

SUM = pa.decimal128(38, 2)  # of amounts, each of which is MONEY

# What the sets of a HIX 820 say that they pay, and what their payments add up to: several rows of a
# set, one for each stretch that it lies in and one for its BPR.
PREMIUM_TOTALS = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("stated", SUM),  # BPR02; null in rows of payments
        ("paid", SUM),  # sum of RMR04 and ADX01; null in rows of BPR
        ("byte_start", BYTE),  # BPR02; null in rows of payments
        ("byte_end", BYTE),
    ]
)

# Where every cent of a HIX 820 and every cent that was due went: one row per policy, month and
# amount, and rows for what is of no policy. Above zero is ours to get, below zero ours to pay.
PREMIUM_MONTHS = pa.schema(
    [
        # agreed | short | over | not_paid | paid_after_end | not_covered | not_expected |
        # unknown_policy | other_issuer | program | unknown_type | without_period | unitemised
        ("category", TEXT),
        ("exchange_policy_id", TEXT),  # the book's; of an unknown policy as it was sent
        ("month", DATE),  # its first day
        ("amount_type", TEXT),  # aptc | csr | user_fee; of other rows RMR02
        ("expected", MONEY),  # by the book; null where nothing is
        ("paid_before", MONEY),  # of this month, by earlier files
        ("payments", MONEY),  # of this file, above zero
        ("charges", MONEY),  # of this file, below zero
        ("adjusted", MONEY),  # of both, by adjustments
        ("difference", MONEY),  # what was paid, now and before, less what is expected
        ("matched_by", TEXT),  # the id that found the policy
        ("payment_count", pa.int64()),  # payments of this file
        ("byte_start", BYTE),  # the first of them; null without any
        ("byte_end", BYTE),
    ]
)
