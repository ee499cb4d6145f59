"""Every table that passes between rooms: its columns, their types and what they mean.

All tables are Arrow tables. Ordinals count from 1 and join the tables of one file:
`interchange_ordinal`, `group_ordinal`, `set_ordinal` and `member_ordinal` run through the whole
file; `segment_ordinal` counts within the transaction set (1 = ST, as IK302 counts) and is null
outside one. `byte_start` and `byte_end` are half open and count from the first byte of the file;
the segment terminator is not included. Dates are `date32`, money is `decimal128(12, 2)`; what
could not be converted is null, and an issue says so.
"""

import pyarrow as pa

from schemas.hidden import leave_pandas_out

leave_pandas_out()  # every room has its tables from here, so no process loads it unasked

TEXT = pa.large_string()
DATE = pa.date32()
MONEY = pa.decimal128(12, 2)
ORDINAL = pa.int64()
COUNT = pa.int64()
BYTE = pa.int64()
ELEMENT = pa.int16()

INTERCHANGES = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("control_number", TEXT),  # ISA13
        ("authorization_qualifier", TEXT),  # ISA01
        ("security_qualifier", TEXT),  # ISA03
        ("sender_qualifier", TEXT),  # ISA05
        ("sender_id", TEXT),  # ISA06, trailing blanks removed
        ("receiver_qualifier", TEXT),  # ISA07
        ("receiver_id", TEXT),  # ISA08, trailing blanks removed
        ("date", TEXT),  # ISA09 as sent, YYMMDD
        ("time", TEXT),  # ISA10 as sent, HHMM
        ("repetition_separator", TEXT),  # ISA11
        ("version", TEXT),  # ISA12
        ("acknowledgment_requested", TEXT),  # ISA14
        ("usage_indicator", TEXT),  # ISA15
        ("component_separator", TEXT),  # ISA16
        ("trailer_group_count", TEXT),  # IEA01 as sent; null without IEA
        ("trailer_control_number", TEXT),  # IEA02; null without IEA
        ("group_count", COUNT),  # functional groups found
        ("byte_start", BYTE),  # first byte of ISA
        ("byte_end", BYTE),  # end of IEA, or of the last segment found
    ]
)

FUNCTIONAL_GROUPS = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("control_number", TEXT),  # GS06
        ("functional_identifier", TEXT),  # GS01
        ("sender_code", TEXT),  # GS02
        ("receiver_code", TEXT),  # GS03
        ("date", TEXT),  # GS04 as sent
        ("time", TEXT),  # GS05 as sent
        ("responsible_agency", TEXT),  # GS07
        ("version", TEXT),  # GS08
        ("trailer_set_count", TEXT),  # GE01 as sent; null without GE
        ("trailer_control_number", TEXT),  # GE02; null without GE
        ("set_count", COUNT),  # transaction sets found
        ("byte_start", BYTE),
        ("byte_end", BYTE),
    ]
)

TRANSACTION_SETS = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("control_number", TEXT),  # ST02
        ("identifier", TEXT),  # ST01
        ("convention", TEXT),  # ST03
        ("trailer_segment_count", TEXT),  # SE01 as sent; null without SE
        ("trailer_control_number", TEXT),  # SE02; null without SE
        ("segment_count", COUNT),  # ST and SE included, as SE01 counts
        ("member_count", COUNT),  # INS segments
        ("purpose_code", TEXT),  # BGN01
        ("reference", TEXT),  # BGN02
        ("date", DATE),  # BGN03
        ("time", TEXT),  # BGN04 as sent
        ("time_code", TEXT),  # BGN05
        ("original_reference", TEXT),  # BGN06
        ("action_code", TEXT),  # BGN08
        ("master_policy_number", TEXT),  # REF*38
        ("file_effective", DATE),  # header DTP*303 (CMS guide) or *007
        ("total_count", COUNT),  # QTY*TO
        ("subscriber_count", COUNT),  # QTY*ET
        ("dependent_count", COUNT),  # QTY*DT
        ("sponsor_name", TEXT),  # 1000A N102
        ("sponsor_qualifier", TEXT),  # 1000A N103
        ("sponsor_id", TEXT),  # 1000A N104
        ("payer_name", TEXT),  # 1000B N102
        ("payer_qualifier", TEXT),  # 1000B N103
        ("payer_id", TEXT),  # 1000B N104
        ("broker_name", TEXT),  # first 1000C N102
        ("broker_qualifier", TEXT),  # first 1000C N103
        ("broker_id", TEXT),  # first 1000C N104
        ("byte_start", BYTE),
        ("byte_end", BYTE),
    ]
)

