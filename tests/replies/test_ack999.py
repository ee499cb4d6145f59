"""999s, checked against the structure of 005010X231A1 and by pyx12's validator."""

import pyarrow as pa
import pytest

from replies.ack999 import count_groups, write_999
from replies.x12_writer import ControlNumbers
from schemas import tables
from schemas.catalog import load_rules

ACCEPTED = ("A", [])


ISA = "ISA*00*          *00*          *ZZ*001234567T     *ZZ*CMSFFM         *260101*2330*^*00501*"


def written(about, envelope):
    count = count_groups(about)
    control = ControlNumbers(range(71, 71 + count), range(901, 901 + count))
    return write_999(about, envelope(5), control)


def issue(code, field="IK304", **place):
    """An issue of the first set, at the DTP of member 1 unless it says otherwise."""
    return {
        "rule": "a-rule",
        "severity": "reject",
        "x12_field": field,
        "x12_code": code,
        "set_ordinal": 1,
        "segment_id": "DTP",
        "segment_ordinal": 12,
        "loop": "2300",
        **place,
    }


def element_issue(code, element, **place):
    return issue(code, "IK403", element=element, **place)


def test_an_accepted_file_is_acknowledged_group_by_group(
    verdict, envelope, segments, complaints_of_pyx12
):
    """Each received group has one functional group with one 999 in answer."""
    about = verdict({"17": {"1001": ACCEPTED, "1002": ACCEPTED}, "18": {"1003": ACCEPTED}})
    content = written(about, envelope)
    assert segments(content) == [
        ISA + "000000005*0*P*:",
        "GS*FA*91001TX0010001*TX0*20260101*2330*71*X*005010X231A1",
        "ST*999*000000901*005010X231A1",
        "AK1*BE*17*005010X220A1",
        "AK2*834*1001*005010X220A1",
        "IK5*A",
        "AK2*834*1002*005010X220A1",
        "IK5*A",
        "AK9*A*2*2*2",
        "SE*8*000000901",
        "GE*1*71",
        "GS*FA*91001TX0010001*TX0*20260101*2330*72*X*005010X231A1",
        "ST*999*000000902*005010X231A1",
        "AK1*BE*18*005010X220A1",
        "AK2*834*1003*005010X220A1",
        "IK5*A",
        "AK9*A*1*1*1",
        "SE*6*000000902",
        "GE*1*72",
        "IEA*2*000000005",
    ]
    assert complaints_of_pyx12(content) == ""


def test_errors_stand_by_segment_with_their_elements(
    verdict, envelope, segments, complaints_of_pyx12
):
    """One IK3 per segment and code; element errors hang below one IK3 with code 8."""
    about = verdict(
        {"17": {"1001": ("R", ["5", "I5"]), "1002": ACCEPTED}},
        issues=[
            element_issue("7", 2, segment_ordinal=20, segment_id="NM1", loop="2100A"),
            element_issue("8", 3, data_element="1251"),
            element_issue("8", 3, data_element="1251"),
            element_issue("1", 5, component=2, data_element="1528", segment_ordinal=13),
            issue("5", segment_ordinal=13),
            issue("3", segment_id="REF", segment_ordinal=13, loop="2000"),
        ],
    )
    content = written(about, envelope)
    assert segments(content)[3:-3] == [
        "AK1*BE*17*005010X220A1",
        "AK2*834*1001*005010X220A1",
        "IK3*DTP*12*2300*8",
        "IK4*3*1251*8",
        "IK3*DTP*13*2300*8",
        "IK4*5:2*1528*1",
        "IK3*DTP*13*2300*5",
        "IK3*REF*13*2000*3",
        "IK3*NM1*20*2100*8",
        "IK4*2**7",
        "IK5*R*5*I5",
        "AK2*834*1002*005010X220A1",
        "IK5*A",
        "AK9*P*2*2*1",
    ]
    assert "SE*16*000000901" in segments(content)
    assert complaints_of_pyx12(content) == ""


def test_warnings_and_business_findings_are_not_in_a_999(verdict, envelope):
    """Only reject and error issues that have an X12 place are shown."""
    about = verdict(
        {"17": {"1001": ACCEPTED}},
        issues=[
            issue("5", severity="warning"),
            issue("8", severity="info"),
            issue(None, x12_field=None),
        ],
    )
    assert b"IK3" not in written(about, envelope)


