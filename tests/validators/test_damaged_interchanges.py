"""One interchange that has lost its header, or its lengths, harms no other and does not vanish."""

import pytest

from tests.cases.examples import BASES, written

SEGMENTS = BASES["two-interchanges"]
_BORDER = SEGMENTS.index("IEA*1*000000001") + 1
FIRST, SECOND = written(SEGMENTS[:_BORDER]), written(SEGMENTS[_BORDER:])
WHOLE, MALFORMED = ("A", "000"), ("R", "022")
LOST = "interchange-without-header"


def shortened(interchange):
    """ISA08 has lost one of its blanks."""
    return interchange.replace(" *260101*", "*260101*", 1)


def shifted(interchange):
    """ISA06 has lost a blank and ISA08 has one more: all of ISA is as long as it should be."""
    return shortened(interchange).replace(" *ZZ*", "*ZZ*", 1).replace("*260101*", "  *260101*", 1)


def other(interchange):
    """The interchange with an element separator of its own."""
    return interchange.replace("*", "|")


@pytest.mark.parametrize("damage", [shortened, shifted, lambda text: text.replace("*P*", "**", 1)])
@pytest.mark.parametrize("write", [str, other])
def test_a_damaged_interchange_is_rejected_beside_a_good_one(reader, damage, write):
    """In front of it or behind it, whatever its separators: TA1 R 022, and the good one goes on."""
    for content, expected in (
        (write(damage(FIRST)) + SECOND, [MALFORMED, WHOLE]),
        (FIRST + write(damage(SECOND)), [WHOLE, MALFORMED]),
    ):
        verdict = reader.verdict(content)
        said = verdict.interchange_verdicts.select(["ta1_code", "ta1_note"]).to_pylist()
        assert [tuple(row.values()) for row in said] == expected
        assert verdict.file_verdict == "partially_accepted"
        assert sorted(verdict.dispositions["state"].to_pylist()) == ["accepted", "rejected"]
        assert verdict.issues["rule"].to_pylist() == ["interchange-header-malformed"]


@pytest.mark.parametrize(
    "content",
    [
        FIRST[150:] + SECOND,  # the head of the file is missing
        FIRST + other(SECOND)[150:],
        FIRST + other(SECOND)[150:] + SECOND,
        "see below\n" + FIRST,
    ],
)
def test_what_has_lost_its_header_is_told(reader, content):
    """Nobody knows its number, so there is no TA1; the row rejects, and the good one goes on."""
    verdict = reader.verdict(content)
    lost = [row for row in verdict.issues.to_pylist() if row["rule"] == LOST]
    assert [(row["severity"], row["interchange_ordinal"]) for row in lost] == [("reject", None)]
    assert set(verdict.interchange_verdicts["ta1_code"].to_pylist()) == {"A"}
    assert set(verdict.dispositions["state"].to_pylist()) == {"accepted"}
    assert verdict.file_verdict == "partially_accepted"


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        ("\xef\xbb\xbf\r\n \t\0" + FIRST, ["leading-bytes"]),
        (FIRST + "\r\n\r\n" + SECOND, []),
        (FIRST + "END OF FILE~\x1a", ["bytes-after-interchange", "terminator-missing-at-end"]),
        (FIRST + "# LAST-RECORD-OF-FILE~", ["bytes-after-interchange"]),
        (FIRST + "END OF FILE PAGE-1-2~", ["bytes-after-interchange"]),
    ],
)
def test_what_is_no_interchange_is_passed_over(reader, content, rules):
    """A mark, blanks, line ends and NULs in front; a tail without segments behind."""
    verdict = reader.verdict(content)
    assert (verdict.file_verdict, verdict.issues["rule"].to_pylist()) == ("accepted", rules)


def test_damaged_interchanges_alone_are_read_by_nobody(reader):
    """Without a good one beside them the file is set apart."""
    verdict = reader.verdict(shortened(FIRST) + shifted(SECOND))
    assert verdict.file_verdict == "unreadable"
    assert verdict.issues["rule"].to_pylist() == ["interchange-header-malformed"]


def test_every_tail_is_looked_at_up_to_the_next_trailer_only(reader):
    """Not up to the end of the file again for each: a file may hold trailers and words only."""
    lost = other(SECOND)[150:].replace("~", "$")
    content = FIRST.replace("~", "\n") + "IEA\nEND\n" * 3 + "IEA\n" + lost + "\n"
    told = [row["rule"] for row in reader.verdict(content).issues.to_pylist()]
    assert told.count("bytes-after-interchange") == 3
    assert told.count(LOST) == 1
