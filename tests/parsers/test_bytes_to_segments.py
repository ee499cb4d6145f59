"""Whatever legal way an interchange is written, its segments are the same."""

from dataclasses import replace

import pytest

from parsers.reading import open_received
from schemas.limits import load_limits
from tests.cases.enrollment import DEPENDENT, MEMBER, changed, enrollment
from validators.check import Terms

TEXT = enrollment().text()
IDS = [segment.split("*")[0] for segment in TEXT.rstrip("~").split("~")]


def _ids(reader, content):
    return reader.check(content)[1]["segments"]["segment_id"].to_pylist()


@pytest.mark.parametrize("line_end", ["", "\n", "\r", "\r\n", " ", "\r\n\t  ", "\n\n"])
def test_blanks_between_segments_belong_to_none(reader, line_end):
    """Spans begin at the id, whatever stood before it."""
    content = TEXT.replace("~", "~" + line_end)
    segments = reader.check(content)[1]["segments"]
    assert segments["segment_id"].to_pylist() == IDS
    for segment_id, start, end in zip(
        *(segments[name].to_pylist() for name in ("segment_id", "byte_start", "byte_end")),
        strict=True,
    ):
        assert content[start:].startswith(f"{segment_id}*")
        assert content[end] == "~"


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_line_ends_alone_are_no_issue(reader, line_end):
    """CR, LF and CRLF behind the terminator are usual."""
    assert reader.rules(TEXT.replace("~", "~" + line_end)) == []


def test_indentation_is_told_once(reader):
    """Blanks that are no line ends are passed over and told at the first place."""
    assert reader.rules(TEXT.replace("~", "~\n  ")) == ["blanks-between-segments"]


def test_newline_may_be_the_terminator(reader):
    """The terminator is the byte behind ISA16, whatever it is."""
    assert reader.rules(TEXT.replace("~", "\n")) == []
    assert _ids(reader, TEXT.replace("~", "\n")) == IDS


def test_a_byte_order_mark_is_passed_over_and_told(reader):
    """Byte positions count from the first byte of the file, mark included."""
    content = b"\xef\xbb\xbf" + TEXT.encode()
    verdict = reader.verdict(content)
    assert verdict.issues["rule"].to_pylist() == ["leading-bytes"]
    assert verdict.interchanges["byte_start"].to_pylist() == [3]
    assert verdict.file_verdict == "accepted"


def test_the_last_terminator_may_be_missing(reader):
    """IEA is complete without it; the issue shows IEA."""
    verdict = reader.verdict(TEXT[:-1])
    assert verdict.issues["rule"].to_pylist() == ["terminator-missing-at-end"]
    assert verdict.issues["segment_id"].to_pylist() == ["IEA"]
    assert _ids(reader, TEXT[:-1]) == IDS


def test_each_interchange_has_its_own_delimiters(reader):
    """The second interchange of a file is read by its own ISA."""
    second = enrollment().with_isa(13, "000000002").text()
    second = second.translate(str.maketrans("*~^:", "|\n!>"))
    verdict = reader.verdict(TEXT + second)
    assert verdict.file_verdict == "accepted"
    assert verdict.issues.to_pylist() == []
    assert verdict.interchanges["component_separator"].to_pylist() == [":", ">"]
    assert _ids(reader, TEXT + second) == IDS * 2


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_letters_beyond_ascii_are_kept_and_told(reader, encoding):
    """A name in UTF-8 and one in Latin-1 are the same name, and a warning each."""
    member = changed(MEMBER, "NM1", "NM1*IL*1*MUÑOZ*JOSÉ****34*900121234")
    checked, tables = reader.check(enrollment(member).text().encode(encoding))
    assert tables["members"]["last_name"].to_pylist() == ["MUÑOZ"]
    issues = checked.verdict.issues
    assert issues["rule"].to_pylist() == ["element-letters-beyond-ascii"] * 2
    assert issues["element"].to_pylist() == [3, 4]
    assert checked.verdict.file_verdict == "accepted"


def test_encodings_may_differ_from_name_to_name(reader):
    """Each value is read for itself: UTF-8 where it is, Latin-1 otherwise."""
    text = enrollment(MEMBER, DEPENDENT).text().encode()
    text = text.replace(b"DOE*JANE", b"MU\xc3\x91OZ*JANE").replace(b"DOE*JOHN", b"MU\xd1OZ*JOHN")
    _, tables = reader.check(text)
    assert tables["members"]["last_name"].to_pylist() == ["MUÑOZ", "MUÑOZ"]


def test_an_id_with_a_nul_is_another_id(reader):
    """Bytes that are invisible do not make a segment of the guide."""
    assert reader.rules(TEXT.replace("~HLH*", "~HLH\0*")) == ["segment-unknown"]


@pytest.mark.parametrize("byte", ["\0", "\x1a", "\x1b", "\x7f"])
def test_a_control_character_before_an_id_is_no_blank(reader, byte):
    """Nothing but blanks and line ends may stand between segments."""
    assert reader.rules(TEXT.replace("~HLH*", f"~{byte}HLH*")) == ["segment-unknown"]


def test_a_strange_segment_id_is_cut_short_in_issues(reader):
    """It may be anything, so no more than three characters of it are told."""
    (issue,) = reader.verdict(TEXT.replace("~HLH*", "~JANEDOE*")).issues.to_pylist()
    assert issue["segment_id"] == "JAN"
    assert "JANEDOE" not in issue["message"]


@pytest.mark.parametrize(
    ("following", "kind"),
    [
        ("GS*BE*", "enrollment"),
        ("GS*FA*", "acknowledgement"),
        ("TA1*000000001", "acknowledgement"),
        ("GS*HP*", "unknown"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_first_group(reader, following, kind):
    """The kind is known before anything is parsed."""
    with open_received(reader.path(TEXT[:106] + following)) as received:
        assert received.kind == kind
        assert received.interchange_keys == [("CMSFFM", "000000001")]


@pytest.mark.parametrize("columns", [133, 256, 400])
def test_records_of_a_fixed_length_are_read_whatever_the_size_of_the_file(reader, columns):
    """Padding between segments hides no border of a stretch, no group and no good segment."""
    member = (*MEMBER, *MEMBER, *MEMBER)
    segments = enrollment(*[member] * 12).text().split("~")[:-1]
    padded = "".join(f"{segment}~".ljust(columns) for segment in segments)
    small = replace(load_limits(), stretch_bytes=4000, longest_loop_bytes=40_000)
    for limits in (load_limits(), small):
        found = reader.rules(padded, Terms(limits=limits))
        assert found == reader.rules(padded)
        assert "loop-too-long" not in found
    with open_received(reader.path(padded)) as received:
        assert received.kind == "enrollment"
        assert len(list(received.spans(small))) > 1


def test_each_interchange_tells_once_how_it_is_written(reader):
    """In whatever pieces the file is read: two interchanges may be in one piece."""
    blanks = TEXT.replace("~GE*", "~ GE*")
    content = blanks + "ISA*00*~" + blanks[106:]  # the second one has lost most of its ISA
    small = replace(load_limits(), stretch_bytes=300, longest_loop_bytes=3000)
    for limits in (load_limits(), small):
        issues = reader.verdict(content, Terms(limits=limits)).issues.to_pylist()
        told = [row["interchange_ordinal"] for row in issues if row["rule"].startswith("blanks")]
        assert told == [1, 2]
