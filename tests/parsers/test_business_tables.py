"""Which element fills which column, and what is null."""

from datetime import date

import pytest

from parsers.members import read_business_tables
from parsers.reading import open_received
from tests.cases.enrollment import (
    DEPENDENT,
    EVERYTHING_HEADER,
    HEADER,
    MEMBER,
    Group,
    Interchange,
    Set,
    changed,
    enrollment,
    everything,
)


def _rows(reader, content, name):
    return reader.check(content)[1][name].to_pylist()


def _only(reader, content, name):
    (row,) = _rows(reader, content, name)
    return row


def test_a_member_in_all_its_columns(reader):
    """Each column of the contract comes from its place in the guide."""
    row = _only(reader, everything(), "members")
    spans = (row.pop("byte_start"), row.pop("byte_end"))
    assert row == {
        "interchange_control_number": "000000001",
        "group_control_number": "1",
        "transaction_set_control_number": "0001",
        "set_ordinal": 1,
        "member_ordinal": 1,
        "is_subscriber": True,
        "relationship_code": "18",
        "maintenance_type": "021",
        "maintenance_reason": "EC",
        "additional_maintenance_reason": None,
        "benefit_status": "A",
        "employment_status": "AC",
        "handicap_indicator": "N",
        "death_date": date(2026, 3, 1),
        "exchange_subscriber_id": "0000011111",
        "exchange_member_id": None,
        "issuer_subscriber_id": "ISSUER-SUBSCRIBER",
        "issuer_member_id": "ISSUER-MEMBER",
        "former_issuer_subscriber_id": None,
        "former_issuer_member_id": None,
        "payment_transaction_id": None,
        "exchange_policy_id": "9100000001",
        "last_name": "DOE",
        "first_name": "JANE",
        "middle_name": "Q",
        "name_suffix": "JR",
        "ssn": "900121234",
        "birth_date": date(1980, 2, 29),
        "gender_code": "F",
        "marital_status": "M",
        "address_line_1": "1 MAIN ST",
        "address_line_2": "APT 2",
        "city": "CHARLOTTE",
        "state": "NC",
        "postal_code": "28202",
        "county_code": "37119",
        "mailing_line_1": "PO BOX 1",
        "mailing_line_2": None,
        "mailing_city": "RALEIGH",
        "mailing_state": "NC",
        "mailing_postal_code": "27601",
        "phone": "3195550101",
        "email": "JANE@EXAMPLE.COM",
        "tobacco_code": "T",
        "eligibility_begin": date(2026, 1, 1),
        "eligibility_end": date(2026, 12, 31),
        "maintenance_effective": date(2026, 1, 2),
    }
    shown = everything().text()[slice(*spans)]
    assert shown.startswith("INS*Y*18")
    assert shown.endswith("LE*2700")


def test_a_coverage_in_all_its_columns(reader):
    """The span of a coverage reaches over its providers and coordination of benefits."""
    row = _only(reader, everything(), "coverages")
    spans = (row.pop("byte_start"), row.pop("byte_end"))
    assert row == {
        "member_ordinal": 1,
        "coverage_ordinal": 1,
        "maintenance_type": "021",
        "insurance_line": "HLT",
        "plan_description": "GOLD",
        "coverage_level": "IND",
        "benefit_begin": date(2026, 1, 1),
        "benefit_end": date(2026, 12, 31),
        "maintenance_effective": None,
        "last_premium_paid": date(2026, 1, 31),
        "plan_id": "91002NC001000101",
        "exchange_policy_id": "9100000002",
        "issuer_policy_id": "ISSUER-POLICY",
        "former_issuer_policy_id": None,
    }
    shown = everything().text()[slice(*spans)]
    assert shown.startswith("HD*021**HLT*GOLD")
    assert shown.endswith("PER*CN**TE*3195550108")


def test_a_reporting_category_in_all_its_columns(reader):
    """An RD8 fills both dates, a D8 the first one."""
    row = _only(reader, everything(), "reporting_categories")
    spans = (row.pop("byte_start"), row.pop("byte_end"))
    assert row == {
        "member_ordinal": 1,
        "name": "PRE AMT TOT",
        "qualifier": "9X",
        "value": "412.50",
        "effective_begin": date(2026, 1, 1),
        "effective_end": date(2026, 12, 31),
    }
    shown = everything().text()[slice(*spans)]
    assert shown == "N1*75*PRE AMT TOT~REF*9X*412.50~DTP*007*RD8*20260101-20261231"


