"""The same segment id has different places in the guide; what came before tells which."""

import pytest

from tests.cases.enrollment import (
    DEPENDENT,
    EVERYTHING_HEADER,
    EVERYTHING_MEMBER,
    MEMBER,
    changed,
    enrollment,
    everything,
)

LOOPS_OF_NM1 = {
    "74": "2100A",
    "IL": "2100A",
    "70": "2100B",
    "31": "2100C",
    "36": "2100D",
    "M8": "2100E",
    "S3": "2100F",
    "45": "2100H",
    **dict.fromkeys(["6Y", "9K", "E1", "EI", "EXS", "GB", "GD", "J6"], "2100G"),
    **dict.fromkeys(["LR", "QD", "S1", "TZ", "X4"], "2100G"),
}


def _loops(reader, content):
    """Segments as (start of the segment, loop)."""
    _, tables = reader.check(content)
    table = tables["segments"]
    text = content.text()
    spans = zip(table["byte_start"].to_pylist(), table["byte_end"].to_pylist(), strict=True)
    written = [text[start:end] for start, end in spans]
    return list(zip(written, table["loop_id"].to_pylist(), strict=True))


def _loops_of(reader, content, start):
    return [loop for segment, loop in _loops(reader, content) if segment.startswith(start)]


def test_lx_is_a_provider_in_2300_and_a_category_behind_ls(reader):
    """LX*1 stands in 2310 and in 2700 of the same member."""
    assert _loops_of(reader, everything(), "LX*1") == ["2310", "2700"]


@pytest.mark.parametrize(("code", "loop"), LOOPS_OF_NM1.items())
def test_nm101_tells_the_loop_of_a_name(reader, code, loop):
    """NM1 behind the member's own name opens one of 2100A to 2100H."""
    name = f"NM1*{code}*1*DOE*JANE"
    member = (*MEMBER[:5], name) if loop == "2100A" else (*MEMBER[:6], name)
    assert _loops_of(reader, enrollment(member), f"NM1*{code}*")[-1] == loop


def test_loops_of_nm1_stand_in_any_order(reader):
    """A drop off location may stand before a school: every loop of NM1 has the same position."""
    school = ("NM1*M8*2*SCHOOL", "N3*3 MAIN ST", "N4*DURHAM*NC*27701")
    drop_off = ("NM1*45*1*DROP*DAN", *school[1:])
    place = next(at for at, segment in enumerate(MEMBER) if segment.startswith("HD"))
    for loops in (school + drop_off, drop_off + school):
        content = enrollment((*MEMBER[:place], *loops, *MEMBER[place:]))
        assert reader.rules(content) == []
        assert _loops_of(reader, content, "NM1*45") == ["2100H"]
        assert _loops_of(reader, content, "NM1*M8") == ["2100E"]


def test_nm1_behind_providers_and_coordination(reader):
    """NM1*P3 is 2310, NM1*IN and NM1*36 behind COB are 2330."""
    assert _loops_of(reader, everything(), "NM1*P3") == ["2310"]
    assert _loops_of(reader, everything(), "NM1*IN") == ["2330"]
    assert _loops_of(reader, everything(), "NM1*36") == ["2100D"]
    moved = changed(EVERYTHING_MEMBER, "NM1*IN", "NM1*36*2*EMPLOYER")
    with_cob = enrollment(moved, header=EVERYTHING_HEADER)
    assert _loops_of(reader, with_cob, "NM1*36") == ["2100D", "2330"]


def test_ref_and_dtp_belong_to_the_loop_they_stand_in(reader):
    """REF*17 is a member id in 2000 and a value in 2750; DTP*303 an event in 2000 and in 2300."""
    assert _loops_of(reader, enrollment(), "REF*17") == ["2000", "2750"]
    member = changed(EVERYTHING_MEMBER, "DTP*348", "DTP*348*D8*20260101", "DTP*303*D8*20260102")
    both = enrollment(member, header=EVERYTHING_HEADER)
    assert _loops_of(reader, both, "DTP*303") == ["HEADER", "2000", "2300"]
    assert _loops_of(reader, both, "REF*6P") == ["2320"]
    assert _loops_of(reader, both, "DTP*344") == ["2320"]


def test_order_of_ref_in_2000_is_free(reader):
    """Identifiers share one position of the guide."""
    swapped = ("INS*Y*18*021*EC*A", "REF*17*1", "REF*1L*2", "REF*0F*3", *MEMBER[5:])
    assert reader.rules(enrollment(swapped)) == []


def test_a_qualifier_that_the_guide_does_not_know_has_no_loop(reader):
    """Its place is a guess, so the table does not tell it, and the element is reported."""
    strange = enrollment(changed(MEMBER, "REF*17", "REF*??*1"))
    assert _loops_of(reader, strange, "REF*??") == [None]
    assert reader.rules(strange) == ["element-code-invalid"]


def test_an_error_in_one_member_leaves_the_next_clean(reader):
    """After REF without a place the next INS begins anew."""
    broken = changed(DEPENDENT, "NM1", "REF*9X*1", "LE*2700", "COB*P")
    content = enrollment(MEMBER, broken, DEPENDENT)
    loops = _loops(reader, content)
    assert loops[-len(DEPENDENT) - 3 : -3] == [
        *zip(DEPENDENT, ("2000", "2000", "2000", "2100A", "2100A", "2300", "2300"), strict=True)
    ]
    members = reader.verdict(content).issues["member_ordinal"].to_pylist()
    assert set(members) == {2}