_CONTROL_NUMBERS = [
    ("interchange_control_number", TEXT),
    ("group_control_number", TEXT),
    ("transaction_set_control_number", TEXT),
]

SEGMENTS = pa.schema(
    [
        *_CONTROL_NUMBERS,
        ("set_ordinal", ORDINAL),  # null outside a transaction set
        ("segment_ordinal", ORDINAL),
        ("segment_id", TEXT),
        ("loop_id", TEXT),  # null where the guide has no place for the segment
        ("byte_start", BYTE),
        ("byte_end", BYTE),
    ]
)

MEMBERS = pa.schema(
    [
        *_CONTROL_NUMBERS,
        ("set_ordinal", ORDINAL),
        ("member_ordinal", ORDINAL),
        ("is_subscriber", pa.bool_()),  # INS01
        ("relationship_code", TEXT),  # INS02
        ("maintenance_type", TEXT),  # INS03
        ("maintenance_reason", TEXT),  # INS04
        ("additional_maintenance_reason", TEXT),  # 2750 ADDL MAINT REASON, as sent
        ("benefit_status", TEXT),  # INS05
        ("employment_status", TEXT),  # INS08
        ("handicap_indicator", TEXT),  # INS10
        ("death_date", DATE),  # INS12
        ("exchange_subscriber_id", TEXT),  # REF*0F
        ("exchange_member_id", TEXT),  # 2000 REF*17
        ("issuer_subscriber_id", TEXT),  # 2000 REF*ZZ
        ("issuer_member_id", TEXT),  # 2000 REF*23
        ("former_issuer_subscriber_id", TEXT),  # 2000 REF*Q4
        ("former_issuer_member_id", TEXT),  # 2000 REF*ABB
        ("payment_transaction_id", TEXT),  # 2000 REF*6O
        ("exchange_policy_id", TEXT),  # REF*1L of 2000, else of the first 2300
        ("last_name", TEXT),
        ("first_name", TEXT),
        ("middle_name", TEXT),
        ("name_suffix", TEXT),
        ("ssn", TEXT),  # NM109 where NM108 = 34
        ("birth_date", DATE),
        ("gender_code", TEXT),
        ("marital_status", TEXT),
        ("address_line_1", TEXT),
        ("address_line_2", TEXT),
        ("city", TEXT),
        ("state", TEXT),
        ("postal_code", TEXT),
        ("county_code", TEXT),  # N406 where N405 = CY
        ("mailing_line_1", TEXT),
        ("mailing_line_2", TEXT),
        ("mailing_city", TEXT),
        ("mailing_state", TEXT),
        ("mailing_postal_code", TEXT),
        ("phone", TEXT),  # PER TE
        ("email", TEXT),  # PER EM
        ("tobacco_code", TEXT),  # HLH01
        ("eligibility_begin", DATE),  # 2000 DTP*356
        ("eligibility_end", DATE),  # 2000 DTP*357
        ("maintenance_effective", DATE),  # 2000 DTP*303
        ("byte_start", BYTE),  # first byte of INS
        ("byte_end", BYTE),  # end of the member's last segment
    ]
)

COVERAGES = pa.schema(
    [
        ("member_ordinal", ORDINAL),
        ("coverage_ordinal", ORDINAL),  # counts within the member
        ("maintenance_type", TEXT),  # HD01
        ("insurance_line", TEXT),  # HD03
        ("plan_description", TEXT),  # HD04
        ("coverage_level", TEXT),  # HD05
        ("benefit_begin", DATE),  # DTP*348
        ("benefit_end", DATE),  # DTP*349
        ("maintenance_effective", DATE),  # DTP*303
        ("last_premium_paid", DATE),  # DTP*543
        ("plan_id", TEXT),  # REF*CE
        ("exchange_policy_id", TEXT),  # REF*1L
        ("issuer_policy_id", TEXT),  # REF*X9
        ("former_issuer_policy_id", TEXT),  # REF*XM
        ("byte_start", BYTE),
        ("byte_end", BYTE),
    ]
)

REPORTING_CATEGORIES = pa.schema(
    [
        ("member_ordinal", ORDINAL),
        ("name", TEXT),  # N102
        ("qualifier", TEXT),  # REF01
        ("value", TEXT),  # REF02
        ("effective_begin", DATE),  # DTP*007
        ("effective_end", DATE),  # second date of an RD8
        ("byte_start", BYTE),
        ("byte_end", BYTE),
    ]
)

