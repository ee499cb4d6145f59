"""Every loop of the guide has its table, and every value its row."""

from datetime import date
from decimal import Decimal

import pytest

from schemas import places
from schemas.details import DETAILS, detail_schemas
from schemas.guide import load_guide
from tests.cases.enrollment import EVERYTHING_MEMBER, changed, enrollment, everything

KEYS = ("set_ordinal", "segment_ordinal", "byte_start", "byte_end")

# What no table of its own has: envelopes, brackets of loops, a code that is always the same, and
# how a date is written; races are taken apart by code.
ENVELOPES = ("ISA_LOOP", "GS_LOOP", "ST_LOOP", "LS_LOOP")
FIXED = {("2700", "LX", 1), ("2750", "N1", 1)}
DATE_FORMAT = "1250"
TAKEN_APART = {("2100A", "DMG", 5), ("2100B", "DMG", 5)}


@pytest.fixture
def tables(reader):
    """The tables of a file that uses every segment of the guide."""
    return reader.check(everything())[1]


def rows(table):
    """Rows without the keys that only tell the place, and without empty columns."""
    return [
        {name: value for name, value in row.items() if value is not None and name not in KEYS}
        for row in table.to_pylist()
    ]


def test_no_table_is_empty_when_every_segment_is_there(tables):
    """There is no table of the guide that nothing could fill."""
    assert [name for name in detail_schemas() if not len(tables[name])] == []


def test_each_element_that_the_guide_uses_is_in_a_table():
    """What an exchange may say is read by a row of ours: nothing of it is left in the bytes."""
    rows = (places.SET_HEADER, places.MEMBER, places.COVERAGE, places.REPORTING_CATEGORY)
    columns = [place for table in rows for place in table]
    read = {(place.loop, place.segment, place.element) for place in columns}
    read |= {(place.loop, place.segment, 1) for place in columns if place.qualifier}
    read |= {
        (loop, detail.segment, column.element)
        for detail in DETAILS
        for loop in detail.loops
        for column in detail.columns
    }
    guide = load_guide()
    used = {
        (guide.loops[segment.loop].loop_id, segment.segment_id, element.position)
        for segment in guide.segments
        for element in segment.elements
        if element.usage != "N" and element.data_element != DATE_FORMAT
    }

    assert sorted(
        place for place in used - read - FIXED - TAKEN_APART if place[0] not in ENVELOPES
    ) == []  # fmt: skip


def test_what_a_carrier_of_medicare_and_twins_must_know_is_a_row_where_it_is_said(reader):
    """INS06, 07, 09, 13 and 17 have a table; who has none of them has no row."""
    said = "INS*Y*18*021*EC*A*B:2*7*AC*F*N*D8*20260301*R****2"
    plain = changed(EVERYTHING_MEMBER, "INS", "INS*N*19*021*EC*A")
    member = changed(EVERYTHING_MEMBER, "INS", said)
    tables = reader.check(enrollment(member, plain))[1]

    assert rows(tables["statuses"]) == [
        {"member_ordinal": 1, "loop_id": "2000", "medicare_plan": "B",
         "medicare_eligibility_reason": "2", "cobra_qualifying_event": "7",
         "student_status": "F", "confidentiality_code": "R", "birth_sequence": 2},
    ]  # fmt: skip


def test_a_status_of_one_component_leaves_the_other_empty(reader):
    """INS06 is a composite whose second component is seldom sent."""
    member = changed(EVERYTHING_MEMBER, "INS", "INS*Y*18*021*EC*A*E**AC")
    tables = reader.check(enrollment(member))[1]

    assert rows(tables["statuses"]) == [
        {"member_ordinal": 1, "loop_id": "2000", "medicare_plan": "E"}
    ]


def test_who_enrolls_late_and_how_a_race_was_collected_are_told(reader):
    """HD09 is a row of its own, DMG10 and DMG11 are columns."""
    member = changed(EVERYTHING_MEMBER, "HD", "HD*021**HLT*PLAN*IND****Y")
    tables = reader.check(enrollment(member))[1]

    assert rows(tables["late_enrollments"]) == [
        {"member_ordinal": 1, "coverage_ordinal": 1, "loop_id": "2300", "late_enrollment": "Y"}
    ]
    demographics = rows(tables["demographics"])
    assert [row.get("collection_code_list") for row in demographics] == ["REC", None]
    assert [row.get("collection_code") for row in demographics] == ["6", None]