def test_a_rejected_interchange_has_no_999(verdict, envelope):
    """TA1 R answers for the whole interchange."""
    about = verdict({"17": {"1001": ("R", ["5"])}}, ta1=("R", "021"))
    assert count_groups(about) == 0
    assert write_999(about, envelope(), ControlNumbers([], [])) is None


def test_a_999_is_not_acknowledged(verdict, table, envelope):
    """A functional group of acknowledgements has no answer, or two systems would never end."""
    group = {"interchange_ordinal": 1, "group_ordinal": 1, "functional_identifier": "FA"}
    about = verdict({"17": {}}, functional_groups=table(tables.FUNCTIONAL_GROUPS, [group]))
    assert written(about, envelope) is None


def test_a_group_without_sets_is_answered(verdict, envelope, segments, complaints_of_pyx12):
    """AK1 is followed by AK9 at once; its neighbours keep their own sets."""
    about = verdict({"17": {}, "18": {"1001": ACCEPTED}, "19": {}})
    content = written(about, envelope)
    body = [s for s in segments(content) if s[:3] in ("AK1", "AK2", "AK9", "SE*")]
    assert body == [
        "AK1*BE*17*005010X220A1",
        "AK9*R*0*0*0*5",
        "SE*4*000000901",
        "AK1*BE*18*005010X220A1",
        "AK2*834*1001*005010X220A1",
        "AK9*A*1*1*1",
        "SE*6*000000902",
        "AK1*BE*19*005010X220A1",
        "AK9*R*0*0*0*5",
        "SE*4*000000903",
    ]
    assert complaints_of_pyx12(content) == ""


def test_values_that_break_their_element_do_not_break_the_answer(
    verdict, table, envelope, segments, complaints_of_pyx12
):
    """A damaged envelope is answered by a valid 999 that says what was wrong with it."""
    group = {
        "interchange_ordinal": 1,
        "group_ordinal": 1,
        "control_number": "17A",
        "functional_identifier": None,
        "sender_code": "T",
        "receiver_code": None,
        "version": None,
        "ack": "R",
        "codes": ["6", "2", "1", "4", "5", "3"],
        "set_count_included": None,
        "set_count_received": 1,
        "set_count_accepted": 0,
    }
    received_set = {
        "group_ordinal": 1,
        "set_ordinal": 1,
        "control_number": "7",
        "identifier": None,
        "ack": "R",
        "codes": ["7", "I6"],
    }
    about = verdict(
        {},
        functional_groups=table(tables.FUNCTIONAL_GROUPS, [group]),
        group_verdicts=table(tables.GROUP_VERDICTS, [group]),
        transaction_sets=table(tables.TRANSACTION_SETS, [received_set]),
        set_verdicts=table(tables.SET_VERDICTS, [received_set]),
        issues=[
            issue("1", segment_id="ZZZZ~", segment_ordinal=2_000_000, loop=None),
            issue("2", segment_ordinal=None, loop="LS_LOOP"),
        ],
    )
    content = written(about, envelope)
    assert segments(content)[1:-2] == [
        "GS*FA*001234567T*CMSFFM*20260101*2330*71*X*005010X231A1",
        "ST*999*000000901*005010X231A1",
        "AK1*BE*0*005010X220A1",
        "AK2*834*0007",
        "IK3*DTP*1**2",
        "IK3*ZZZ*999999**1",
        "IK5*R*7*I6",
        "AK9*R*1*1*0*6*2*1*4*5",
        "SE*8*000000901",
    ]
    assert complaints_of_pyx12(content) == ""


@pytest.mark.parametrize("code", ["1", "2", "3", "4", "5", "6", "7", "8", "I4", "I6", "I7", "I8"])
def test_every_segment_code_of_the_guide_passes(code, verdict, envelope, complaints_of_pyx12):
    """pyx12 accepts each IK304 where we write it."""
    about = verdict({"17": {"1001": ("R", ["5"])}}, issues=[issue(code)])
    assert complaints_of_pyx12(written(about, envelope)) == ""