def test_reporting_categories_of_any_name_in_file_order(reader):
    """A category without REF or DTP has a row with nulls."""
    rows = _rows(reader, enrollment(MEMBER, DEPENDENT), "reporting_categories")
    assert [(r["member_ordinal"], r["name"], r["value"]) for r in rows] == [
        (1, "PRE AMT TOT", "412.50"),
        (1, "ADDL MAINT REASON", "CIC"),
    ]
    assert [r["effective_begin"] for r in rows] == [date(2026, 1, 1), None]


def test_the_additional_maintenance_reason_is_a_column_of_the_member(reader):
    """2750 ADDL MAINT REASON is what separates cancel from term (CMS guide 7.2, table 30)."""
    rows = _rows(reader, enrollment(MEMBER, DEPENDENT), "members")
    assert [row["additional_maintenance_reason"] for row in rows] == ["CIC", None]


def test_the_header_in_all_its_columns(reader):
    """BGN, REF*38, DTP, QTY, sponsor, payer and the first broker."""
    row = reader.verdict(everything()).transaction_sets.to_pylist()[0]
    for name in ("byte_start", "byte_end", "interchange_ordinal", "group_ordinal", "set_ordinal"):
        del row[name]
    assert row == {
        "control_number": "0001",
        "identifier": "834",
        "convention": "005010X220A1",
        "trailer_segment_count": "88",
        "trailer_control_number": "0001",
        "segment_count": 88,
        "member_count": 1,
        "purpose_code": "15",
        "reference": "12456",
        "date": date(2026, 1, 1),
        "time": "1200",
        "time_code": "ET",
        "original_reference": "ORIG1",
        "action_code": "2",
        "master_policy_number": "ABCD012354",
        "file_effective": date(2026, 1, 1),
        "total_count": 1,
        "subscriber_count": 1,
        "dependent_count": 0,
        "sponsor_name": "HARBOR SPONSOR",
        "sponsor_qualifier": "FI",
        "sponsor_id": "907654321",
        "payer_name": "HARBOR LIGHT",
        "payer_qualifier": "FI",
        "payer_id": "007654321",
        "broker_name": "FIRST BROKER",
        "broker_qualifier": "94",
        "broker_id": "B-1",
    }


def test_each_column_is_of_its_own_member(reader):
    """What one member lacks is not filled from the member before."""
    first, second = _rows(reader, enrollment(MEMBER, DEPENDENT), "members")
    assert (first["is_subscriber"], second["is_subscriber"]) == (True, False)
    assert (first["ssn"], second["ssn"]) == ("900121234", None)
    assert second["exchange_policy_id"] is None
    assert second["eligibility_begin"] is None
    assert second["first_name"] == "JOHN"


def test_a_policy_id_of_the_coverage_serves_where_the_member_has_none(reader):
    """CMS guide 7.2 puts REF*1L into 2300 on an initial enrollment."""
    member = changed(changed(MEMBER, "REF*1L"), "REF*CE", "REF*CE*91002NC001000101", "REF*1L*77")
    assert _only(reader, enrollment(member), "members")["exchange_policy_id"] == "77"


def test_an_identification_code_is_an_ssn_only_with_its_qualifier(reader):
    """NM108 = ZZ is no SSN."""
    member = changed(MEMBER, "NM1", "NM1*IL*1*DOE*JANE****ZZ*900121234")
    assert _only(reader, enrollment(member), "members")["ssn"] is None


@pytest.mark.parametrize(
    ("per", "phone", "email"),
    [
        ("PER*IP**EM*A@EXAMPLE.COM*TE*3195550101", "3195550101", "A@EXAMPLE.COM"),
        ("PER*IP**CP*3195550102*HP*3195550103*TE*3195550101", "3195550101", None),
        ("PER*IP**EM*A@EXAMPLE.COM*EM*B@EXAMPLE.COM", None, "A@EXAMPLE.COM"),
    ],
)
def test_phone_and_email_stand_in_any_pair_of_per(reader, per, phone, email):
    """The first pair with the qualifier counts."""
    row = _only(reader, enrollment(changed(MEMBER, "PER", per)), "members")
    assert (row["phone"], row["email"]) == (phone, email)


@pytest.mark.parametrize("value", ["20260230", "20261301", "2026", "X", "17991231", "00000000"])
def test_what_is_no_date_is_null_and_an_issue(reader, value):
    """Nothing is guessed: the column is null and a rule tells of the element."""
    content = enrollment(changed(MEMBER, "DMG", f"DMG*D8*{value}*F"))
    assert _only(reader, content, "members")["birth_date"] is None
    assert reader.rules(content) == ["element-date-invalid"]