def test_names_tell_their_loops_apart(tables):
    """All ten loops that hold a name, in file order."""
    loops = [row["loop_id"] for row in rows(tables["names"])]

    assert loops == [
        *("2100A", "2100B", "2100C", "2100D", "2100E", "2100F", "2100G", "2100H"),
        *("2310", "2330"),
    ]


def test_a_communication_is_a_row_for_each_number(tables):
    """A PER with three numbers makes three rows, in the order of the segment."""
    of_member = [row for row in rows(tables["communications"]) if row["loop_id"] == "2100A"]

    assert [(row["qualifier"], row["number"]) for row in of_member] == [
        ("TE", "3195550101"),
        ("EM", "JANE@EXAMPLE.COM"),
        ("CP", "3195550102"),
    ]


def test_references_and_dates_keep_the_loop_that_gives_them_their_meaning(tables):
    """REF and DTP mean different things in 2000, 2300, 2320 and 2750."""
    references = {(row["loop_id"], row["qualifier"]) for row in rows(tables["references"])}
    dates = {(row["loop_id"], row["qualifier"]) for row in rows(tables["dates"])}

    assert {("2000", "1L"), ("2300", "1L"), ("2300", "QQ"), ("2320", "6P")} <= references
    assert {("HEADER", "303"), ("2000", "303"), ("2200", "360"), ("2320", "344")} <= dates


def test_a_range_of_dates_has_both_its_ends(tables):
    """An RD8 fills begin and end, a D8 begin only."""
    category = next(row for row in rows(tables["dates"]) if row["loop_id"] == "2750")
    benefit = next(row for row in rows(tables["dates"]) if row["qualifier"] == "348")

    assert (category["begin"], category["end"]) == (date(2026, 1, 1), date(2026, 12, 31))
    assert "end" not in benefit


def test_what_stands_in_a_coverage_counts_its_coverage(reader):
    """Amounts and providers of the second HD belong to the second coverage."""
    second = ("HD*021**DEN", "DTP*348*D8*20260101", "AMT*P3*7.25", "LX*1", "NM1*P3*1*TWO")
    place = EVERYTHING_MEMBER.index("LS*2700")
    member = (*EVERYTHING_MEMBER[:place], *second, *EVERYTHING_MEMBER[place:])
    tables = reader.check(enrollment(member))[1]
    amounts = [(row.get("coverage_ordinal"), row["amount"]) for row in rows(tables["amounts"])]

    assert amounts == [(None, Decimal("12.50")), (1, Decimal("412.50")), (2, Decimal("7.25"))]
    assert [row["coverage_ordinal"] for row in rows(tables["providers"])] == [1, 2]


def test_repeated_races_are_rows_with_their_components(reader):
    """DMG05 is taken apart by repetition and by component."""
    content = everything().text().replace("C:RET:2106-3", "C:RET:2106-3^:RET:2135-2^B")
    races = rows(reader.check(content)[1]["races"])

    assert races == [
        {"member_ordinal": 1, "loop_id": "2100A", "repetition": 1, "race_code": "C",
         "code_list": "RET", "code": "2106-3"},
        {"member_ordinal": 1, "loop_id": "2100A", "repetition": 2,
         "code_list": "RET", "code": "2135-2"},
        {"member_ordinal": 1, "loop_id": "2100A", "repetition": 3, "race_code": "B"},
    ]  # fmt: skip


def test_the_header_belongs_to_no_member(tables):
    """Parties, brokers' accounts and totals have a set, but no member and no coverage."""
    for name in ("parties", "accounts", "totals"):
        assert tables[name]["member_ordinal"].null_count == len(tables[name])
        assert set(tables[name]["set_ordinal"].to_pylist()) == {1}
    assert [row["entity_code"] for row in rows(tables["parties"])] == ["P5", "IN", "BO", "TV"]
