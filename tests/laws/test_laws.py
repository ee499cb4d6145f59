"""What holds for every file, whatever is in it."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from parsers.reading import open_received
from parsers.segments import split_segments
from parsers.tally import tally_bytes, tally_segments
from schemas.limits import load_limits
from tests.cases.enrollment import DEPENDENT, MEMBER, changed, enrollment, everything
from tests.cases.reading import Reader, as_bytes
from tests.laws.good_files import good_files
from tests.laws.mutants import mutant
from validators.check import Terms

BYTE_COLUMNS = {"byte_start", "byte_end"}
ENVELOPE_TABLES = (
    *("interchanges", "functional_groups", "transaction_sets", "interchange_verdicts"),
    *("group_verdicts", "set_verdicts", "dispositions", "issues"),
)
ABOUT_WRITING = {"blanks-between-segments", "terminator-missing-at-end", "leading-bytes"}
LINE_ENDS = ("", "\n", "\r", "\r\n", " ", "\n  \t")
# Examples are found by seeds: a smaller seed is no simpler file, so there is nothing to shrink.
some = settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of the module's own: each example writes its file anew."""
    return tmp_path_factory.mktemp("laws")


@pytest.fixture(scope="module")
def originals(folder):
    """Good files."""
    return good_files(folder)


@pytest.fixture(scope="module")
def reader(folder):
    """Checks contents as files."""
    return Reader(folder)


def everything_known(reader, content, terms=None):
    """All that a check yields, by table, as rows."""
    checked, tables = reader.check(content, terms)
    known = {name: tables[name].to_pylist() for name in tables.parts}
    known |= {name: getattr(checked.verdict, name).to_pylist() for name in ENVELOPE_TABLES}
    return known | {"counts": checked.counts, "verdict": checked.verdict.file_verdict}


def without(known, columns, rules=frozenset()):
    """The same without some columns, and without issues of some rules."""
    return {
        name: [
            {key: value for key, value in row.items() if key not in columns}
            for row in rows
            if row.get("rule") not in rules
        ]
        for name, rows in known.items()
        if isinstance(rows, list)
    }


def mutants_of(originals):
    """Mutants as hypothesis draws them, by a seed each."""

    def from_seed(seed):
        random = Random(seed)
        return mutant(random, random.choice(originals)).text.encode("latin-1")

    return st.integers(0, 10**6).map(from_seed)


@some
@given(data=st.data(), line_end=st.sampled_from(LINE_ENDS))
def test_tokens_and_delimiters_are_the_file(reader, originals, data, line_end):
    """What is between the spans of segments is terminators and blanks, and nothing is lost."""
    content = data.draw(mutants_of(originals)).replace(b"~", b"~" + line_end.encode())
    with open_received(reader.path(content)) as received:
        written = bytearray(content[: received.layout.leading])
        for stretch in received.stretches(replace(load_limits(), stretch_bytes=400)):
            segments = stretch.segments
            raw = segments.data.tobytes()
            for first, count in zip(segments.first_token, segments.token_count, strict=True):
                tokens = range(first, first + count)
                between = content[len(written) : segments.starts[first] + segments.base]
                assert not between.strip(b"~ \t\r\n")
                written += between
                written += b"*".join(raw[segments.starts[t] : segments.ends[t]] for t in tokens)
    assert not content[len(written) :].strip(b"~ \t\r\n")
    assert content.startswith(bytes(written))


@some
@given(
    data=st.data(),
    delimiters=st.permutations(list("*~^:|!{}\x1c\x1d\x1e\x1f\xa6")).map(lambda p: p[:4]),
    line_end=st.sampled_from(LINE_ENDS),
)
def test_other_delimiters_and_line_ends_give_the_same(
    reader, originals, data, delimiters, line_end
):
    """The tables and issues are the same but for byte positions and what tells of the writing."""
    content = "".join(f"{segment}~" for segment in originals[data.draw(st.integers(0, 3))])
    faulty = content.replace("19800229", "19810229").replace("INS*Y*18", "INS*Q*18")
    table = str.maketrans("*~^:", "".join(delimiters))
    other = faulty.translate(table).replace(delimiters[1], delimiters[1] + line_end)
    columns = BYTE_COLUMNS | {"repetition_separator", "component_separator"}
    one, two = everything_known(reader, faulty), everything_known(reader, other)
    assert without(one, columns, ABOUT_WRITING) == without(two, columns, ABOUT_WRITING)
    assert one["issues"] or one["verdict"] == "accepted"


@some
@given(originals_place=st.integers(0, 3), end=st.sampled_from(["\n", "\r", "\r\n"]))
def test_a_line_end_may_be_the_terminator(reader, originals, originals_place, end):
    """With CRLF the CR ends the segment and the LF is a line end before the next one."""
    content = "".join(f"{segment}~" for segment in originals[originals_place])
    one = everything_known(reader, content)
    two = everything_known(reader, content.replace("~", end))
    assert without(one, BYTE_COLUMNS) == without(two, BYTE_COLUMNS)


@some
@given(
    data=st.data(),
    line_end=st.sampled_from((*LINE_ENDS, "~")),
    stretch_bytes=st.sampled_from([1, 60, 200, 333, 1000]),
)
def test_the_size_of_stretches_changes_nothing(reader, originals, data, line_end, stretch_bytes):
    """Wherever a file is cut, its tables, issues and verdict are the same, byte positions too."""
    mutants = data.draw(st.lists(mutants_of(originals), min_size=1, max_size=2))
    content = b"".join(mutants).replace(b"~", b"~" + line_end.encode())
    small = Terms(limits=replace(load_limits(), stretch_bytes=stretch_bytes))
    assert everything_known(reader, content) == everything_known(reader, content, small)