@pytest.mark.parametrize("value", ["20000229", "20240229", "18000101", "99991231"])
def test_calendar_dates_are_dates(reader, value):
    """Leap years are known, and a far future is a date."""
    content = enrollment(changed(MEMBER, "DMG", f"DMG*D8*{value}*F"))
    read = _only(reader, content, "members")["birth_date"]
    assert f"{read:%Y%m%d}" == value
    assert reader.rules(content) == []


@pytest.mark.parametrize(
    "value", ["20260101", "20261231-20260101", "20260101-20260230", "20260101/20260131"]
)
def test_a_date_range_is_two_dates_in_order(reader, value):
    """RD8 asks for CCYYMMDD-CCYYMMDD, the earlier first."""
    content = enrollment(changed(MEMBER, "DTP*007", f"DTP*007*RD8*{value}"))
    assert reader.rules(content) == ["element-date-invalid"]


def test_coverages_count_within_their_member(reader):
    """`coverage_ordinal` begins anew with each member."""
    two = (*DEPENDENT, "HD*021**DEN", "DTP*348*D8*20260201")
    rows = _rows(reader, enrollment(two, DEPENDENT), "coverages")
    assert [(r["member_ordinal"], r["coverage_ordinal"], r["insurance_line"]) for r in rows] == [
        (1, 1, "HLT"),
        (1, 2, "DEN"),
        (2, 1, "HLT"),
    ]


def test_members_count_through_the_file_and_segments_within_the_set(reader):
    """`member_ordinal` goes on from set to set, `segment_ordinal` begins with each ST."""
    sets = tuple(Set((*HEADER, *DEPENDENT), number=f"000{n}") for n in (1, 2))
    content = Interchange((Group(sets), Group((sets[0],), number="2")))
    members = _rows(reader, content, "members")
    assert [(m["member_ordinal"], m["set_ordinal"]) for m in members] == [(1, 1), (2, 2), (3, 3)]
    segments = _rows(reader, content, "segments")
    ordinals = [row["segment_ordinal"] for row in segments]
    inside = list(range(1, 16))
    assert ordinals == [None, None, *inside, *inside, None, None, *inside, None, None]
    outside = [row for row in segments if row["segment_ordinal"] is None]
    assert {row["transaction_set_control_number"] for row in outside} == {None}
    assert [row["group_control_number"] for row in outside] == [None, "1", "1", "2", "2", None]


def test_counts_that_are_no_numbers_are_null(reader):
    """QTY02 is a decimal number; a count is a whole one."""
    header = changed(HEADER, "QTY", "QTY*TO*1.5")
    row = reader.verdict(enrollment(header=header)).transaction_sets.to_pylist()[0]
    assert row["total_count"] is None


def test_the_first_broker_is_the_one_in_the_table(reader):
    """1000C may stand twice."""
    assert sum(segment.startswith("N1*") for segment in EVERYTHING_HEADER) == 4
    row = reader.verdict(everything()).transaction_sets.to_pylist()[0]
    assert row["broker_id"] == "B-1"


def test_former_ids_of_the_issuer_are_told_from_new_ones(reader):
    """REF*Q4 and REF*ABB in 2000, REF*XM in 2300: what our ids were (CMS guide 7.2, 7.2.8)."""
    first = next(segment for segment in MEMBER if segment.startswith("REF*0F"))
    member = changed(MEMBER, "REF*0F", first, "REF*Q4*S-OLD", "REF*ABB*M-OLD", "REF*23*M-NEW")
    plan = next(segment for segment in MEMBER if segment.startswith("REF*CE"))
    member = changed(member, "REF*CE", plan, "REF*XM*P-OLD", "REF*X9*P-NEW")
    content = enrollment(member)
    read, of_plan = _only(reader, content, "members"), _only(reader, content, "coverages")

    assert (read["former_issuer_subscriber_id"], read["former_issuer_member_id"]) == (
        *("S-OLD", "M-OLD"),
    )
    assert (read["issuer_subscriber_id"], read["issuer_member_id"]) == (None, "M-NEW")
    assert (of_plan["former_issuer_policy_id"], of_plan["issuer_policy_id"]) == ("P-OLD", "P-NEW")


def test_a_column_that_nobody_wants_is_not_read(reader):
    """A check without tables reads what its rules look at; who asks for more is told so."""
    with open_received(reader.path(everything())) as received:
        (stretch,) = received.stretches()
    whole = read_business_tables(stretch)
    read = read_business_tables(stretch, frozenset({"ssn", "plan_id"}))

    assert read.members["ssn"].equals(whole.members["ssn"])
    assert read.members["byte_end"].equals(whole.members["byte_end"])
    assert read.coverages["plan_id"].equals(whole.coverages["plan_id"])
    with pytest.raises(KeyError, match="email"):
        read.members["email"]