def test_a_large_file_is_acknowledged_set_by_set(verdict, envelope, segments):
    """Thousands of sets keep their order, and only the faulty one has errors."""
    sets = {f"{n:06d}": ACCEPTED for n in range(1, 5001)}
    sets["004000"] = ("E", ["5"])
    about = verdict({"17": sets}, issues=[issue("5", set_ordinal=4000)])
    found = segments(written(about, envelope))
    assert [s.split("*")[2] for s in found if s.startswith("AK2")] == list(sets)
    place = found.index("AK2*834*004000*005010X220A1")
    assert found[place + 1 : place + 3] == ["IK3*DTP*12*2300*5", "IK5*E*5"]
    assert sum(s.startswith("IK3") for s in found) == 1


def _member_1(number):
    row = {"member_ordinal": 1, "subscriber_number": number}
    return pa.Table.from_pylist([row], schema=tables.BUSINESS_UNITS)


def test_an_error_names_the_member_by_its_subscriber_number(
    verdict, envelope, segments, complaints_of_pyx12
):
    """CTX follows each IK3 of a member, before its elements; the header is nobody's."""
    about = verdict(
        {"17": {"1001": ("R", ["5"])}},
        issues=[
            element_issue("9", 4, segment_id="BGN", segment_ordinal=2, loop="HEADER"),
            element_issue("8", 3, member_ordinal=1, data_element="1251"),
            issue("5", member_ordinal=1, segment_ordinal=13),
            issue("5", member_ordinal=2, segment_ordinal=14),
        ],
        business_units=_member_1("0001000001"),
    )
    content = written(about, envelope)
    assert segments(content)[5:-4] == [
        "IK3*BGN*2**8",
        "IK4*4**9",
        "IK3*DTP*12*2300*8",
        "CTX*SUBSCRIBER NUMBER REF02:0001000001",
        "IK4*3*1251*8",
        "IK3*DTP*13*2300*5",
        "CTX*SUBSCRIBER NUMBER REF02:0001000001",
        "IK3*DTP*14*2300*5",
        "IK5*R*5",
    ]
    assert "SE*14*000000901" in segments(content)
    assert complaints_of_pyx12(content) == ""


@pytest.mark.parametrize("number", ["900121234", "12:3", "A B", "", None, "1" * 36])
def test_a_number_that_may_be_a_social_security_number_is_left_out(verdict, envelope, number):
    """So is one that the element of our answer cannot hold."""
    about = verdict(
        {"17": {"1001": ("R", ["5"])}},
        issues=[issue("5", member_ordinal=1)],
        business_units=_member_1(number),
    )
    assert b"CTX" not in written(about, envelope)


def test_a_faulty_subscriber_number_is_not_copied(verdict, envelope):
    """The 999 holds no copy of a bad value, neither in IK404 nor in CTX."""
    about = verdict(
        {"17": {"1001": ("R", ["5"])}},
        issues=[element_issue("6", 2, segment_id="REF", loop="2000", member_ordinal=1)],
        business_units=_member_1("0001000001"),
    )
    assert b"CTX" not in written(about, envelope)


def test_repetition_and_component_are_told(verdict, envelope, segments, complaints_of_pyx12):
    """IK401 has element, component and repetition, with an empty place where one has none."""
    about = verdict(
        {"17": {"1001": ("R", ["5"])}},
        issues=[
            element_issue("7", 5, component=2, repetition=3),
            element_issue("13", 5, repetition=2),
        ],
    )
    content = written(about, envelope)
    assert segments(content)[6:8] == ["IK4*5:2:3**7", "IK4*5::2**13"]
    assert complaints_of_pyx12(content) == ""


def test_a_missing_dependent_segment_is_told_with_its_trigger(
    verdict, envelope, segments, complaints_of_pyx12
):
    """IK304 I6: IK3 names the missing segment, CTX the element that made it necessary."""
    (rule,) = [rule for rule in load_rules().values() if rule.trigger == "HD01"]
    about = verdict(
        {"17": {"1001": ("R", ["5"])}},
        issues=[issue("I6", rule=rule.id, segment_id="HD", member_ordinal=1)],
        business_units=_member_1("0001000001"),
    )
    content = written(about, envelope)
    assert segments(content)[5:8] == [
        "IK3*DTP*12*2300*I6",
        "CTX*SUBSCRIBER NUMBER REF02:0001000001",
        "CTX*SITUATIONAL TRIGGER*HD*12*2300*1*875",
    ]
    assert complaints_of_pyx12(content) == ""