ISSUES = pa.schema(
    [
        ("rule", TEXT),  # id of the rule's row in schemas/rules
        ("severity", TEXT),  # reject | error | warning | info
        ("snip", pa.int8()),  # WEDI SNIP type 1-7; null where none applies
        ("x12_field", TEXT),  # TA105 | AK905 | IK502 | IK304 | IK403; null without an X12 answer
        ("x12_code", TEXT),
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("member_ordinal", ORDINAL),  # null outside a member
        ("segment_id", TEXT),
        ("segment_ordinal", ORDINAL),
        ("loop", TEXT),
        ("element", ELEMENT),  # 1-based; null for a whole segment
        ("component", ELEMENT),
        ("repetition", ELEMENT),  # of an element that is repeated; null where it stands once
        ("data_element", TEXT),  # X12 data element number, for IK402
        ("byte_start", BYTE),
        ("byte_end", BYTE),
        ("message", TEXT),  # the sentence; never holds a value of the file
    ]
)

INTERCHANGE_VERDICTS = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("control_number", TEXT),
        ("ta1_code", TEXT),  # A | E | R
        ("ta1_note", TEXT),  # three digits, "000" without a note
    ]
)

GROUP_VERDICTS = pa.schema(
    [
        ("interchange_ordinal", ORDINAL),
        ("group_ordinal", ORDINAL),
        ("control_number", TEXT),
        ("ack", TEXT),  # AK901: A | E | P | R
        ("codes", pa.list_(TEXT)),  # AK905-09, at most five
        ("set_count_included", COUNT),  # AK902: GE01 as sent where it is a number
        ("set_count_received", COUNT),  # AK903
        ("set_count_accepted", COUNT),  # AK904: IK501 A or E
    ]
)

SET_VERDICTS = pa.schema(
    [
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("control_number", TEXT),
        ("ack", TEXT),  # IK501: A | E | R
        ("codes", pa.list_(TEXT)),  # IK502-06, at most five
    ]
)

# Whom an error of the 999 concerns: the subscriber number (REF*0F) of each member that has one.
BUSINESS_UNITS = pa.schema(
    [
        ("member_ordinal", ORDINAL),
        ("subscriber_number", TEXT),
    ]
)

CARRIER_PAYMENTS = pa.schema(
    [
        ("exchange_policy_id", TEXT),
        ("amount", MONEY),
        ("received_on", DATE),
        ("paid_through", DATE),  # last day that the payment covers
    ]
)

# What the carrier wants told to the exchange of a policy, of its own accord.
CARRIER_REQUESTS = pa.schema(
    [
        ("exchange_policy_id", TEXT),
        ("request", TEXT),  # cancel | terminate | reinstate
        ("additional_maintenance_reason", TEXT),  # CANCEL-FLC, TERM-OTH, …; null to reinstate
        ("coverage_end", DATE),  # null: of a cancellation the first day
        ("requested_on", DATE),
    ]
)

# One row per disagreement. `field` is null when a whole row is missing on one side.
DIFFERENCES = pa.schema(
    [
        ("kind", TEXT),  # differs | missing_at_carrier | missing_in_book
        ("exchange_policy_id", TEXT),
        ("exchange_member_id", TEXT),
        ("field", TEXT),
        ("book_value", TEXT),
        ("carrier_value", TEXT),
        # The carrier's dollars a month less the book's, where the disagreement is about dollars.
        ("premium_difference", MONEY),
        ("aptc_difference", MONEY),
        ("csr_difference", MONEY),
        ("file_id", pa.int64()),  # the file behind the book's value
    ]
)

# The same as a break meets them: by which row of our rules, and of which period they are.
FOUND_DIFFERENCES = pa.schema(
    [
        *DIFFERENCES,
        ("rule", TEXT),  # of monthly/actions.toml, or a category of premium.toml
        ("period", TEXT),  # coverage year (2027) or month (2027-01); null: all times
    ]
)