@pytest.mark.parametrize("place", range(4))
def test_a_terminator_that_ends_nothing_is_no_element(reader, originals, place):
    """Behind the last member it stands where the header behind that member's like has elements."""
    isa, _, *rest = originals[place]
    begun = rest[: next(k for k, one in enumerate(rest) if one.startswith("SE*"))]
    headless = [one for one in begun if not one.startswith("BGN*")]
    segments = (isa, *headless, *begun, "SE*31*0001", "GE*1*2")
    doubled = everything_known(reader, "".join(f"{segment}~~" for segment in segments))
    single = everything_known(reader, "".join(f"{segment}~" for segment in segments))
    about_writing = {*ABOUT_WRITING, "empty-segments"}
    assert without(doubled, BYTE_COLUMNS, about_writing) == without(
        single, BYTE_COLUMNS, about_writing
    )


@some
@given(data=st.data(), line_end=st.sampled_from((*LINE_ENDS, "~")))
def test_a_stretch_is_counted_alike_by_its_bytes(reader, originals, data, line_end):
    """What comes before a stretch is known before it is parsed: processes need not wait."""
    content = data.draw(mutants_of(originals)).replace(b"~", b"~" + line_end.encode())
    with open_received(reader.path(content)) as received:
        for span in received.spans(replace(load_limits(), stretch_bytes=400)):
            part = content[span.byte_start : span.byte_end]
            segments = split_segments(part, span.byte_start, span.delimiters)
            assert tally_bytes(part, span.delimiters) == tally_segments(segments)


@some
@given(data=st.data())
def test_two_interchanges_are_each_alone(reader, originals, data):
    """Issues and members of the second are its own, counted on; delimiters are its own too."""
    first, second = (data.draw(mutants_of(originals)) for _ in range(2))
    for end in (b"*", b"~"):
        second = second.replace(b"*000000001" + end, b"*000000002" + end)
    second = second.replace(b"~", b"!\n")
    together = everything_known(reader, first + second)
    apart = [everything_known(reader, content) for content in (first, second)]
    ordinals = {
        *("interchange_ordinal", "group_ordinal", "set_ordinal", "member_ordinal", "reason"),
        *BYTE_COLUMNS,
    }
    ends = {"terminator-missing-at-end", "interchange-trailer-missing", "interchange-not-closed"}
    for name, rows in without(together, ordinals, ends).items():
        each = [row for one in apart for row in without(one, ordinals, ends)[name]]
        if name == "interchange_verdicts":
            continue  # a missing IEA is 023 at the end of the file and 022 before the next ISA
        assert rows == each, name


@pytest.mark.control("input-validation")
@some
@given(st.binary(max_size=600), st.sampled_from([0, 106, 400]), st.integers(0, 3))
def test_no_bytes_raise(reader, originals, junk, kept, place):
    """Anything may come, alone or behind the beginning of a good file."""
    content = "".join(f"{segment}~" for segment in originals[place]).encode()
    verdict = reader.verdict(content[:kept] + junk)
    assert verdict.file_verdict in ("unreadable", "rejected", "partially_accepted", "accepted")


@some
@given(data=st.data())
def test_spans_of_issues_are_segments_or_elements(reader, originals, data):
    """An issue shows its own segment, whole, or its own element, whole.

    Blanks between a terminator and the next segment are of neither.
    """
    content = data.draw(mutants_of(originals))
    for issue in reader.verdict(content).issues.to_pylist():
        start, end = issue["byte_start"], issue["byte_end"]
        begin = content.rfind(b"~", 0, start) + 1
        begin += len(content[begin:start]) - len(content[begin:start].lstrip(b" \t\r\n"))
        stop = content.find(b"~", begin)
        segment = content[begin : len(content) if stop < 0 else stop]
        if start == begin:
            assert content[start:end] == segment
            shown = segment.split(b"*")[0].decode("latin-1")[:3]
            assert issue["rule"] == "segment-missing" or shown == (issue["segment_id"] or "")
        else:
            elements = segment.split(b"*")
            assert content[start:end] == elements[issue["element"]]


FAULTS = {
    "element-date-invalid": ("DMG", "DMG*D8*20150230*M"),
    "element-code-invalid": ("INS", "INS*N*19*021*EC*Q"),
    "segment-missing": ("REF*0F",),
    "segment-unknown": ("DMG", "DMG*D8*20150704*M", "QQ*1"),
    "element-not-used": ("NM1", "NM1*IL*1*DOE*JOHN******1"),
}


@settings(some, max_examples=15)
@given(
    members=st.integers(1, 40),
    place=st.integers(0, 39),
    rule=st.sampled_from(sorted(FAULTS)),
)
def test_one_defect_adds_exactly_its_issue(reader, members, place, rule):
    """In a family of any size one fault in one member is told once, with that member."""
    place = min(place, members - 1)
    family = [DEPENDENT] * members
    family[place] = changed(DEPENDENT, *FAULTS[rule])
    issues = reader.verdict(enrollment(MEMBER, *family)).issues.to_pylist()
    assert [(issue["rule"], issue["member_ordinal"]) for issue in issues] == [(rule, place + 2)]


def test_every_segment_of_the_guide_has_its_place(reader):
    """In the file that uses all of the guide no segment is without a loop."""
    _, tables = reader.check(everything())
    assert tables["segments"]["loop_id"].null_count == 0
    spans = tables["segments"]
    content = as_bytes(everything())
    starts, ends = (spans[name].to_numpy() for name in ("byte_start", "byte_end"))
    assert np.array_equal(starts[1:], ends[:-1] + 1)
    assert (starts[0], ends[-1]) == (0, len(content) - 1)
