"""Where each column of the business tables stands in its guide.

One row per column: loop, segment, the qualifier that element 1 must have, the element that holds
the value, and a condition on another element where the guide needs one. The parser reads these
rows; nothing in it names a segment of the 834.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.guide import PREMIUM_PAYMENT, Guide

Kind = Literal["text", "date", "count", "flag", "money"]
Where = tuple[str, str, str | None, tuple[int, str] | None]


@dataclass(frozen=True)
class Place:
    """The place of one column in the guide.

    `condition` is (element, value): another element that must have that value, such as NM108 = 34
    before an SSN. Rows of the same name are tried in their order: the first value found holds.
    """

    name: str
    loop: str
    segment: str
    element: int
    qualifier: str | None = None
    kind: Kind = "text"
    condition: tuple[int, str] | None = None

    @property
    def where(self) -> Where:
        """What tells which segments hold the value: all but its name, kind and element."""
        return (self.loop, self.segment, self.qualifier, self.condition)


def _dtp(name: str, loop: str, qualifier: str) -> Place:
    return Place(name, loop, "DTP", 3, qualifier, "date")


def _ref(name: str, loop: str, qualifier: str) -> Place:
    return Place(name, loop, "REF", 2, qualifier)


SET_HEADER = (
    Place("purpose_code", "HEADER", "BGN", 1),
    Place("reference", "HEADER", "BGN", 2),
    Place("date", "HEADER", "BGN", 3, kind="date"),
    Place("time", "HEADER", "BGN", 4),
    Place("time_code", "HEADER", "BGN", 5),
    Place("original_reference", "HEADER", "BGN", 6),
    Place("action_code", "HEADER", "BGN", 8),
    _ref("master_policy_number", "HEADER", "38"),
    _dtp("file_effective", "HEADER", "303"),
    Place("total_count", "HEADER", "QTY", 2, "TO", "count"),
    Place("subscriber_count", "HEADER", "QTY", 2, "ET", "count"),
    Place("dependent_count", "HEADER", "QTY", 2, "DT", "count"),
    Place("sponsor_name", "1000A", "N1", 2),
    Place("sponsor_qualifier", "1000A", "N1", 3),
    Place("sponsor_id", "1000A", "N1", 4),
    Place("payer_name", "1000B", "N1", 2),
    Place("payer_qualifier", "1000B", "N1", 3),
    Place("payer_id", "1000B", "N1", 4),
    Place("broker_name", "1000C", "N1", 2),
    Place("broker_qualifier", "1000C", "N1", 3),
    Place("broker_id", "1000C", "N1", 4),
)

MEMBER = (
    Place("is_subscriber", "2000", "INS", 1, kind="flag"),
    Place("relationship_code", "2000", "INS", 2),
    Place("maintenance_type", "2000", "INS", 3),
    Place("maintenance_reason", "2000", "INS", 4),
    Place("benefit_status", "2000", "INS", 5),
    Place("employment_status", "2000", "INS", 8),
    Place("handicap_indicator", "2000", "INS", 10),
    Place("death_date", "2000", "INS", 12, kind="date"),
    _ref("exchange_subscriber_id", "2000", "0F"),
    _ref("exchange_member_id", "2000", "17"),
    _ref("issuer_subscriber_id", "2000", "ZZ"),
    _ref("issuer_member_id", "2000", "23"),
    _ref("former_issuer_subscriber_id", "2000", "Q4"),
    _ref("former_issuer_member_id", "2000", "ABB"),
    _ref("payment_transaction_id", "2000", "6O"),
    _ref("exchange_policy_id", "2000", "1L"),
    # A policy id of 2300 serves where 2000 has none (CMS guide 7.2, table 7).
    _ref("exchange_policy_id", "2300", "1L"),
    Place("last_name", "2100A", "NM1", 3),
    Place("first_name", "2100A", "NM1", 4),
    Place("middle_name", "2100A", "NM1", 5),
    Place("name_suffix", "2100A", "NM1", 7),
    Place("ssn", "2100A", "NM1", 9, condition=(8, "34")),
    Place("birth_date", "2100A", "DMG", 2, kind="date"),
    Place("gender_code", "2100A", "DMG", 3),
    Place("marital_status", "2100A", "DMG", 4),
    Place("address_line_1", "2100A", "N3", 1),
    Place("address_line_2", "2100A", "N3", 2),
    Place("city", "2100A", "N4", 1),
    Place("state", "2100A", "N4", 2),
    Place("postal_code", "2100A", "N4", 3),
    Place("county_code", "2100A", "N4", 6, condition=(5, "CY")),
    Place("mailing_line_1", "2100C", "N3", 1),
    Place("mailing_line_2", "2100C", "N3", 2),
    Place("mailing_city", "2100C", "N4", 1),
    Place("mailing_state", "2100C", "N4", 2),
    Place("mailing_postal_code", "2100C", "N4", 3),
    Place("phone", "2100A", "PER", 4, condition=(3, "TE")),
    Place("phone", "2100A", "PER", 6, condition=(5, "TE")),
    Place("phone", "2100A", "PER", 8, condition=(7, "TE")),
    Place("email", "2100A", "PER", 4, condition=(3, "EM")),
    Place("email", "2100A", "PER", 6, condition=(5, "EM")),
    Place("email", "2100A", "PER", 8, condition=(7, "EM")),
    Place("tobacco_code", "2100A", "HLH", 1),
    _dtp("eligibility_begin", "2000", "356"),
    _dtp("eligibility_end", "2000", "357"),
    _dtp("maintenance_effective", "2000", "303"),
)

COVERAGE = (
    Place("maintenance_type", "2300", "HD", 1),
    Place("insurance_line", "2300", "HD", 3),
    Place("plan_description", "2300", "HD", 4),
    Place("coverage_level", "2300", "HD", 5),
    _dtp("benefit_begin", "2300", "348"),
    _dtp("benefit_end", "2300", "349"),
    _dtp("maintenance_effective", "2300", "303"),
    _dtp("last_premium_paid", "2300", "543"),
    _ref("plan_id", "2300", "CE"),
    _ref("exchange_policy_id", "2300", "1L"),
    _ref("issuer_policy_id", "2300", "X9"),
    _ref("former_issuer_policy_id", "2300", "XM"),
)

REPORTING_CATEGORY = (
    Place("name", "2750", "N1", 2),
    Place("qualifier", "2750", "REF", 1),
    Place("value", "2750", "REF", 2),
    _dtp("effective_begin", "2750", "007"),
)

# Columns of a member that no table holds, but that rules look at.
BESIDE = (
    Place("former_name", "2100B", "NM1", 3),
    Place("former_birth_date", "2100B", "DMG", 2),
    Place("former_races", "2100B", "DMG", 5),
    Place("races", "2100A", "DMG", 5),
    Place("custodial_parent", "2100F", "NM1", 3),
    Place("responsible_person", "2100G", "NM1", 3),
)

# What stands in the header of a HIX 820, and what it says of a transaction set like an 834's.
REMITTANCE = (
    Place("handling_code", "HEADER", "BPR", 1),
    Place("total_amount", "HEADER", "BPR", 2, kind="money"),
    Place("credit_or_debit", "HEADER", "BPR", 3),
    Place("payment_method", "HEADER", "BPR", 4),
    Place("effective_date", "HEADER", "BPR", 16, kind="date"),
    Place("trace_number", "HEADER", "TRN", 2),
    Place("payee_name", "1000A", "N1", 2),
    Place("payee_id", "1000A", "N1", 4),
    Place("payer_name", "1000B", "N1", 2),
    Place("payer_id", "1000B", "N1", 4),
)

PREMIUM_SET_HEADER = (
    Place("reference", "HEADER", "TRN", 2),
    Place("date", "HEADER", "BPR", 16, kind="date"),
)

# Of the policy that a loop 2000 of the HIX 820 is about.
PAID_FOR = (
    Place("assigned_number", "2000", "ENT", 1),
    Place("last_name", "2100", "NM1", 3),
    Place("first_name", "2100", "NM1", 4),
    Place("exchange_subscriber_id", "2100", "NM1", 9),
    _ref("exchange_policy_id", "2100", "POL"),
    _ref("plan_id", "2100", "38"),
    _ref("issuer_policy_id", "2100", "AZ"),
    _ref("issuer_subscriber_id", "2100", "0F"),
    _ref("employer_group_id", "2100", "1L"),
    _ref("issuer_plan_id", "2100", "TV"),
)

PAYMENT = (
    Place("reference_qualifier", "2300", "RMR", 1),
    Place("payment_type", "2300", "RMR", 2),
    Place("amount", "2300", "RMR", 4, kind="money"),
    Place("billed_amount", "2300", "RMR", 5, kind="money"),
    Place("report_type", "2300", "REF", 2),
    Place("adjustment_reason", "2320", "ADX", 2),
)

COVERAGE_PERIOD = Place("period_begin", "2300", "DTM", 6, "582", "date")
ADJUSTMENT_AMOUNT = Place("adjustment_amount", "2320", "ADX", 1, kind="money")


def places_of(guide: Guide) -> tuple[Place, ...]:
    """All places of the tables that are read by a guide."""
    if guide.version == PREMIUM_PAYMENT:
        beside = (COVERAGE_PERIOD, ADJUSTMENT_AMOUNT)
        return (*REMITTANCE, *PREMIUM_SET_HEADER, *PAID_FOR, *PAYMENT, *beside)
    return (*SET_HEADER, *MEMBER, *COVERAGE, *REPORTING_CATEGORY)