# What the writer of our 834s needs, one row per member to write (CMS guide 7.2, tables 18 to 22):
# all covered members of an effectuation or a maintenance, the subscriber alone of the others. Rows
# of a policy are adjacent, the subscriber first. Policy columns repeat on each of its rows.
ISSUER_TRANSACTIONS = pa.schema(
    [
        ("decision_id", pa.int64()),  # the row of book.decision that is sent; not written
        # effectuation | cancellation | termination | maintenance | reinstatement
        ("transaction", TEXT),
        ("exchange_policy_id", TEXT),  # REF*1L, of 2300 or of 2000
        ("issuer_policy_id", TEXT),  # REF*X9; null leaves it out
        ("former_issuer_policy_id", TEXT),  # REF*XM, beside a new REF*X9; null leaves it out
        ("plan_id", TEXT),  # 16 characters; REF*CE, its first 14 = GS02
        ("insurance_line", TEXT),  # HD03
        ("reference", TEXT),  # BGN02 of the exchange's last transaction set
        ("total_count", COUNT),  # QTY*TO as the exchange last sent it
        ("dependent_count", COUNT),  # QTY*DT; null or 0 leaves it out
        ("sponsor_name", TEXT),
        ("sponsor_qualifier", TEXT),
        ("sponsor_id", TEXT),
        ("payer_name", TEXT),
        ("payer_id", TEXT),
        ("last_premium_paid", DATE),  # DTP*543, written on the subscriber only
        ("is_subscriber", pa.bool_()),
        ("relationship_code", TEXT),
        ("maintenance_type", TEXT),  # INS03, HD01
        ("maintenance_reason", TEXT),  # INS04; null leaves it empty
        ("additional_maintenance_reason", TEXT),  # ADDL MAINT REASON, as it is to be sent
        ("exchange_subscriber_id", TEXT),
        ("exchange_member_id", TEXT),
        ("issuer_subscriber_id", TEXT),  # REF*ZZ; null leaves it out
        ("former_issuer_subscriber_id", TEXT),  # REF*Q4, beside a new REF*ZZ
        ("issuer_member_id", TEXT),  # REF*23; null leaves it out
        ("former_issuer_member_id", TEXT),  # REF*ABB, beside a new REF*23
        ("eligibility_begin", DATE),  # DTP*356; of a policy that ends: what its end is measured by
        ("eligibility_end", DATE),  # DTP*357, or DTP*349 where an exchange wants loop 2300
        ("maintenance_effective", DATE),  # DTP*303 of a member who changes; null leaves it out
        ("benefit_begin", DATE),  # DTP*348
        ("last_name", TEXT),
        ("first_name", TEXT),
        ("middle_name", TEXT),
        ("name_suffix", TEXT),
        ("birth_date", DATE),
        ("gender_code", TEXT),
    ]
)

# Why a decision cannot be sent as it is. The text names elements and rules, and no value.
OBSTACLES = pa.schema([("decision_id", pa.int64()), ("obstacle", TEXT)])

# Which transaction set of a file that we wrote says which decision. Ordinals are those of the file.
SAID_SETS = pa.schema(
    [
        ("group_ordinal", ORDINAL),
        ("set_ordinal", ORDINAL),
        ("decision_id", pa.int64()),
        ("exchange_policy_id", TEXT),
        ("transaction", TEXT),
    ]
)

# What a business acknowledgement (BAA) says of what we sent: one row per error or warning. Numbers
# and ids are texts as they came; null where they are left out.
BUSINESS_ANSWERS = pa.schema(
    [
        ("transaction_ordinal", ORDINAL),  # counts the answered transactions of the file
        ("interchange_control_number", TEXT),  # ISA13 of ours
        ("group_control_number", TEXT),  # GS06
        ("transaction_set_control_number", TEXT),  # ST02
        ("exchange_subscriber_id", TEXT),
        ("exchange_member_id", TEXT),
        ("exchange_policy_id", TEXT),
        ("severity", TEXT),  # rejected | warning; null: one that the exchange's guide does not name
        ("element", TEXT),  # what is wrong, as the exchange calls it
        ("code", TEXT),
        ("message", TEXT),
    ]
)

# What is wrong with a business acknowledgement itself: rows of schemas/rules.
BUSINESS_ANSWER_ISSUES = pa.schema(
    [
        ("rule", TEXT),  # id of the row in schemas/rules/business_acknowledgements.toml
        ("severity", TEXT),  # reject: nothing of the file is read | error | warning
        ("transaction_ordinal", ORDINAL),  # null: of the file
        ("line", COUNT),  # of the file
        ("message", TEXT),  # the sentence; never holds a value of the file
    ]
)

# What the exchange answers to what we sent, by our own control numbers: one row per TA1, per AK9,
# per IK5, and per error of a business acknowledgement.
ANSWERS = pa.schema(
    [
        ("level", TEXT),  # interchange | group | set | business
        ("interchange_number", TEXT),  # TA101
        ("group_number", TEXT),  # AK102
        ("set_number", TEXT),  # AK202
        ("code", TEXT),  # TA104 | AK901 | IK501 | R, W; null when it is cut off
        ("note", TEXT),  # TA105, or the code of a business error
        ("exchange_policy_id", TEXT),  # this and what follows: of business errors
        ("exchange_member_id", TEXT),
        ("element", TEXT),
    ]
)

# Where each member that came in ended up. Exactly one row per INS of every received file.
DISPOSITIONS = pa.schema(
    [
        ("set_ordinal", ORDINAL),
        ("member_ordinal", ORDINAL),
        ("state", TEXT),  # accepted | rejected | pending
        ("reason", TEXT),  # rule id, or the reason the book gives; null when accepted with effect
    ]
)
