"""Members of one shape share an exemplar; members that differ in any segment do not."""

import numpy as np

from parsers.delimiters import Delimiters, Span
from parsers.segments import PATTERN_BITS
from parsers.stretch import parse_stretch
from parsers.tally import Cursor
from tests.cases.enrollment import DEPENDENT, HEADER, MEMBER, Group, Interchange, Set, changed


def _stretch(members):
    """A file of one transaction set with these members, in one stretch."""
    body = (*HEADER, *(segment for member in members for segment in member))
    content = Interchange((Group((Set(body),)),)).text().encode()
    delimiters = Delimiters(element=ord("*"), component=ord(":"), repetition=0, segment=ord("~"))
    span = Span(0, len(content), delimiters, begins_interchange=True)
    return parse_stretch(content, span, Cursor())


def _exemplars(*members):
    """Which member is the exemplar of each member of one transaction set (0 = the first)."""
    stretch = _stretch(members)
    exemplars = stretch.placement.exemplar_of[stretch.placement.lane_of[stretch.member_rows]]
    return (exemplars - 1).tolist()  # lane 0 is the header


def test_other_values_make_no_other_shape():
    """Another name, date or amount leaves the shape as it is."""
    other = changed(MEMBER, "NM1*IL", "NM1*IL*1*ROE*RICHARD*X***34*900129876")
    assert _exemplars(MEMBER, other, MEMBER) == [0, 0, 0]


def test_a_segment_more_or_less_makes_another_shape():
    """One segment left out, and one put in its place, are shapes of their own."""
    without = changed(MEMBER, "HLH")
    instead = changed(MEMBER, "HLH", "EC*17")
    assert _exemplars(MEMBER, without, instead, DEPENDENT, without) == [0, 1, 2, 3, 1]


def test_an_empty_element_makes_another_shape():
    """The same number of elements, with another one empty, is another shape."""
    one, other = changed(MEMBER, "N3", "N3*1 MAIN ST*"), changed(MEMBER, "N3", "N3**1 MAIN ST")
    assert _exemplars(MEMBER, one, other) == [0, 1, 2]


def test_a_qualifier_that_a_column_asks_for_makes_another_shape():
    """An id that is no SSN (NM108) fills no column of SSNs, so its member has another shape."""
    other = changed(MEMBER, "NM1*IL", "NM1*IL*1*DOE*JANE*Q***ZZ*900121234")
    assert _exemplars(MEMBER, other) == [0, 1]


def test_an_empty_segment_between_two_makes_a_member_alone():
    """A terminator too many moves the elements behind it, so columns stand elsewhere."""
    spoilt = changed(MEMBER, "HLH", "HLH*N", "")
    assert _exemplars(MEMBER, spoilt, spoilt) == [0, 1, 2]


def test_segments_longer_than_a_pattern_are_told_apart_by_what_follows():
    """Of very long segments the pattern says whether anything stands behind its last bit."""
    filled = "HLH*N" + "*" * (PATTERN_BITS + 1) + "X"
    empty = "HLH*N" + "*" * (PATTERN_BITS + 1)
    members = [changed(MEMBER, "HLH", segment) for segment in (filled, empty, filled)]
    assert _exemplars(*members) == [0, 1, 0]


def test_patterns_tell_which_elements_are_filled():
    """Bit k stands for element k, whether or not another segment is too long for its pattern."""
    long = "HLH*N" + "*X" * 40
    for members in ((MEMBER,), (MEMBER, changed(MEMBER, "HLH", long))):
        segments = _stretch(members).segments
        row = int(np.flatnonzero(segments.has_id("NM1"))[0])
        assert segments.patterns[row] == sum(1 << k for k in (0, 1, 2, 3, 4, 5, 8, 9))
