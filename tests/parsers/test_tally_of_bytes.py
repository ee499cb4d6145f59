"""Counting a stretch by its terminators finds what counting its parsed segments finds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.delimiters import Delimiters
from parsers.segments import split_segments
from parsers.tally import tally_bytes, tally_segments

USUAL = Delimiters(ord("*"), ord(":"), ord("^"), ord("~"))
LINES = Delimiters(ord("*"), ord(":"), ord("^"), ord("\n"))
TABS = Delimiters(ord("\t"), ord(":"), ord("^"), ord("~"))
HIGH = Delimiters(0xE9, ord(":"), ord("^"), 0x85)
PIECES = (
    b"ISA",
    b"GS",
    b"ST",
    b"SE",
    b"INS",
    b"GE",
    b"IEA",
    b"TA1",
    b" ",
    b"\n",
    b"\r",
    b"\0",
    b"X",
)


@settings(deadline=None)
@given(st.sampled_from([USUAL, LINES, TABS, HIGH]), st.data())
def test_bytes_and_segments_have_the_same_tally(delimiters, data):
    """Whatever stands between delimiters: blanks, NULs, cut ids, letters beyond ASCII."""
    marks = (bytes([delimiters.element]), bytes([delimiters.segment]), b"\xc3\xa9", b"\xe9")
    piece = st.sampled_from(PIECES + marks * 3)
    content = b"".join(data.draw(st.lists(piece, max_size=60)))
    expected = tally_segments(split_segments(content, 0, delimiters))

    assert tally_bytes(content, delimiters) == expected


def test_members_of_an_open_set_are_told_from_those_of_a_new_one():
    """Two INS before the first envelope segment, one behind ST; the last numbers are read."""
    content = b"INS*Y~INS*N~SE*9*0001~ST*834*0002~BGN*00~INS*Y~REF*0F*1~"
    tally = tally_bytes(content, USUAL)

    assert (tally.members_before, tally.members, tally.sets) == (2, 1, 1)
    assert (tally.set_is_open, tally.segments) == (True, 4)
    assert tally.set_control_number == "0002"
